/**
 * Room by eviction, for whoever asks (preempting.ts for the verb, ahead.ts for the placer): which node is freed for a pod, by evicting whom. Victims are bound pods of lower priority;
 * a hold is nobody's victim. One node is answered, so that kube-scheduler nominates exactly the one whose devices we keep.
 */
import type { Claim } from '../core/gpu/claim.ts';
import { peakOf } from '../core/gpu/peak.ts';
import type { Work } from '../core/gpu/work.ts';
import { leavesAtMost } from '../core/placement/gang/gang-victims.ts';
import { leastMilliOf } from '../core/placement/gang/plan-gang.ts';
import { allows, placeOn } from '../core/placement/judge.ts';
import type { NodeInfo, Occupant } from '../core/placement/node-info.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import type { Shape } from '../core/placement/shape.ts';
import {
  compareCost,
  searchVictims,
  type Trial,
  type Victim,
  type VictimSet,
  victimSet,
} from '../core/placement/victims.ts';
import type { PreemptCandidate } from './decider.ts';
import { Spares } from './gangs/spare.ts';
import type { Picture } from './picture.ts';
import { selects } from './projection/pdb.ts';

export type Preemption = {
  readonly node: string;
  readonly victims: readonly string[];
  readonly pdbViolations: number;
  /** what the preemptor will take once they are gone */
  readonly claim: Claim | null;
};

/**
 * Units of work (see core/gpu/work.ts) after which no further candidate is looked at: each tries its pods in and out, and everybody waits
 * for the one thread. Enough for about a hundred nodes full of small pods.
 */
const PREEMPT_WORK = 350_000;
/** A candidate that is not through by so many times the work is dropped: half a search would evict more than it must. */
const LAST_CANDIDATE = 2;
/** A look at a pod on a node, in units. */
const LOOK_WORK = 2;
/** A copy of a node's books, in units. */
const COPY_WORK = 32;
/** Putting a pod in or out of a node's books, in units. */
const MOVE_WORK = 8;

/**
 * The cheapest preemption over the candidates for a pod that we place, null when eviction cannot help.
 * `most`: units of work. `from`: at which candidate, in the order of names, to begin. `next`: where to go on another time, 0 when all were looked at.
 */
export function correctVictims(
  picture: Picture,
  pod: PodFacts,
  shape: Shape,
  candidates: readonly PreemptCandidate[],
  from: number,
  most: number = PREEMPT_WORK,
): { readonly best: Preemption | null; readonly next: number } {
  const budgets = budgetIndex(picture);
  const spares = new Spares(picture);
  const spent: Work = { work: 0 };
  let best: ({ node: string } & Found) | null = null;
  const sorted = [...candidates].sort((a, b) => (a.node < b.node ? -1 : 1));
  let looked = 0;
  for (; looked < sorted.length && spent.work < most; looked++) {
    const candidate = sorted[(from + looked) % sorted.length]!;
    const node = picture.nodes.get(candidate.node);
    if (node?.facts == null) continue;
    const eligible: PodFacts[] = [];
    const leaves: number[] = [];
    for (const occupant of node.occupants()) {
      spent.work += LOOK_WORK;
      const other = occupant.kind === 'bound' ? picture.pod(occupant.uid) : undefined;
      if (other === undefined || !mayBeVictim(other, pod)) continue;
      eligible.push(other);
      leaves.push(leavesAtMost(node, occupant));
    }
    spent.work++;
    const least = leastCost(eligible, leaves, node, pod);
    if (least === null) continue;
    if (best !== null) {
      // whoever it were, it would not be cheaper
      const atBest = compareCost(least, best.set.cost);
      if (atBest > 0 || (atBest === 0 && node.name > best.node)) continue;
    }
    const trial = new NodeTrial(node, pod, shape, spent, LAST_CANDIDATE * most);
    const found = search(trial, eligible, node, candidate, budgets, spares);
    if (found === null) continue;
    const cheaper = best === null ? -1 : compareCost(found.set.cost, best.set.cost);
    if (cheaper < 0 || (cheaper === 0 && node.name < best!.node)) best = { node: node.name, ...found };
  }
  const next = looked < sorted.length ? (from + looked) % sorted.length : 0;
  if (best === null) return { best, next };
  const { node, set, claim } = best;
  return { best: { node, victims: set.victims, pdbViolations: set.pdbViolations, claim }, next };
}

