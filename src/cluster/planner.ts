/**
 * What the placer asks of the books: places kept ahead of kube-scheduler. Every call is one synchronous step; what is held by it is
 * in `picture.holds` afterwards, under the cause `planned`, and the placer makes it known (or takes it back) from there.
 */
import type { Sliced } from '../core/placement/gang/slices.ts';
import type { ReasonCode } from '../core/reasons.ts';
import type { PreemptAnswer } from './decider.ts';
import type { GangRoom } from './gangs/room.ts';
import type { Hold } from './holds.ts';
import type { PlanOutcome } from './planning.ts';

export type PodOutcome =
  | { readonly kind: 'planned'; readonly hold: Hold }
  /** bound, gone, or it has a place already */
  | { readonly kind: 'settled' }
  /** it wants nothing of ours: kube-scheduler alone places it */
  | { readonly kind: 'not-ours' }
  /** `code`: the reason that is nearest to fitting, over all nodes */
  | { readonly kind: 'refused'; readonly code: ReasonCode };

export interface Planner {
  /** A place for one pod that starts by itself, anywhere in the cluster. */
  planPod(uid: string): PodOutcome;
  /** Places for what is missing of a gang's minimum, all or nothing. */
  planGang(gang: string): PlanOutcome;
  /** False: best nodes are often missed by kube-scheduler's sample as things stand, and deciding ahead saves the way round. Changes nothing. */
  readonly samplesDo: boolean;
  /** Why a gang of just this kind was refused since something last came free; null: that is not known, and it must be planned. O(1) for most. */
  refusedAlike(gang: string): ReasonCode | null;
  /** When a gang that was refused is worth a try although nothing came free, monotonic ms; Infinity: there is no such time. */
  retryAt(gang: string): number;
  /**
   * Plans found on pods become planned holds again, gangs' whole: what is missing of one is planned beside the rest, or all of it ends.
   * Before anything is decided. `wallMs`: ms since the epoch, for their deadlines.
   */
  restorePlans(wallMs: number): void;
  /** The API server does not take the nomination: what is held for it ends, and filter alone decides for the pod from now on. */
  unwritable(uid: string): void;
  /**
   * Victims whose end makes room for the pod, on the node where that costs least; their devices are kept for it. null: eviction does
   * not help, or it waits for victims already. The caller evicts them.
   */
  evictFor(uid: string): PreemptAnswer | null;
  /**
   * The same for a whole gang: victims whose end lets all that is missing of it start together. null: eviction does not help, budgets
   * forbid it, a member may not preempt, or it has been done; `stale`: the books changed too much on the way, another search may find
   * more. Only looks; takes up to a second, so it is driven in slices.
   */
  searchRoom(gang: string): Sliced<GangRoom | 'stale' | null>;
  /** What was found is kept for the gang; in the same turn as it was found. The caller evicts the victims. */
  keepRoom(gang: string, room: GangRoom): void;
  /** See Decider.dropPlan. */
  dropPlan(gang: string, late: boolean): void;
}
