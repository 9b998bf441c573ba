/**
 * PostFilter: which pods would have to go so that one fits. The dry run knows resources only; extenders then correct the
 * victims. As in releases up to 1.37, nodes whose dry run needs no victim are no candidates, so where an extender alone refuses it is
 * never asked.
 */
import type { ClusterCache } from './cluster-cache.ts';
import type { Extender, VictimMap } from './extender.ts';
import { refusesInTree } from './in-tree.ts';
import type { NodeState } from './node-state.ts';
import type { PodInfo } from './pod-info.ts';

/** Earlier start and higher priority first: the order in which pods are given back in a dry run. */
function moreImportant(a: PodInfo, b: PodInfo): number {
  if (a.priority !== b.priority) return b.priority - a.priority;
  return startOf(a) < startOf(b) ? -1 : 1;
}

function startOf(info: PodInfo): string {
  const start = info.pod.status?.startTime;
  return typeof start === 'string' ? start : info.pod.metadata.creationTimestamp;
}

/** Lowest set of victims that makes room in-tree; null when eviction cannot help or is not needed. */
export function dryRun(info: PodInfo, state: NodeState): PodInfo[] | null {
  const trial = state.copy();
  const lower = [...state.pods.values()].filter((one) => one.priority < info.priority).sort(moreImportant);
  if (lower.length === 0) return null;
  for (const one of lower) trial.remove(one.uid);
  if (refusesInTree(info, trial)) return null;
  const victims: PodInfo[] = [];
  for (const one of lower) {
    trial.add(one);
    if (!refusesInTree(info, trial)) continue;
    trial.remove(one.uid);
    victims.push(one);
  }
  return victims.length > 0 ? victims : null;
}

/** While a pod that it preempted still ends on its nominated node, a preemptor may not preempt again. */
export function mayPreempt(info: PodInfo, cache: ClusterCache): boolean {
  if (info.pod.spec?.preemptionPolicy === 'Never') return false;
  const nominated = cache.nodes.get(cache.nominatedNode(info.uid));
  return ![...(nominated?.pods.values() ?? [])].some((one) => one.terminating && one.priority < info.priority);
}

export type Choice = { readonly node: string; readonly victims: readonly PodInfo[] };

const NO_CHOICE: Choice = { node: '', victims: [] };

/** Fewest PDB violations, lowest highest priority, smallest sum of priorities, fewest victims, latest start of the highest. */
function better(a: { victims: PodInfo[]; pdb: number }, b: { victims: PodInfo[]; pdb: number }): number {
  const highest = (victims: PodInfo[]) => Math.max(...victims.map((one) => one.priority));
  const sum = (victims: PodInfo[]) => victims.reduce((total, one) => total + one.priority + 2 ** 31, 0);
  const latest = (victims: PodInfo[]) =>
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

/**
 * null: no node where eviction would help. An empty choice: there were some, but extenders left none; only the former makes kube-scheduler
 * forget an earlier nomination. Throws SchedulerError when an extender that may not be ignored fails. */
export async function chooseVictims(
  info: PodInfo,
  candidates: readonly NodeState[],
  cache: ClusterCache,
  extenders: readonly Extender[],
): Promise<Choice | null> {
  let victims: VictimMap = new Map();
  for (const state of candidates) {
    const found = dryRun(info, cache.withNominated(state, info));
    if (found) victims.set(state.node.metadata.name, { uids: found.map((one) => one.uid), pdbViolations: 0 });
  }
  if (victims.size === 0) return null;
  const podsOn = (node: string) => cache.nodes.get(node)?.pods ?? null;
  for (const extender of extenders) {
    if (!extender.config.preemptVerb || !extender.isInterested(info.pod)) continue;
    try {
      victims = await extender.preempt(info.pod, victims, podsOn);
    } catch (error) {
      if (!extender.config.ignorable) throw error;
    }
    if (victims.size === 0) return NO_CHOICE;
  }
  const ranked = [...victims]
    .map(([node, { uids, pdbViolations }]) => ({
      node,
      pdb: pdbViolations,
      victims: uids.flatMap((uid) => podsOn(node)?.get(uid) ?? []),
    }))
    .filter((one) => one.victims.length > 0)
    .sort(better);
  return ranked[0] ?? NO_CHOICE;
}
