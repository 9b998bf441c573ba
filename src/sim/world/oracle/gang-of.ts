/** What the oracle reads of gangs: who is in which, and how a member stands, from the pod objects alone. */
import { type KubeObject, textAt } from '../../api/object.ts';

/** annotation of the world's pods: the gang that they are in, for the oracle */
export const GANG = 'sim.muster.dev/gang';

export type GangOf = {
  readonly name: string;
  readonly min: number;
  /** declared by its pods, by a PodGroup of ours, or by a native one */
  readonly form: 'short' | 'object' | 'native';
  /** label of nodes that must be the same for all members; null: anywhere */
  readonly required: string | null;
  /** onMemberLoss */
  readonly loss: 'keep' | 'restart' | 'evict';
};

const KNOWN = new Map<string, GangOf>();

/** null: a pod of no gang. */
export function gangOf(pod: KubeObject): GangOf | null {
  const text = pod.metadata.annotations?.[GANG];
  if (text === undefined) return null;
  const known = KNOWN.get(text) ?? (JSON.parse(text) as GangOf);
  KNOWN.set(text, known);
  return known;
}

/** It runs, or has run to its end: nobody waits for it to start again. */
export function hasStarted(pod: KubeObject): boolean {
  const phase = textAt(pod.status, 'phase');
  if (phase === 'Succeeded') return pod.metadata.deletionTimestamp === undefined;
  return textAt(pod.spec, 'nodeName') !== '' && phase !== 'Failed' && pod.metadata.deletionTimestamp === undefined;
}

/** How many need not start any more. kube-scheduler counts those of a native gang that run, not those that ran to their end (seed 831 once). */
export const startedOf = (gang: GangOf, all: readonly KubeObject[]): number =>
  all.filter((pod) => gangOf(pod)?.name === gang.name && (gang.form === 'native' ? runs : hasStarted)(pod)).length;

const hasEnded = (pod: KubeObject): boolean =>
  pod.metadata.deletionTimestamp !== undefined || ['Succeeded', 'Failed'].includes(textAt(pod.status, 'phase'));

/** On a node and not ended: where it is, the others must be. */
export const runs = (pod: KubeObject): boolean => hasStarted(pod) && textAt(pod.status, 'phase') !== 'Succeeded';

/**
 * A native gang of which fewer exist than must start: kube-scheduler lets none of it into its queue, and says nothing. Whoever has ended is
 * out of its sight (seeds 166 and 327 once: some had run to their end when others were made anew).
 */
export const isShort = (gang: GangOf, all: readonly KubeObject[]): boolean =>
  gang.form === 'native' && all.filter((pod) => gangOf(pod)?.name === gang.name && !hasEnded(pod)).length < gang.min;

/** Whether a gang whose `pods` these are may have a member on this node beside those that have started. */
export function isNear(
  gang: GangOf,
  node: KubeObject,
  pods: readonly KubeObject[],
  nodes: readonly KubeObject[],
): boolean {
  const { required } = gang;
  if (required === null) return true;
  const domain = node.metadata.labels?.[required];
  if (domain === undefined) return false;
  return pods.every((pod) => {
    if (gangOf(pod)?.name !== gang.name || !hasStarted(pod)) return true;
    const there = nodes.find(({ metadata }) => metadata.name === textAt(pod.spec, 'nodeName'));
    return there === undefined || there.metadata.labels?.[required] === domain;
  });
}
