/** Errors of this room. `code` is stable and safe to match on. */
export type AdmissionErrorCode =
  /** what was sent to the webhook is no AdmissionReview */
  | 'malformed'
  /** the API server refused a read or write of ours, or did not answer */
  | 'api'
  /** the stored or mounted certificates cannot be used */
  | 'certificates';

export class AdmissionError extends Error {
  override readonly name = 'AdmissionError';
  readonly code: AdmissionErrorCode;

  /** `message` says what happened to which object; never holds key material. */
  constructor(code: AdmissionErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
