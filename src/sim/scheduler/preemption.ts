/**
 * PostFilter: which pods would have to go so that one fits. The dry run knows resources only; extenders then correct the
 * victims. As in releases up to 1.37, nodes whose dry run needs no victim are no candidates, so where an extender alone refuses it is
 * never asked.
 */
import type { Rng } from '../../kube/ports.ts';
import { arrayAt, textAt } from '../api/object.ts';
import { type Budget, violating } from './budgets.ts';
import type { ClusterCache } from './cluster-cache.ts';
import type { Extender, VictimMap } from './extender.ts';
import { count, fitError, type Reasons } from './fit-error.ts';
import { refusesInTree } from './in-tree.ts';
import type { NodeState } from './node-state.ts';
import type { PodInfo } from './pod-info.ts';

export type Outcome = {
  /** what is added to the text on the pod */
  readonly message: string;
  /** '' ends a nomination, null leaves it */
  readonly nominated: string | null;
  readonly victims: readonly PodInfo[];
};

const NO_VICTIMS = 'No preemption victims found for incoming pod';
const NOT_HELPFUL = 'Preemption is not helpful for scheduling';
/** candidates that are enough: a tenth of all nodes, at least so many */
const LEAST_CANDIDATES = 100;

/** Earlier start and higher priority first: the order in which pods are given back in a dry run. */
function moreImportant(a: PodInfo, b: PodInfo): number {
  if (a.priority !== b.priority) return b.priority - a.priority;
  return startOf(a) < startOf(b) ? -1 : 1;
}

function startOf(info: PodInfo): string {
  const start = info.pod.status?.startTime;
  return typeof start === 'string' ? start : info.pod.metadata.creationTimestamp;
}

type Trial =
  | { readonly victims: readonly PodInfo[]; readonly pdbViolations: number }
  | { readonly reasons: readonly string[] };

/** Lowest set of victims that makes room in-tree, those that no budget protects first; else why eviction does not help. */
export function dryRun(info: PodInfo, state: NodeState, budgets: readonly Budget[]): Trial {
  const trial = state.copy();
  const lower = [...state.pods.values()].filter((one) => one.priority < info.priority).sort(moreImportant);
  if (lower.length === 0) return { reasons: [NO_VICTIMS] };
  for (const one of lower) trial.remove(one.uid);
  const still = refusesInTree(info, trial);
  if (still) return { reasons: still.reasons };
  const [guarded, free] = violating(lower, budgets);
  const reprieve = (pods: readonly PodInfo[]): PodInfo[] =>
    pods.filter((one) => {
      trial.add(one);
      if (!refusesInTree(info, trial)) return false;
      trial.remove(one.uid);
      return true;
    });
  const broken = reprieve(guarded);
  const victims = [...broken, ...reprieve(free)].sort(moreImportant);
  return victims.length > 0 ? { victims, pdbViolations: broken.length } : { reasons: [NO_VICTIMS] };
}

function endsByPreemption(info: PodInfo): boolean {
  if (!info.terminating) return false;
  return arrayAt(info.pod.status, 'conditions').some(
    (one) => textAt(one, 'type') === 'DisruptionTarget' && textAt(one, 'reason') === 'PreemptionByScheduler',
  );
}

/** Why this pod may not preempt now; '' if it may. A node that can never do anyway is not waited for. */
function notEligible(info: PodInfo, cache: ClusterCache, resolvable: readonly NodeState[]): string {
  if (info.pod.spec?.preemptionPolicy === 'Never') return 'not eligible due to preemptionPolicy=Never.';
  const nominated = cache.nodes.get(cache.nominatedNode(info.uid));
  if (nominated === undefined || !resolvable.includes(nominated)) return '';
  const waits = [...nominated.pods.values()].some((one) => one.priority < info.priority && endsByPreemption(one));
  return waits ? 'not eligible due to a terminating pod on the nominated node.' : '';
}

type Candidate = { readonly node: string; readonly victims: readonly PodInfo[]; readonly pdb: number };

