/**
 * Holds: claims of pods that are not bound yet. One per pod uid. The shares themselves are in the node's books; here is who
 * owns them, why, and until when.
 *
 * Causes: `tentative` (made by filter), `planned` (a nomination of ours), `awaiting` (a preemptor's: its devices still belong
 * to terminating victims, nobody else gets them, and it cannot bind before they are gone).
 *
 * A hold moves through these states:
 *
 *   open     ── filter for the same uid ──►  open (confirmed, or replaced by one elsewhere)
 *   open     ── bind starts ─────────────►  binding
 *   open     ── deadline, pod gone ──────►  (ends; at its deadline a gang's whole plan ends, as far as it is open)
 *   binding  ── API server: bound ───────►  landed
 *   binding  ── API server: refused ─────►  (ends)
 *   binding  ── no answer ───────────────►  unknown: the write may have happened
 *   unknown  ── pod read back: bound here ► landed;  bound elsewhere or not at all ► (ends)
 *   landed   ── informer shows the pod bound ► (ends; the pod's own claim counts from then on, in the same step)
 *   any      ── pod deleted ─────────────►  (ends)
 *
 * Only `open` has a deadline and only `open` may be replaced: in the other three states a Binding may be on its way, and
 * giving the shares to somebody else could put two pods on one device. `awaiting` is always `open`; its deadline moves on
 * while a victim is still there, and its claim moves to other devices of its node when there is room for the pod already.
 */
import type { Claim } from '../core/gpu/claim.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';

export const HOLD_CAUSES = ['tentative', 'planned', 'awaiting'] as const;
export type HoldCause = (typeof HOLD_CAUSES)[number];
export type HoldState = 'open' | 'binding' | 'unknown' | 'landed';

export type Hold = {
  readonly pod: PodFacts;
  readonly node: string;
  /** null: a gang's member that wants no GPU; its place is kept all the same */
  readonly claim: Claim | null;
  readonly cause: HoldCause;
  /** nodes in the order in which the last filter preferred them, `node` first */
  readonly ranked: readonly string[];
  /** key of the gang whose plan it is part of: the open holds of a plan end together; null: it stands for itself */
  readonly gang: string | null;
  /** uids whose end an `awaiting` hold waits for */
  readonly victims: readonly string[];
  state: HoldState;
  /** monotonic ms; null once a Binding was sent */
  deadline: number | null;
  /** monotonic ms of the last change of state */
  since: number;
  /** stamp of its node at which an `awaiting` hold was last looked at */
  settledAt?: number;
};

/** As a hold begins: open, from `now` (monotonic ms) for `ms`. */
export function openHold(
  {
    pod,
    node,
    claim,
    cause,
    gang = null,
    ranked = [node],
    victims = [],
  }: Pick<Hold, 'pod' | 'node' | 'claim' | 'cause'> & Partial<Pick<Hold, 'gang' | 'ranked' | 'victims'>>,
  now: number,
  ms: number,
): Hold {
  return { pod, node, claim, cause, gang, ranked, victims, state: 'open', deadline: now + ms, since: now };
}

const NONE: readonly Hold[] = [];

export class Holds {
  readonly #byUid = new Map<string, Hold>();
  /** few or none, asked for at every decision */
  readonly #awaiting = new Set<Hold>();
  readonly #byGang = new Map<string, Set<Hold>>();

  get(uid: string): Hold | undefined {
    return this.#byUid.get(uid);
  }

  values(): IterableIterator<Hold> {
    return this.#byUid.values();
  }

  /** A copy: it may be changed while it is read. */
  awaiting(): readonly Hold[] {
    return this.#awaiting.size === 0 ? NONE : [...this.#awaiting];
  }

  /** Holds of one gang's plan, whatever their state. A copy. */
  ofGang(gang: string): readonly Hold[] {
    const holds = this.#byGang.get(gang);
    return holds === undefined ? NONE : [...holds];
  }

  set(hold: Hold): void {
    this.delete(hold.pod.uid);
    this.#byUid.set(hold.pod.uid, hold);
    if (hold.gang !== null) {
      const holds = this.#byGang.get(hold.gang);
      if (holds === undefined) this.#byGang.set(hold.gang, new Set([hold]));
      else holds.add(hold);
    }
    if (hold.cause === 'awaiting') this.#awaiting.add(hold);
  }

  delete(uid: string): boolean {
    const hold = this.#byUid.get(uid);
    if (hold !== undefined) {
      this.#awaiting.delete(hold);
      if (hold.gang !== null) this.#leave(hold.gang, hold);
    }
    return this.#byUid.delete(uid);
  }

  move(hold: Hold, state: HoldState, now: number): void {
    hold.state = state;
    hold.since = now;
    if (state !== 'open') hold.deadline = null;
  }

  /** Open holds past their deadline. */
  expired(now: number): Hold[] {
    return [...this.#byUid.values()].filter((hold) => hold.deadline !== null && hold.deadline <= now);
  }

  /** Landed holds that the informer has not shown bound for `ms`: their pod must be read back. */
  overdue(now: number, ms: number): Hold[] {
    return [...this.#byUid.values()].filter((hold) => hold.state === 'landed' && now - hold.since >= ms);
  }

  #leave(gang: string, hold: Hold): void {
    const holds = this.#byGang.get(gang);
    holds?.delete(hold);
    if (holds?.size === 0) this.#byGang.delete(gang);
  }

  countByCause(): Record<HoldCause, number> {
    const counts = { tentative: 0, planned: 0, awaiting: 0 };
    for (const hold of this.#byUid.values()) counts[hold.cause]++;
    return counts;
  }
}
