/** ReplicaSets: so many pods of one template, and a status that says how many there are. Orphans are not adopted. */
import { isDeepStrictEqual } from 'node:util';
import { arrayAt, isObject, type KubeObject, numberAt, objectAt, textAt, timestamp } from '../api/object.ts';
import { CallError, Calls } from './calls.ts';
import type { StartController } from './controller.ts';
import { controllerOf, keyOf, Mirror, podsOf } from './mirror.ts';
import { WorkQueue } from './work-queue.ts';
import { merge } from './workload-calls.ts';
import {
  availableIn,
  byDispensability,
  createPod,
  deletePod,
  isActive,
  isReady,
  podFromTemplate,
  replicasOf,
} from './workload-pods.ts';

/** creations and deletions of one pass; the next pass goes on */
const MOST_AT_ONCE = 500;

export const startReplicaSets: StartController = async (options) => {
  const calls = new Calls(options.transport);
  const queue = new WorkQueue({ ...options, work: reconcile });
  const sets = new Mirror(options, '/apis/apps/v1/replicasets', (set) => queue.add(keyOf(set)));
  const pods = new Mirror(
    options,
    '/api/v1/pods',
    (pod) => {
      const owner = controllerOf(pod);
      if (owner?.kind === 'ReplicaSet') queue.add(`${pod.metadata.namespace}/${owner.name}`);
    },
    podsOf('ReplicaSet'),
  );

  async function reconcile(key: string): Promise<void> {
    const set = sets.get(key);
    if (set === undefined) return;
    const active = pods.ownedBy(set.metadata.uid).filter(isActive);
    let failure: unknown = null;
    if (set.metadata.deletionTimestamp === undefined)
      await scale(set, active).catch((error: unknown) => (failure = error));
    await writeStatus(set, failure);
    if (failure !== null) throw failure;
  }

  async function scale(set: KubeObject, active: readonly KubeObject[]): Promise<void> {
    const missing = replicasOf(set) - active.length;
    const naming = { generateName: `${set.metadata.name}-` };
    for (let at = 0; at < Math.min(missing, MOST_AT_ONCE); at += 1)
      await createPod(calls, pods, podFromTemplate(set, naming), set, options.tell);
    if (missing < 0) {
      const victims = [...active].sort(byDispensability).slice(0, Math.min(-missing, MOST_AT_ONCE));
      for (const victim of victims) await deletePod(calls, pods, victim, set, options.tell);
    }
  }

  /** @param failure why pods could not be made or deleted; null: they could */
  async function writeStatus(set: KubeObject, failure: unknown): Promise<void> {
    const now = options.clock.now();
    const minReadySeconds = numberAt(set.spec, 'minReadySeconds') ?? 0;
    const active = pods.ownedBy(set.metadata.uid).filter(isActive);
    const labels = objectAt(objectAt(objectAt(set.spec, 'template'), 'metadata'), 'labels');
    const labelled = active.filter((pod) =>
      Object.entries(labels).every(([name, value]) => pod.metadata.labels?.[name] === value),
    );
    const waits = active.map((pod) => availableIn(pod, minReadySeconds, now));
    const soonest = Math.min(...waits.filter((one): one is number => one !== null && one > 0));
    if (Number.isFinite(soonest)) queue.addAfter(keyOf(set), soonest);
    const status = {
      replicas: active.length,
      fullyLabeledReplicas: labelled.length,
      readyReplicas: active.filter(isReady).length,
      availableReplicas: waits.filter((one) => one === 0).length,
      observedGeneration: set.metadata.generation ?? 1,
      conditions: failureConditions(set, failure, now),
    };
    const nothing = (name: string): unknown => (name === 'conditions' ? [] : 0);
    const known = Object.fromEntries(
      Object.keys(status).map((name) => [name, isObject(set.status) ? (set.status[name] ?? nothing(name)) : undefined]),
    );
    if (isDeepStrictEqual(known, status)) return;
    const { namespace, name, resourceVersion } = set.metadata;
    sets.put(
      await merge(calls, `/apis/apps/v1/namespaces/${namespace}/replicasets/${name}/status`, {
        metadata: { resourceVersion },
        status,
      }),
    );
  }

  await Promise.all([sets.start(), pods.start()]);
  queue.begin();
  return {
    async stop() {
      await queue.stop();
      await Promise.all([sets.stop(), pods.stop()]);
    },
  };
};

/** The condition ReplicaFailure while pods cannot be made. */
function failureConditions(set: KubeObject, failure: unknown, now: number): unknown[] {
  const known = arrayAt(set.status, 'conditions');
  const others = known.filter((one) => textAt(one, 'type') !== 'ReplicaFailure');
  if (failure === null) return others;
  // the text names a pod, another one each time: the first stays
  if (others.length < known.length) return known;
  const message = failure instanceof CallError ? failure.status : String(failure);
  const lastTransitionTime = timestamp(now);
  return [...others, { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message, lastTransitionTime }];
}
