/** Empties namespaces that are to go, then lets them go. What their contents' finalizers hold, they wait for, and say so. */
import { arrayAt, isObject, type KubeObject, objectAt, textAt, withCondition } from '../api/object.ts';
import { CallError, Calls } from './calls.ts';
import type { Controller, ControllerOptions } from './controller.ts';
import { collectionPath, discovered } from './discovered.ts';
import { Objects } from './objects.ts';
import { WorkQueue } from './work-queue.ts';

const HELD = 'kubernetes';
/** how soon contents that wait for something are looked at again */
const AGAIN_MS = 1_000;

/** Resolves when the namespaces are known. */
export async function startNamespaceController(options: ControllerOptions): Promise<Controller> {
  const calls = new Calls(options.transport);
  const queue = new WorkQueue({
    ...options,
    work: async (name) => {
      if (!(await emptied(name, calls, options.clock.now()))) queue.addAfter(name, AGAIN_MS);
    },
  });
  const namespaces = new Objects<KubeObject>({
    ...options,
    path: '/api/v1/namespaces',
    keep: (object) => object,
    changed: (next) => {
      if (next?.metadata.deletionTimestamp !== undefined) queue.add(next.metadata.name);
    },
  });
  await namespaces.whenSynced();
  queue.begin();
  return {
    async stop() {
      await namespaces.stop();
      await queue.stop();
    },
  };
}

/** False while something is left in it. */
async function emptied(name: string, calls: Calls, nowMs: number): Promise<boolean> {
  const path = `/api/v1/namespaces/${name}`;
  const namespace = await calls.find(path);
  if (namespace === null || namespace.metadata.deletionTimestamp === undefined) return true;
  if (!arrayAt(namespace.spec, 'finalizers').includes(HELD)) return true;
  const left: { id: string; count: number; finalizers: string[] }[] = [];
  for (const resource of await discovered(calls)) {
    if (!resource.namespaced) continue;
    const collection = collectionPath(resource, name);
    await calls.call('DELETE', collection, { propagationPolicy: 'Background' });
    const found = arrayAt(await calls.call('GET', collection), 'items').filter(isObject);
    if (found.length === 0) continue;
    const finalizers = found.flatMap((one) => arrayAt(objectAt(one, 'metadata'), 'finalizers')).map(String);
    const group = resource.apiVersion.split('/').slice(0, -1).join('/');
    left.push({ id: `${resource.plural}.${group}`, count: found.length, finalizers });
  }
  if (left.length > 0) {
    await say(namespace, left, calls, nowMs);
    return false;
  }
  const finalizers = arrayAt(namespace.spec, 'finalizers').filter((one) => one !== HELD);
  try {
    await calls.call('PUT', `${path}/finalize`, { ...namespace, spec: { ...namespace.spec, finalizers } });
  } catch (error) {
    if (!(error instanceof CallError) || error.code !== 404) throw error;
  }
  return true;
}

async function say(
  namespace: KubeObject,
  left: readonly { id: string; count: number; finalizers: readonly string[] }[],
  calls: Calls,
  nowMs: number,
): Promise<void> {
  const counts = Map.groupBy(
    left.flatMap((one) => one.finalizers),
    (one) => one,
  );
  const content = left.map(({ id, count }) => `${id} has ${count} resource instances`).join(', ');
  const holding = [...counts].map(([one, all]) => `${one} in ${all.length} resource instances`).join(', ');
  const conditions = [
    {
      type: 'NamespaceContentRemaining',
      status: 'True',
      reason: 'SomeResourcesRemain',
      message: `Some resources are remaining: ${content}`,
    },
    holding === ''
      ? {
          type: 'NamespaceFinalizersRemaining',
          status: 'False',
          reason: 'ContentHasNoFinalizers',
          message: 'All content-preserving finalizers finished',
        }
      : {
          type: 'NamespaceFinalizersRemaining',
          status: 'True',
          reason: 'SomeFinalizersRemain',
          message: `Some content in the namespace has finalizers remaining: ${holding}`,
        },
  ].reduce((all, one) => withCondition(all, one, nowMs), arrayAt(namespace.status, 'conditions'));
  const same =
    JSON.stringify(conditions.map(plain)) === JSON.stringify(arrayAt(namespace.status, 'conditions').map(plain));
  if (same) return;
  const next = { ...namespace, status: { ...namespace.status, conditions } };
  await calls.call('PUT', `/api/v1/namespaces/${namespace.metadata.name}/status`, next);
}

const plain = (condition: unknown): string => `${textAt(condition, 'type')} ${textAt(condition, 'message')}`;
