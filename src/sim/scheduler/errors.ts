/** Why a scheduling cycle ended by an error rather than a verdict. */
export type SchedulerErrorCode =
  /** no usable answer: transport, status other than 200, no JSON */
  | 'extender-call'
  /** the extender answered with an `Error` text */
  | 'extender-error'
  /** the answer names nodes or victims that were not in the request, or lacks victims */
  | 'extender-answer'
  /** an answer that makes the real kube-scheduler dereference nil and crash */
  | 'extender-panic'
  /** the API server refused or did not answer */
  | 'api';

export class SchedulerError extends Error {
  override readonly name = 'SchedulerError';
  readonly code: SchedulerErrorCode;

  constructor(code: SchedulerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
