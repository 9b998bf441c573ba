/** What a fit would do to one node, in thousandths: the only thing that node policies may look at. */
export type NodeFit = {
  /** devices that were idle and would be opened by this pod */
  openedIdle: number;
  /** free fill left on the devices touched, averaged over them, 0…1000 */
  leftover: number;
  /** fill of the whole node afterwards, 0…1000 */
  nodeFill: number;
};

/** Scores are in [0, SCORE_LIMIT): room for a preference below them in one 31-bit integer. */
export const SCORE_LIMIT = 1 << 20;
