/** The answer for one request and one node, in a form that is filled again and again without garbage. */
import type { ReasonCode } from '../reasons.ts';

/**
 * Score inputs mean nothing unless `fits`. Lists are parallel and `touched` long; what lies behind that is old.
 * Capacity grows by itself: an instance serves any number of nodes.
 */
export type Verdict = {
  /** what this answer cost, see work.ts */
  work: number;
  fits: boolean;
  /** null when it fits */
  reason: ReasonCode | null;
  /** number of different devices the pod would use */
  touched: number;
  /** positions of those devices in the ledger, ascending */
  positions: Int32Array;
  /** what the pod's peak adds to each of them, MiB and milli: exactly what `take` of the claim's peak would add */
  addMib: Float64Array;
  addMilli: Float64Array;
  /** how many of them nobody used or awaited before */
  opened: number;
  /** sum over them of what stays free afterwards: min(free milli, ⌊1000 · free MiB / MiB⌋), at least 0 each. Small = tight */
  leftover: number;
  /** sum of the pairwise link weights inside each container; 0 unless the policy is `link` */
  linkWeight: number;
};

/** Typed arrays of 64 bytes lie on the heap; larger ones are allocated beside it, which costs as much as a small decision. */
const ROOM = 8;

export function newVerdict(): Verdict {
  return {
    work: 0,
    fits: false,
    reason: null,
    touched: 0,
    positions: new Int32Array(ROOM),
    addMib: new Float64Array(ROOM),
    addMilli: new Float64Array(ROOM),
    opened: 0,
    leftover: 0,
    linkWeight: 0,
  };
}

/** Makes room for `devices` entries. */
export function ensureRoom(verdict: Verdict, devices: number): void {
  if (verdict.positions.length >= devices) return;
  verdict.positions = new Int32Array(devices);
  verdict.addMib = new Float64Array(devices);
  verdict.addMilli = new Float64Array(devices);
}
