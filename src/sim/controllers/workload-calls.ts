/** The few calls that workload controllers make. They throw CallError for refusals and TransportError without an answer. */
import { PATCH_TYPE } from '../../kube/patch.ts';
import type { KubeObject } from '../api/object.ts';
import { CallError, type Calls } from './calls.ts';

export function create(calls: Calls, path: string, object: object): Promise<KubeObject> {
  return calls.call('POST', path, object);
}

export function merge(calls: Calls, path: string, patch: object): Promise<KubeObject> {
  return calls.call('PATCH', path, patch, PATCH_TYPE.merge);
}

export function strategic(calls: Calls, path: string, patch: object): Promise<KubeObject> {
  return calls.call('PATCH', path, patch, PATCH_TYPE.strategic);
}

/** The object as deletion left it; null when it is gone (or another one stands in its place). */
export async function remove(
  calls: Calls,
  path: string,
  uid: string,
  options: object = {},
): Promise<KubeObject | null> {
  try {
    const left = await calls.call('DELETE', path, { preconditions: { uid }, ...options });
    return left.metadata?.deletionTimestamp === undefined ? null : left;
  } catch (error) {
    if (error instanceof CallError && (error.code === 404 || error.code === 409)) return null;
    throw error;
  }
}
