/**
 * One scheduling cycle: nominated node first, then as many nodes as are to be looked at, extenders in turn, scores, one node.
 * Reads the cache and calls extenders; changes nothing.
 */
import type { Rng } from '../../kube/ports.ts';
import type { KubeObject } from '../api/object.ts';
import type { ClusterCache } from './cluster-cache.ts';
import type { Extender } from './extender.ts';
import { count, NO_NODES, type Reasons } from './fit-error.ts';
import { refusesInTree } from './in-tree.ts';
import { NodeState } from './node-state.ts';
import type { PodInfo } from './pod-info.ts';
import type { Rejecter } from './wakes.ts';

export type CycleResult =
  | { readonly kind: 'node'; readonly node: string }
  | {
      readonly kind: 'unschedulable';
      readonly reasons: Reasons;
      /** empty: there are no nodes at all */
      readonly rejecters: ReadonlySet<Rejecter>;
      /** nodes where evicting pods may help */
      readonly resolvable: readonly NodeState[];
    };

export type CycleInput = {
  readonly info: PodInfo;
  readonly cache: ClusterCache;
  readonly extenders: readonly Extender[];
  readonly rng: Rng;
  /** 1…100; 0: kube-scheduler's adaptive default */
  readonly percentageOfNodesToScore: number;
  /** where in the node order to begin; kube-scheduler goes round-robin */
  readonly startIndex: number;
};

const ALWAYS_ALL = 100;

/** How many feasible nodes are enough (numFeasibleNodesToFind). */
export function nodesToFind(all: number, percentage: number): number {
  if (all < ALWAYS_ALL || percentage >= 100) return all;
  const adaptive = percentage > 0 ? percentage : Math.max(5, Math.floor(50 - all / 125));
  return Math.max(ALWAYS_ALL, Math.floor((all * adaptive) / 100));
}

type Rejections = { reasons: Reasons; rejecters: Set<Rejecter>; resolvable: NodeState[] };

const nobody = (): Rejections => ({ reasons: new Map(), rejecters: new Set(), resolvable: [] });

/** In-tree filters on `nodes` until enough pass. `examined` advances the round-robin. */
function inTree(
  input: CycleInput,
  nodes: readonly NodeState[],
  enough: number,
  rejections: Rejections,
): { feasible: NodeState[]; examined: number } {
  const feasible: NodeState[] = [];
  let examined = 0;
  for (let at = 0; at < nodes.length && feasible.length < enough; at += 1) {
    const state = nodes[(input.startIndex + at) % nodes.length]!;
    examined += 1;
    const refusal = refusesInTree(input.info, input.cache.withNominated(state, input.info));
    if (refusal === null) {
      feasible.push(state);
      continue;
    }
    for (const reason of refusal.reasons) count(rejections.reasons, reason);
    rejections.rejecters.add(refusal.plugin);
    if (refusal.resolvable) rejections.resolvable.push(state);
  }
  return { feasible, examined };
}

async function throughExtenders(input: CycleInput, offered: NodeState[], rejections: Rejections): Promise<NodeState[]> {
  let feasible = offered;
  for (const extender of input.extenders) {
    if (feasible.length === 0) break;
    if (!extender.config.filterVerb || !extender.isInterested(input.info.pod)) continue;
    let verdict: Awaited<ReturnType<Extender['filter']>>;
    try {
      verdict = await extender.filter(
        input.info.pod,
        feasible.map((state) => state.node),
      );
    } catch (error) {
      if (extender.config.ignorable) continue;
      throw error;
    }
    const passed = new Set(verdict.feasible);
    for (const state of feasible) {
      const name = state.node.metadata.name;
      if (passed.has(name)) continue;
      const unresolvable = verdict.unresolvable.get(name);
      const failed = verdict.failed.get(name);
      rejections.rejecters.add('Extender');
      // an unlisted node counts as unresolvable and has no text
      const reason = unresolvable ?? failed;
      if (reason !== undefined) count(rejections.reasons, reason);
      if (unresolvable === undefined && failed !== undefined) rejections.resolvable.push(state);
    }
    // an extender without a cache answers whole nodes, and scoring goes on with those: without the pods on them
    feasible = verdict.nodes
      ? verdict.nodes.map((node) => new NodeState(node))
      : feasible.filter((state) => passed.has(state.node.metadata.name));
  }
  return feasible;
}

/** NodeResourcesFit's LeastAllocated over cpu and memory, 0…100: the part of the in-tree sum that differs between these nodes. */
function leastAllocated(info: PodInfo, state: NodeState): number {
  const free = ['cpu', 'memory'].map((name) => {
    const allocatable = state.allocatable.get(name) ?? 0;
    const used = (state.requested.get(name) ?? 0) + (info.requests.get(name) ?? 0);
    return allocatable === 0 ? 0 : Math.max(0, Math.floor(((allocatable - used) * 100) / allocatable));
  });
  return free.reduce((sum, one) => sum + one, 0) / free.length;
}

async function pick(input: CycleInput, feasible: readonly NodeState[]): Promise<string> {
  const scores = new Map(feasible.map((state) => [state.node.metadata.name, leastAllocated(input.info, state)]));
  const nodes: KubeObject[] = feasible.map((state) => state.node);
  const asked = input.extenders.filter((one) => one.config.prioritizeVerb && one.isInterested(input.info.pod));
  // errors of prioritize are swallowed: no score from that extender
  const answers = await Promise.all(
    asked.map((one) => one.prioritize(input.info.pod, nodes).catch(() => new Map<string, number>())),
  );
  for (const answer of answers)
    for (const [node, score] of answer) if (scores.has(node)) scores.set(node, scores.get(node)! + score);
  const best = Math.max(...scores.values());
  const ties = [...scores].filter(([, score]) => score === best);
  return ties[Math.floor(input.rng.next() * ties.length)]![0];
}

/**
 * The nominated node alone. An error there is only logged: all nodes are tried then.
 */
async function onNominated(input: CycleInput, nominated: NodeState): Promise<boolean> {
  const own = nobody();
  const { feasible } = inTree({ ...input, startIndex: 0 }, [nominated], 1, own);
  try {
    return (await throughExtenders(input, feasible, own)).length > 0;
  } catch {
    return false;
  }
}

/** Throws SchedulerError when an extender that may not be ignored fails. `examined`: nodes that in-tree filters looked at. */
export async function schedulePod(input: CycleInput): Promise<{ result: CycleResult; examined: number }> {
  const { cache, info } = input;
  const nodes = [...cache.nodes.values()];
  if (nodes.length === 0) return { result: unschedulable(new Map([[NO_NODES, 0]])), examined: 0 };
  const nominated = cache.nodes.get(cache.nominatedNode(info.uid));
  if (nominated && (await onNominated(input, nominated)))
    return { result: { kind: 'node', node: nominated.node.metadata.name }, examined: 0 };
  const rejections = nobody();
  const enough = nodesToFind(nodes.length, input.percentageOfNodesToScore);
  const { feasible, examined } = inTree(input, nodes, enough, rejections);
  const passed = await throughExtenders(input, feasible, rejections);
  const only = passed[0];
  if (only !== undefined) {
    const node = passed.length === 1 ? only.node.metadata.name : await pick(input, passed);
    return { result: { kind: 'node', node }, examined };
  }
  return { result: unschedulable(rejections.reasons, rejections), examined };
}

function unschedulable(reasons: Reasons, { rejecters, resolvable } = nobody()): CycleResult {
  return { kind: 'unschedulable', reasons, rejecters, resolvable };
}
