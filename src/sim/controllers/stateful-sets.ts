/**
 * StatefulSets: pods with names that stay, started one after the other from the bottom and ended from the top (or all at once:
 * Parallel), each with its own claims; a new template goes out from the top, one pod at a time, down to `partition`.
 */
import { isDeepStrictEqual } from 'node:util';
import { arrayAt, isObject, type JsonObject, type KubeObject, numberAt, objectAt, textAt } from '../api/object.ts';
import { absentWhenGone, CallError, Calls } from './calls.ts';
import type { StartController } from './controller.ts';
import { controllerOf, keyOf, Mirror, podsOf } from './mirror.ts';
import { WorkQueue } from './work-queue.ts';
import { create, merge } from './workload-calls.ts';
import {
  availableIn,
  createPod,
  deletePod,
  hashOf,
  isFinished,
  isReady,
  ownerReference,
  podFromTemplate,
  replicasOf,
} from './workload-pods.ts';

const REVISION = 'controller-revision-hash';

function ordinalOf(pod: KubeObject): number {
  return Number(pod.metadata.name.slice(pod.metadata.name.lastIndexOf('-') + 1));
}

const revisionOf = (pod: KubeObject): string => pod.metadata.labels?.[REVISION] ?? '';

export const startStatefulSets: StartController = async (options) => {
  const calls = new Calls(options.transport);
  const queue = new WorkQueue({ ...options, work: reconcile });
  const sets = new Mirror(options, '/apis/apps/v1/statefulsets', (set) => queue.add(keyOf(set)));
  const pods = new Mirror(
    options,
    '/api/v1/pods',
    (pod) => {
      const owner = controllerOf(pod);
      if (owner?.kind === 'StatefulSet') queue.add(`${pod.metadata.namespace}/${owner.name}`);
    },
    podsOf('StatefulSet'),
  );
  /** revision → template, for the pods that are to stay with the old one */
  const revisions = new Mirror(options, '/apis/apps/v1/controllerrevisions', () => {});

  async function reconcile(key: string): Promise<void> {
    const set = sets.get(key);
    if (set === undefined || set.metadata.deletionTimestamp !== undefined) return;
    const update = await keepRevision(set);
    const owned = pods.ownedBy(set.metadata.uid);
    const settled = owned.every((pod) => revisionOf(pod) === update);
    const current = owned.length === 0 || settled ? update : textAt(set.status, 'currentRevision') || update;
    await step(set, current, update);
    await writeStatus(set, current, update);
  }

  async function keepRevision(set: KubeObject): Promise<string> {
    const template = objectAt(set.spec, 'template');
    const { namespace, name, uid } = set.metadata;
    const revision = `${name}-${hashOf(template)}`;
    if (revisions.get(`${namespace}/${revision}`)) return revision;
    const number = Math.max(0, ...revisions.ownedBy(uid).map((one) => numberAt(one, 'revision') ?? 0)) + 1;
    const labels = objectAt(objectAt(template, 'metadata'), 'labels');
    const object = {
      apiVersion: 'apps/v1',
      kind: 'ControllerRevision',
      metadata: { name: revision, namespace, labels, ownerReferences: [ownerReference(set)] },
      data: { spec: { template: { ...template, $patch: 'replace' } } },
      revision: number,
    };
    try {
      revisions.put(await create(calls, `/apis/apps/v1/namespaces/${namespace}/controllerrevisions`, object));
    } catch (error) {
      if (!(error instanceof CallError && error.code === 409)) throw error;
    }
    return revision;
  }

  /** One pass: what is missing is made, what is too much ends, what is old is replaced; ordered sets do one thing at a time. */
  async function step(set: KubeObject, current: string, update: string): Promise<void> {
    const ordered = textAt(set.spec, 'podManagementPolicy') !== 'Parallel';
    const first = numberAt(objectAt(set.spec, 'ordinals'), 'start') ?? 0;
    const end = first + replicasOf(set);
    const owned = () => pods.ownedBy(set.metadata.uid);
    const partition =
      first + (numberAt(objectAt(objectAt(set.spec, 'updateStrategy'), 'rollingUpdate'), 'partition') ?? 0);
    for (let ordinal = first; ordinal < end; ordinal += 1) {
      const pod = owned().find((one) => ordinalOf(one) === ordinal);
      if (pod === undefined) await make(set, ordinal, ordinal >= partition ? update : current, update);
      else if (isFinished(pod) && pod.metadata.deletionTimestamp === undefined)
        await deletePod(calls, pods, pod, set, options.tell);
      else if (isAvailable(set, pod)) continue;
      if (ordered) return;
    }
    const above = owned().filter((pod) => ordinalOf(pod) >= end || ordinalOf(pod) < first);
    above.sort((a, b) => ordinalOf(b) - ordinalOf(a));
    for (const pod of above) {
      if (pod.metadata.deletionTimestamp === undefined) await deletePod(calls, pods, pod, set, options.tell);
      if (ordered) return;
    }
    if (textAt(objectAt(set.spec, 'updateStrategy'), 'type') === 'OnDelete') return;
    const stay = owned().filter((pod) => ordinalOf(pod) >= partition && ordinalOf(pod) < end);
    for (const pod of stay.sort((a, b) => ordinalOf(b) - ordinalOf(a))) {
      if (revisionOf(pod) !== update) {
        if (pod.metadata.deletionTimestamp === undefined) await deletePod(calls, pods, pod, set, options.tell);
        return;
      }
      if (!isAvailable(set, pod)) return;
    }
  }

  function isAvailable(set: KubeObject, pod: KubeObject): boolean {
    if (pod.metadata.deletionTimestamp !== undefined) return false;
    const ms = availableIn(pod, numberAt(set.spec, 'minReadySeconds') ?? 0, options.clock.now());
    if (ms !== null && ms > 0) queue.addAfter(keyOf(set), ms);
    return ms === 0;
  }

  async function make(set: KubeObject, ordinal: number, revision: string, update: string): Promise<void> {
    const { namespace, name } = set.metadata;
    const podName = `${name}-${ordinal}`;
    const stored = revision === update ? undefined : revisions.get(`${namespace}/${revision}`);
    const { $patch: _patch, ...kept } = objectAt(objectAt(objectAt(stored, 'data'), 'spec'), 'template');
    const template = stored ? kept : objectAt(set.spec, 'template');
    const owner = { ...set, spec: { ...set.spec, template } };
    const claims = arrayAt(set.spec, 'volumeClaimTemplates').filter(isObject);
    const volumes = await makeClaims(set, claims, podName);
    const own = new Set(volumes.map((one) => one.name));
    const others = arrayAt(objectAt(template, 'spec'), 'volumes').filter((one) => !own.has(textAt(one, 'name')));
    const subdomain = textAt(set.spec, 'serviceName');
    const pod = podFromTemplate(
      owner,
      { name: podName },
      {
        labels: {
          'statefulset.kubernetes.io/pod-name': podName,
          'apps.kubernetes.io/pod-index': String(ordinal),
          [REVISION]: revision,
        },
        spec: {
          hostname: podName,
          ...(subdomain === '' ? {} : { subdomain }),
          ...(volumes.length + others.length > 0 ? { volumes: [...volumes, ...others] } : {}),
        },
      },
    );
    await createPod(calls, pods, pod, set, options.tell);
  }

  async function makeClaims(set: KubeObject, claims: readonly JsonObject[], podName: string): Promise<JsonObject[]> {
    const { namespace } = set.metadata;
    const path = `/api/v1/namespaces/${namespace}/persistentvolumeclaims`;
    const volumes: JsonObject[] = [];
    for (const claim of claims) {
      const template = textAt(claim.metadata, 'name');
      const claimName = `${template}-${podName}`;
      if ((await absentWhenGone(calls.call('GET', `${path}/${claimName}`))) === null)
        await create(calls, path, {
          ...claim,
          apiVersion: 'v1',
          kind: 'PersistentVolumeClaim',
          metadata: {
            ...objectAt(claim, 'metadata'),
            name: claimName,
            namespace,
            labels: { ...objectAt(objectAt(set.spec, 'selector'), 'matchLabels') },
          },
        });
      volumes.push({ name: template, persistentVolumeClaim: { claimName } });
    }
    return volumes;
  }

  async function writeStatus(set: KubeObject, current: string, update: string): Promise<void> {
    const now = options.clock.now();
    const known = sets.get(keyOf(set)) ?? set;
    const owned = pods.ownedBy(set.metadata.uid);
    const minReadySeconds = numberAt(set.spec, 'minReadySeconds') ?? 0;
    const stays = owned.filter((pod) => pod.metadata.deletionTimestamp === undefined);
    const updated = stays.filter((pod) => revisionOf(pod) === update).length;
    const done = updated === replicasOf(set) && owned.length === updated;
    const status = {
      observedGeneration: set.metadata.generation ?? 1,
      replicas: owned.length,
      readyReplicas: stays.filter(isReady).length,
      availableReplicas: stays.filter((pod) => availableIn(pod, minReadySeconds, now) === 0).length,
      currentReplicas: done ? updated : stays.filter((pod) => revisionOf(pod) === current).length,
      updatedReplicas: updated,
      currentRevision: done ? update : current,
      updateRevision: update,
      collisionCount: 0,
    };
    const before = Object.fromEntries(
      Object.keys(status).map((name) => [name, isObject(known.status) ? (known.status[name] ?? 0) : 0]),
    );
    if (isDeepStrictEqual(before, status)) return;
    const { namespace, name, resourceVersion } = known.metadata;
    const path = `/apis/apps/v1/namespaces/${namespace}/statefulsets/${name}/status`;
    sets.put(await merge(calls, path, { metadata: { resourceVersion }, status }));
  }

  await Promise.all([sets.start(), pods.start(), revisions.start()]);
  queue.begin();
  return {
    async stop() {
      await queue.stop();
      await Promise.all([sets.stop(), pods.stop(), revisions.stop()]);
    },
  };
};
