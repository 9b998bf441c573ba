/**
 * Which pods of one node must go so that a pod of higher priority fits there, on devices and on everything else we model.
 *
 * The method is kube-scheduler's (remove all that may go; if the pod fits, add back whom you can, most important first), run on
 * device books instead of sums. Adding back greedily can end at a set that is minimal but not the cheapest, so it is also run
 * with the removals confined to one device at a time, and to pods whose end breaks no gang; the cheapest result wins. Cost, most
 * significant first: violated disruption budgets, gangs broken, highest victim priority, number of victims, work lost.
 */
import { type GangSpare, losses } from './gang/running-pod.ts';

export type Victim = {
  readonly uid: string;
  readonly priority: number;
  /** ms since the epoch; an earlier start means more work lost */
  readonly startedMs: number;
  readonly gang: string | null;
  /** the sub-group of its gang that it is in; null: none */
  readonly subGroup: string | null;
  /** already being deleted: costs nothing, but holds its devices until it is gone */
  readonly terminating: boolean;
  /** positions of the devices it holds shares of */
  readonly devices: readonly number[];
  /** indices into `budgets` of the disruption budgets that select it */
  readonly budgets: readonly number[];
};

/** By gang, what it can lose and still have its minimum. */
export type Spare = ReadonlyMap<string, GangSpare>;
const NONE: Spare = new Map();

/** The node's books, changeable and back again. `restore` is the exact inverse of `remove`. */
export interface Trial {
  remove(uid: string): void;
  restore(uid: string): void;
  /** does the preempting pod fit now? */
  fits(): boolean;
}

export type VictimSet = {
  /** uids, never empty, least important first */
  readonly victims: readonly string[];
  /** how many victims exceed what a disruption budget still allows */
  readonly pdbViolations: number;
  readonly cost: readonly number[];
};

/**
 * The cheapest set among `candidates` (pods of one node that may be evicted for this pod), or null when even all of them would not do.
 * `budgets[i]`: disruptions that budget i still allows. `spare`: what gangs can lose and still have their minimum; one that is not in it
 * is broken by any loss. The trial is left as it was found.
 */
export function searchVictims(
  candidates: readonly Victim[],
  budgets: readonly number[],
  trial: Trial,
  spare: Spare = NONE,
): VictimSet | null {
  if (candidates.length === 0) return null;
  const sorted = [...candidates].sort(moreImportantFirst);
  let best = reprieve(sorted, budgets, trial, spare);
  if (best === null) return null;
  const sparing = losses([], spare);
  const loose = new Set(
    sorted.toReversed().filter((one) => one.gang === null || (spare.has(one.gang) && sparing.mayLose(one))),
  );
  if (loose.size > 0 && loose.size < sorted.length) {
    const unbroken = sorted.filter((one) => loose.has(one));
    const set = reprieve(unbroken, budgets, trial, spare);
    if (set !== null && compareCost(set.cost, best.cost) < 0) best = set;
  }
  const devices = new Set(sorted.flatMap((victim) => victim.devices));
  for (const device of devices.size > 1 ? devices : []) {
    const confined = sorted.filter((victim) => victim.devices.includes(device));
    if (confined.length === sorted.length) continue;
    const set = reprieve(confined, budgets, trial, spare);
    if (set !== null && compareCost(set.cost, best.cost) < 0) best = set;
  }
  return best;
}

/** The cost of a given set, for comparing it with a searched one. */
export function victimSet(victims: readonly Victim[], budgets: readonly number[], spare: Spare = NONE): VictimSet {
  const sorted = [...victims].sort(moreImportantFirst);
  const pdbViolations = violating(sorted, budgets).size;
  const alive = sorted.filter((victim) => !victim.terminating);
  const { broken } = losses(alive, spare);
  for (const { gang } of alive) if (gang !== null && !spare.has(gang)) broken.add(gang);
  const top = alive.reduce((highest, victim) => Math.max(highest, victim.priority), Number.MIN_SAFE_INTEGER);
  const started = alive.reduce((sum, victim) => sum + victim.startedMs, 0);
  return {
    victims: sorted.map((victim) => victim.uid).reverse(),
    pdbViolations,
    // equal counts are compared by work lost: Σ (now − started), least first, is Σ started, most first
    cost: [pdbViolations, broken.size, top, alive.length, -started],
  };
}

export function compareCost(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length; i++) {
    const difference = a[i]! - b[i]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

function reprieve(sorted: readonly Victim[], budgets: readonly number[], trial: Trial, spare: Spare): VictimSet | null {
  for (const victim of sorted) trial.remove(victim.uid);
  const remaining = new Set(sorted);
  const restore = (victim: Victim): void => {
    trial.restore(victim.uid);
    remaining.delete(victim);
  };
  if (!trial.fits()) {
    for (const victim of sorted) restore(victim);
    return null;
  }
  const breaking = violating(sorted, budgets);
  const order = [
    ...sorted.filter((victim) => breaking.has(victim)),
    ...sorted.filter((victim) => !breaking.has(victim)),
  ];
  for (const victim of order) {
    trial.restore(victim.uid);
    if (trial.fits()) remaining.delete(victim);
    else trial.remove(victim.uid);
  }
  const chosen = sorted.filter((victim) => remaining.has(victim));
  for (const victim of chosen) trial.restore(victim.uid);
  // everybody was added back and the pod still fits: nothing needs to go
  return chosen.length === 0 ? null : victimSet(chosen, budgets, spare);
}

/** Those that exceed a budget when evicted in this order (most important last to be evicted, so it is the first to be in excess). */
function violating(sorted: readonly Victim[], budgets: readonly number[]): Set<Victim> {
  const left = [...budgets];
  const excess = new Set<Victim>();
  for (let i = sorted.length - 1; i >= 0; i--) {
    const victim = sorted[i]!;
    if (victim.terminating) continue;
    let breaks = false;
    for (const budget of victim.budgets) {
      left[budget] = (left[budget] ?? 0) - 1;
      if (left[budget] < 0) breaks = true;
    }
    if (breaks) excess.add(victim);
  }
  return excess;
}

/** Pods that are going anyway come last: they are the last to be added back. */
function moreImportantFirst(a: Victim, b: Victim): number {
  if (a.terminating !== b.terminating) return a.terminating ? 1 : -1;
  if (a.priority !== b.priority) return b.priority - a.priority;
  if (a.startedMs !== b.startedMs) return a.startedMs - b.startedMs;
  return a.uid < b.uid ? -1 : 1;
}