/**
 * What can be kept for a pod on the node that kube-scheduler nominated for it: its claim there now (no victims), or once all that are
 * ending there are gone. null when it would not fit even then.
 *
 * After a crash this is all there is: who was evicted for whom is written nowhere, and victims that are gone have left nothing. So
 * whatever is free or comes free on a nominated node counts as the nominated pod's, as it does for kube-scheduler itself.
 */
export function reservedClaim(
  picture: Picture,
  pod: PodFacts,
  shape: Shape,
  node: NodeInfo,
): { claim: Claim; victims: readonly string[] } | null {
  const trial = new NodeTrial(node, pod, shape, { work: 0 }, LAST_CANDIDATE * PREEMPT_WORK);
  const now = trial.claim();
  if (now !== null) return { claim: now, victims: [] };
  const victims = boundPods(picture, node).filter((other) => other.terminating);
  if (victims.length === 0) return null;
  for (const victim of victims) trial.remove(victim.uid);
  const claim = trial.claim();
  return claim === null ? null : { claim, victims: victims.map((victim) => victim.uid) };
}

type Found = { set: VictimSet; claim: Claim | null };

/** What nobody's victims on this node can cost less than, by sums alone. `leaves`: thousandths that come free by each; null: with all of them gone the pod would not fit. */
function leastCost(
  eligible: readonly PodFacts[],
  leaves: readonly number[],
  node: NodeInfo,
  pod: PodFacts,
): readonly number[] | null {
  if (eligible.length === 0) return null;
  let missing = leastMilliOf(pod) - node.ledger.free - leavesAtMost(node, node.occupant(pod.uid));
  const alive: number[] = [];
  let top = Number.MAX_SAFE_INTEGER;
  let started = 0;
  for (let at = 0; at < eligible.length; at++) {
    const other = eligible[at]!;
    const milli = leaves[at]!;
    if (other.terminating) missing -= milli;
    else {
      alive.push(milli);
      top = Math.min(top, other.priority);
      started += other.startedMs || other.createdMs;
    }
  }
  const goes = alive.length < eligible.length;
  alive.sort((a, b) => b - a);
  let count = 0;
  for (; missing > 0 && count < alive.length; count++) missing -= alive[count]!;
  if (missing > 0) return null;
  if (count === 0 && goes) return [0, 0, Number.MIN_SAFE_INTEGER, 0, -started];
  return [0, 0, top, Math.max(1, count), -started];
}

function search(
  trial: NodeTrial,
  eligible: readonly PodFacts[],
  node: NodeInfo,
  candidate: PreemptCandidate,
  budgets: BudgetIndex,
  spares: Spares,
): Found | null {
  const victims = eligible.map((other) => asVictim(other, node, budgets));
  for (const { gang } of victims) spares.look(gang);
  const spare = spares.map;
  const claimWithout = (set: VictimSet): Claim | null => {
    for (const uid of set.victims) trial.remove(uid);
    const claim = trial.claim();
    for (const uid of set.victims) trial.restore(uid);
    return claim;
  };
  const wanted = candidate.victims ?? [];
  const named = victims.filter((victim) => wanted.includes(victim.uid));
  const offered = named.length > 0 && named.length === wanted.length ? victimSet(named, budgets.allowed, spare) : null;
  const claim = offered === null ? null : claimWithout(offered);
  // by our books it fits already: kube-scheduler evicts for a rule that we do not model, and its victims stand
  if (trial.fits()) return offered === null ? null : { set: offered, claim };
  const set = searchVictims(victims, budgets.allowed, trial, spare);
  // its victims stand as well where they suffice and nobody is known to be cheaper: only devices are ours to correct
  const found = trial.exhausted ? null : set;
  if (offered !== null && claim !== null && (found === null || compareCost(offered.cost, found.cost) <= 0)) {
    return { set: offered, claim };
  }
  return found === null ? null : { set: found, claim: claimWithout(found) };
}

