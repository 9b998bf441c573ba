/** Pods as workload controllers make, judge and delete them. */
import {
  arrayAt,
  isObject,
  type JsonObject,
  type KubeObject,
  numberAt,
  type OwnerReference,
  objectAt,
  textAt,
} from '../api/object.ts';
import type { TellEvent } from '../event-log.ts';
import { CallError, type Calls } from './calls.ts';
import type { Mirror } from './mirror.ts';
import { create, remove } from './workload-calls.ts';

export function ownerReference(owner: KubeObject): OwnerReference & { blockOwnerDeletion: boolean } {
  const { name, uid } = owner.metadata;
  return { apiVersion: owner.apiVersion, kind: owner.kind, name, uid, controller: true, blockOwnerDeletion: true };
}

export type PodNaming = { readonly name: string } | { readonly generateName: string };

/** A pod from `spec.template` of its owner. `more` is merged over labels and annotations; `spec` over the spec. */
export function podFromTemplate(
  owner: KubeObject,
  naming: PodNaming,
  more: { labels?: Record<string, string>; annotations?: Record<string, string>; spec?: JsonObject } = {},
): JsonObject {
  const template = objectAt(owner.spec, 'template');
  const metadata = objectAt(template, 'metadata');
  const annotations = { ...objectAt(metadata, 'annotations'), ...more.annotations };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...naming,
      namespace: owner.metadata.namespace,
      labels: { ...objectAt(metadata, 'labels'), ...more.labels },
      ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
      ...(Array.isArray(metadata.finalizers) ? { finalizers: metadata.finalizers } : {}),
      ownerReferences: [ownerReference(owner)],
    },
    spec: { ...objectAt(template, 'spec'), ...more.spec },
  };
}

export function podsPath(namespace: string | undefined, name = ''): string {
  return `/api/v1/namespaces/${namespace ?? ''}/pods${name === '' ? '' : `/${name}`}`;
}

/** Throws what the API refuses it with, once its owner's Events say so. */
export async function createPod(
  calls: Calls,
  mirror: Mirror,
  pod: JsonObject,
  owner: KubeObject,
  tell?: TellEvent,
): Promise<void> {
  try {
    const made = await create(calls, podsPath(textAt(pod.metadata, 'namespace')), pod);
    mirror.put(made);
    tell?.(owner, 'Normal', 'SuccessfulCreate', `Created pod: ${made.metadata.name}`);
  } catch (error) {
    if (error instanceof CallError) tell?.(owner, 'Warning', 'FailedCreate', `Error creating: ${error.status}`);
    throw error;
  }
}

export async function deletePod(
  calls: Calls,
  mirror: Mirror,
  pod: KubeObject,
  owner: KubeObject,
  tell?: TellEvent,
): Promise<void> {
  const { namespace, name, uid } = pod.metadata;
  const left = await remove(calls, podsPath(namespace, name), uid);
  tell?.(owner, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`);
  if (left) mirror.put(left);
  else mirror.drop(pod);
}

export function phaseOf(pod: KubeObject): string {
  return textAt(pod.status, 'phase');
}

export function isFinished(pod: KubeObject): boolean {
  return phaseOf(pod) === 'Succeeded' || phaseOf(pod) === 'Failed';
}

/** Not ended and not asked to. */
export function isActive(pod: KubeObject): boolean {
  return !isFinished(pod) && pod.metadata.deletionTimestamp === undefined;
}

function readyCondition(pod: KubeObject): JsonObject | undefined {
  return arrayAt(pod.status, 'conditions')
    .filter(isObject)
    .find((one) => one.type === 'Ready' && one.status === 'True');
}

export function isReady(pod: KubeObject): boolean {
  return readyCondition(pod) !== undefined;
}

/** ms until it has been ready for so long: 0 is available, null not ready. */
export function availableIn(pod: KubeObject, minReadySeconds: number, now: number): number | null {
  const ready = readyCondition(pod);
  if (ready === undefined) return null;
  const since = Date.parse(textAt(ready, 'lastTransitionTime')) || now;
  return Math.max(0, since + minReadySeconds * 1000 - now);
}

/** A count or a percentage of `total`. */
export function countOf(value: unknown, total: number, round: (count: number) => number): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'string' && value.endsWith('%')) return round((total * Number(value.slice(0, -1))) / 100);
  return 0;
}

/** Who goes first when there are too many: without node, not running, not ready, then the youngest. */
export function byDispensability(a: KubeObject, b: KubeObject): number {
  const rank = (pod: KubeObject): number => {
    if (textAt(pod.spec, 'nodeName') === '') return 0;
    if (phaseOf(pod) !== 'Running') return 1;
    return isReady(pod) ? 3 : 2;
  };
  const cost = (pod: KubeObject): number =>
    Number(pod.metadata.annotations?.['controller.kubernetes.io/pod-deletion-cost'] ?? 0) || 0;
  return (
    rank(a) - rank(b) ||
    cost(a) - cost(b) ||
    b.metadata.creationTimestamp.localeCompare(a.metadata.creationTimestamp) ||
    a.metadata.name.localeCompare(b.metadata.name)
  );
}

/** Ten letters and digits that a value always gives again; the same alphabet as names made by the API server. */
export function hashOf(value: unknown): string {
  const text = stable(value);
  let sum = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) sum = Math.imul(sum ^ text.charCodeAt(at), 0x01000193) >>> 0;
  const letters = 'bcdfghjklmnpqrstvwxz2456789';
  return [...String(sum)].map((digit) => letters[Number(digit) * 2]!).join('');
}

/** Keys in order at every depth. */
function stable(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    isObject(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner,
  );
}

export function replicasOf(object: KubeObject): number {
  return numberAt(object.spec, 'replicas') ?? 1;
}
