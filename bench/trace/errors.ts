/** What whoever starts a replay can mend: a directory of another shape, an option that says nothing. `message` names the place and the remedy. */
export class TraceError extends Error {
  override readonly name = 'TraceError';
  readonly code: 'data' | 'usage';

  constructor(code: TraceError['code'], message: string) {
    super(message);
    this.code = code;
  }
}