/** One node's books to remove victims from and put them back. The preemptor's own hold is out of the way. */
class NodeTrial implements Trial {
  readonly #node: NodeInfo;
  readonly #pod: PodFacts;
  readonly #shape: Shape;
  readonly #spent: Work;
  readonly #removed = new Map<string, Occupant>();

  readonly #last: number;

  /** `last`: units of work by which it must be through */
  constructor(node: NodeInfo, pod: PodFacts, shape: Shape, spent: Work, last: number) {
    spent.work += COPY_WORK;
    this.#spent = spent;
    this.#last = last;
    this.#node = node.copy();
    this.#node.remove(pod.uid);
    this.#pod = pod;
    this.#shape = shape;
  }

  /** The work is spent: `fits` has said no without looking. */
  get exhausted(): boolean {
    return this.#spent.work >= this.#last;
  }

  remove(uid: string): void {
    this.#spent.work += MOVE_WORK;
    const occupant = this.#node.remove(uid);
    if (occupant !== undefined) this.#removed.set(uid, occupant);
  }

  restore(uid: string): void {
    this.#spent.work += MOVE_WORK;
    const occupant = this.#removed.get(uid);
    if (occupant === undefined) return;
    this.#removed.delete(uid);
    this.#node.add(occupant);
  }

  fits(): boolean {
    if (this.exhausted) return false;
    return allows(this.#shape, this.#node, this.#spent) && this.#node.lacks(this.#pod.needs) === null;
  }

  claim(): Claim | null {
    if (!this.fits()) return null;
    const placed = placeOn(this.#shape, this.#node);
    return placed.fits ? placed.claim : null;
  }
}

function boundPods(picture: Picture, node: NodeInfo): PodFacts[] {
  const pods: PodFacts[] = [];
  for (const occupant of node.occupants()) {
    const pod = occupant.kind === 'bound' ? picture.pod(occupant.uid) : undefined;
    if (pod !== undefined) pods.push(pod);
  }
  return pods;
}

function mayBeVictim(victim: PodFacts, preemptor: PodFacts): boolean {
  return (
    victim.uid !== preemptor.uid &&
    victim.nodeName !== null &&
    !victim.terminal &&
    victim.priority < preemptor.priority &&
    // whoever evicts a member of its own gang gains nothing
    (victim.gang === null || victim.gang !== preemptor.gang)
  );
}

function asVictim(pod: PodFacts, node: NodeInfo, budgets: BudgetIndex): Victim {
  const claim = pod.claim === 'malformed' ? null : pod.claim;
  return {
    uid: pod.uid,
    priority: pod.priority,
    startedMs: pod.startedMs || pod.createdMs,
    gang: pod.gang,
    subGroup: pod.gangSaid?.subGroup ?? null,
    terminating: pod.terminating,
    devices:
      claim === null
        ? []
        : peakOf(claim)
            .map((share) => node.ledger.positionOf(share))
            .filter((position) => position >= 0),
    budgets: budgets.of(pod),
  };
}

export type BudgetIndex = { readonly allowed: readonly number[]; of(pod: PodFacts): number[] };

export function budgetIndex(picture: Picture): BudgetIndex {
  const budgets = [...picture.budgets()];
  return {
    allowed: budgets.map((budget) => budget.disruptionsAllowed),
    of: (pod) =>
      budgets.flatMap((budget, at) =>
        // a pod that the budget's controller already counts as disrupted costs nothing more
        budget.namespace === pod.namespace &&
        !budget.disruptedPods.includes(pod.name) &&
        selects(budget.selector, pod.labels)
          ? [at]
          : [],
      ),
  };
}
