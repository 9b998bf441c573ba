/**
 * The preempt verb on the picture: which node is freed for a pod, by evicting whom. Victims are bound pods of lower priority;
 * a hold is nobody's victim. One node is answered, so that kube-scheduler nominates exactly the one whose devices we keep.
 */
import type { Claim } from '../core/gpu/claim.ts';
import { peakOf } from '../core/gpu/peak.ts';
import { judge, placeOn } from '../core/placement/judge.ts';
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
import type { Picture } from './picture.ts';
import { selects } from './project-pdb.ts';

export type Preemption = {
  readonly node: string;
  readonly victims: readonly string[];
  readonly pdbViolations: number;
  /** what the preemptor will take once they are gone; null for a pod without GPUs */
  readonly claim: Claim | null;
};

/** The cheapest preemption over the candidates, null when eviction cannot help. `shape` null: the pod wants no GPUs of ours. */
export function correctVictims(
  picture: Picture,
  pod: PodFacts,
  shape: Shape | null,
  candidates: readonly PreemptCandidate[],
): Preemption | null {
  const budgets = budgetIndex(picture);
  let best: { node: string; set: VictimSet; claim: Claim | null } | null = null;
  for (const candidate of [...candidates].sort((a, b) => (a.node < b.node ? -1 : 1))) {
    const node = picture.nodes.get(candidate.node);
    if (node?.facts == null) continue;
    const found =
      shape === null
        ? offeredVictims(picture, pod, node, candidate, budgets)
        : search(picture, pod, shape, node, candidate, budgets);
    if (found !== null && (best === null || compareCost(found.set.cost, best.set.cost) < 0))
      best = { node: node.name, ...found };
  }
  if (best === null) return null;
  const { node, set, claim } = best;
  return { node, victims: set.victims, pdbViolations: set.pdbViolations, claim };
}

/**
 * What a pod nominated by kube-scheduler was promised: its claim on the nominated node once the pods that are being disrupted there are
 * gone. null when nobody is terminating for it or it would not fit even then.
 */
export function reservedClaim(
  picture: Picture,
  pod: PodFacts,
  shape: Shape,
): { claim: Claim; victims: readonly string[] } | null {
  const node = pod.nominatedNode === null ? undefined : picture.nodes.get(pod.nominatedNode);
  if (node?.facts == null) return null;
  const victims = boundPods(picture, node).filter(
    (other) => other.terminating && other.disrupted && other.priority < pod.priority,
  );
  if (victims.length === 0) return null;
  const trial = new NodeTrial(node, pod, shape);
  for (const victim of victims) trial.remove(victim.uid);
  const claim = trial.claim();
  return claim === null ? null : { claim, victims: victims.map((victim) => victim.uid) };
}

type Found = { set: VictimSet; claim: Claim | null };

/** kube-scheduler's own choice, for pods that we do not place: only who may be a victim at all is checked. */
function offeredVictims(
  picture: Picture,
  pod: PodFacts,
  node: NodeInfo,
  candidate: PreemptCandidate,
  budgets: BudgetIndex,
): Found | null {
  if (candidate.victims === null || candidate.victims.length === 0) return null;
  if (pod.ask.kind === 'unmanaged' && node.facts?.managed) return null;
  if (pod.ask.kind === 'invalid' && (node.facts?.managed || !pod.ask.mig)) return null;
  const victims = candidate.victims.map((uid) => picture.pod(uid));
  if (!victims.every((victim) => victim !== undefined && mayBeVictim(victim, pod) && victim.nodeName === node.name))
    return null;
  return {
    set: victimSet(
      victims.map((victim) => asVictim(victim!, node, budgets)),
      budgets.allowed,
    ),
    claim: null,
  };
}

function search(
  picture: Picture,
  pod: PodFacts,
  shape: Shape,
  node: NodeInfo,
  candidate: PreemptCandidate,
  budgets: BudgetIndex,
): Found | null {
  const trial = new NodeTrial(node, pod, shape);
  const eligible = boundPods(picture, node).filter((other) => mayBeVictim(other, pod));
  const victims = eligible.map((other) => asVictim(other, node, budgets));
  const claimWithout = (set: VictimSet): Claim | null => {
    for (const uid of set.victims) trial.remove(uid);
    const claim = trial.claim();
    for (const uid of set.victims) trial.restore(uid);
    return claim;
  };
  // by our books it fits already: kube-scheduler evicts for a rule that we do not model, and its victims stand
  const wanted = candidate.victims ?? [];
  if (trial.fits()) {
    const named = victims.filter((victim) => wanted.includes(victim.uid));
    if (named.length === 0 || named.length !== wanted.length) return null;
    const set = victimSet(named, budgets.allowed);
    return { set, claim: claimWithout(set) };
  }
  const set = searchVictims(victims, budgets.allowed, trial);
  return set === null ? null : { set, claim: claimWithout(set) };
}

/** One node's books to remove victims from and put them back. The preemptor's own hold is out of the way. */
class NodeTrial implements Trial {
  readonly #node: NodeInfo;
  readonly #pod: PodFacts;
  readonly #shape: Shape;
  readonly #removed = new Map<string, Occupant>();

  constructor(node: NodeInfo, pod: PodFacts, shape: Shape) {
    this.#node = node.copy();
    this.#node.remove(pod.uid);
    this.#pod = pod;
    this.#shape = shape;
  }

  remove(uid: string): void {
    const occupant = this.#node.remove(uid);
    if (occupant !== undefined) this.#removed.set(uid, occupant);
  }

  restore(uid: string): void {
    const occupant = this.#removed.get(uid);
    if (occupant === undefined) return;
    this.#removed.delete(uid);
    this.#node.add(occupant);
  }

  fits(): boolean {
    return judge(this.#shape, this.#node) >= 0 && this.#node.lacks(this.#pod.needs) === null;
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
    victim.uid !== preemptor.uid && victim.nodeName !== null && !victim.terminal && victim.priority < preemptor.priority
  );
}

function asVictim(pod: PodFacts, node: NodeInfo, budgets: BudgetIndex): Victim {
  const claim = pod.claim === 'malformed' ? null : pod.claim;
  return {
    uid: pod.uid,
    priority: pod.priority,
    startedMs: pod.startedMs || pod.createdMs,
    gang: pod.gang,
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

type BudgetIndex = { readonly allowed: readonly number[]; of(pod: PodFacts): number[] };

function budgetIndex(picture: Picture): BudgetIndex {
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
