/** What the oracle reads of gangs: who is in which, and how a member stands, from the pod objects alone. */
import { type KubeObject, textAt } from '../../api/object.ts';

/** annotation of the world's pods: the gang that they are in, for the oracle */
export const GANG = 'sim.muster.dev/gang';

export type GangOf = { readonly name: string; readonly min: number };

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
