/** Errors of this room. `code` is stable and safe to match on; `message` says what happened to which call. */
export type TransportErrorCode =
  /** no answer in time: a write may have happened */
  | 'timeout'
  /** the connection broke after bytes of the request may have left: a write may have happened */
  | 'broken'
  /** nothing was sent (refused, DNS, TLS): a write did not happen */
  | 'unsent'
  /** closed or aborted by ourselves */
  | 'aborted';

export class TransportError extends Error {
  override readonly name = 'TransportError';
  readonly code: TransportErrorCode;

  constructor(code: TransportErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }

  /** true when the API server may have carried the request out although no answer came */
  get mayHaveHappened(): boolean {
    return this.code === 'timeout' || this.code === 'broken';
  }
}
