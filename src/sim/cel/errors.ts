/** What is wrong with a CEL expression, in the words cel-go uses, so that what users see is what a real API server would say. */
export type CelErrorCode = 'cel-compile' | 'cel-run';

export class CelError extends Error {
  override readonly name = 'CelError';
  readonly code: CelErrorCode;

  constructor(code: CelErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}