/** Fewest PDB violations, lowest highest priority, smallest sum of priorities, fewest victims, latest start of the highest. */
function better(a: Candidate, b: Candidate): number {
  const highest = (victims: readonly PodInfo[]) => Math.max(...victims.map((one) => one.priority));
  const sum = (victims: readonly PodInfo[]) => victims.reduce((total, one) => total + one.priority + 2 ** 31, 0);
  const latest = (victims: readonly PodInfo[]) =>
    victims
      .filter((one) => one.priority === highest(victims))
      .map(startOf)
      .sort()[0] ?? '';
  return (
    a.pdb - b.pdb ||
    highest(a.victims) - highest(b.victims) ||
    sum(a.victims) - sum(b.victims) ||
    a.victims.length - b.victims.length ||
    (latest(a.victims) > latest(b.victims) ? -1 : 1)
  );
}

export type PreemptionInput = {
  readonly info: PodInfo;
  /** nodes whose refusal an eviction may lift */
  readonly resolvable: readonly NodeState[];
  readonly cache: ClusterCache;
  readonly extenders: readonly Extender[];
  readonly budgets: readonly Budget[];
  readonly rng: Rng;
};

function candidates({ info, resolvable, cache, budgets, rng }: PreemptionInput): {
  found: VictimMap;
  reasons: Reasons;
} {
  const found: VictimMap = new Map();
  const reasons: Reasons = new Map();
  const all = cache.nodes.size;
  for (let at = resolvable.length; at < all; at += 1) count(reasons, NOT_HELPFUL);
  const enough = Math.max(LEAST_CANDIDATES, Math.floor(all / 10));
  const offset = resolvable.length > enough ? Math.floor(rng.next() * resolvable.length) : 0;
  for (let at = 0; at < resolvable.length && found.size < enough; at += 1) {
    const state = resolvable[(offset + at) % resolvable.length]!;
    const trial = dryRun(info, cache.withNominated(state, info), budgets);
    if ('reasons' in trial) for (const reason of trial.reasons) count(reasons, reason);
    else
      found.set(state.node.metadata.name, {
        uids: trial.victims.map((one) => one.uid),
        pdbViolations: trial.pdbViolations,
      });
  }
  return { found, reasons };
}

/** Never throws: what an extender does wrong is only told, and the pod waits. */
export async function preempt(input: PreemptionInput): Promise<Outcome> {
  const { info, cache } = input;
  const not = notEligible(info, cache, input.resolvable);
  if (not !== '') return { message: `preemption: ${not}`, nominated: null, victims: [] };
  const { found, reasons } = candidates(input);
  if (found.size === 0)
    return { message: `preemption: ${fitError(cache.nodes.size, reasons)}`, nominated: '', victims: [] };
  try {
    const best = await choose(input, found);
    if (best === null) return { message: 'preemption: no candidate node for preemption', nominated: null, victims: [] };
    const message = `preemption: found a potential placement for pod on node ${best.node}, preempting ${best.victims.length} victims`;
    return { message, nominated: best.node, victims: best.victims };
  } catch (error) {
    const message = `preemption: ${error instanceof Error ? error.message : String(error)}`;
    return { message, nominated: null, victims: [] };
  }
}

/** Throws SchedulerError when an extender that may not be ignored fails. */
async function choose(input: PreemptionInput, found: VictimMap): Promise<Candidate | null> {
  const { info, cache, extenders } = input;
  const podsOn = (node: string) => cache.nodes.get(node)?.pods ?? null;
  let victims = found;
  for (const extender of extenders) {
    if (!extender.config.preemptVerb || !extender.isInterested(info.pod)) continue;
    try {
      victims = await extender.preempt(info.pod, victims, podsOn);
    } catch (error) {
      if (!extender.config.ignorable) throw error;
    }
    if (victims.size === 0) return null;
  }
  const ranked = [...victims].map(([node, { uids, pdbViolations }]) => ({
    node,
    pdb: pdbViolations,
    victims: uids.flatMap((uid) => podsOn(node)?.get(uid) ?? []),
  }));
  return ranked.filter((one) => one.victims.length > 0).sort(better)[0] ?? null;
}
