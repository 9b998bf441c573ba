/** Why a pod's words cannot become a request. Thrown by the dialects, caught by `readAsk` alone. */
export type AskErrorCode =
  /** two lines of the pod that cannot both be true */
  | 'contradiction'
  /** one line that is no amount, name or policy */
  | 'malformed'
  /** understood, but nothing of ours can serve it */
  | 'unsupported';

export class AskError extends Error {
  override readonly name = 'AskError';
  readonly code: AskErrorCode;

  /** `message`: the line or lines as written, what is wrong with them, and what to do. */
  constructor(code: AskErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

export function contradiction(one: string, other: string, remedy: string): AskError {
  return new AskError('contradiction', `${one} contradicts ${other}; ${remedy}`);
}

export function malformed(line: string, remedy: string): AskError {
  return new AskError('malformed', `${line} cannot be read: ${remedy}`);
}
