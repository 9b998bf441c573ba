/** Errors of this room. `code` is stable and safe to match on. */
export type LedgerErrorCode =
  /** a claim that would take a device above 100 %; the ledger is unchanged */
  | 'over-allocated'
  /** who is to be added is in the books of the node already; they are unchanged */
  | 'already-here'
  /** more given back than was taken; the ledger is unchanged */
  | 'under-flow'
  /** two devices of one node with the same uuid or index */
  | 'duplicate-device';

export class LedgerError extends Error {
  override readonly name = 'LedgerError';
  readonly code: LedgerErrorCode;

  constructor(code: LedgerErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
