/** What of a pod or node changed between two versions, in the words of the queue: only what may make a pod schedulable counts. */
import { isDeepStrictEqual } from 'node:util';
import { arrayAt, isObject, type KubeObject, objectAt } from '../api/object.ts';
import type { NodeChange, PodChange } from './wakes.ts';

export function podChanges(before: KubeObject, after: KubeObject): Set<PodChange> {
  const changes = new Set<PodChange>();
  if (!isDeepStrictEqual(before.metadata.labels, after.metadata.labels)) changes.add('labels');
  if (!isDeepStrictEqual(before.spec?.tolerations, after.spec?.tolerations)) changes.add('tolerations');
  if (changes.size === 0) changes.add('other');
  return changes;
}

/** type → status: heartbeats and texts are no change. */
function states(node: KubeObject): unknown {
  return arrayAt(node.status, 'conditions').map((one) => (isObject(one) ? [one.type, one.status] : null));
}

export function nodeChanges(before: KubeObject, after: KubeObject): Set<NodeChange> {
  const changes = new Set<NodeChange>();
  if (!isDeepStrictEqual(before.metadata.labels, after.metadata.labels)) changes.add('labels');
  if (!isDeepStrictEqual(before.metadata.annotations, after.metadata.annotations)) changes.add('annotations');
  if (!isDeepStrictEqual(objectAt(before, 'status').allocatable, objectAt(after, 'status').allocatable))
    changes.add('allocatable');
  const kept = (node: KubeObject) => [node.spec?.taints, node.spec?.unschedulable];
  if (!isDeepStrictEqual(kept(before), kept(after))) changes.add('taints');
  if (!isDeepStrictEqual(states(before), states(after))) changes.add('conditions');
  return changes;
}
