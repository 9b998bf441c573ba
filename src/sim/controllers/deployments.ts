/**
 * Deployments: one ReplicaSet per template, moved from the old ones to the new one within maxSurge and maxUnavailable (or
 * all at once for Recreate), with revisions, history and the conditions that `kubectl rollout` waits for.
 */
import { isDeepStrictEqual } from 'node:util';
import {
  arrayAt,
  isObject,
  type JsonObject,
  type KubeObject,
  numberAt,
  objectAt,
  textAt,
  timestamp,
} from '../api/object.ts';
import { Calls } from './calls.ts';
import type { StartController } from './controller.ts';
import { controllerOf, keyOf, Mirror, slimPod } from './mirror.ts';
import { moves } from './rolling.ts';
import { WorkQueue } from './work-queue.ts';
import { create, merge, remove } from './workload-calls.ts';
import { countOf, hashOf, isActive, ownerReference, replicasOf } from './workload-pods.ts';

const HASH = 'pod-template-hash';
const REVISION = 'deployment.kubernetes.io/revision';
const NO_LIMIT = 2_147_483_647;

const count = (set: KubeObject, name: string): number => numberAt(set.status, name) ?? 0;
const sum = (sets: readonly KubeObject[], of: (set: KubeObject) => number): number =>
  sets.reduce((total, set) => total + of(set), 0);
const revisionOf = (object: KubeObject): number => Number(object.metadata.annotations?.[REVISION] ?? 0) || 0;
const setsPath = (namespace: string | undefined, name = ''): string =>
  `/apis/apps/v1/namespaces/${namespace ?? ''}/replicasets${name === '' ? '' : `/${name}`}`;

/** The template as its owner wrote it. */
function ownTemplate(set: KubeObject): JsonObject {
  const template = objectAt(set.spec, 'template');
  const { [HASH]: _hash, ...labels } = objectAt(objectAt(template, 'metadata'), 'labels');
  return { ...template, metadata: { ...objectAt(template, 'metadata'), labels } };
}

export const startDeployments: StartController = async (options) => {
  const calls = new Calls(options.transport);
  const queue = new WorkQueue({ ...options, work: reconcile });
  const deployments = new Mirror(options, '/apis/apps/v1/deployments', (object) => queue.add(keyOf(object)));
  const sets = new Mirror(options, '/apis/apps/v1/replicasets', (set) => {
    const owner = controllerOf(set);
    if (owner?.kind === 'Deployment') queue.add(`${set.metadata.namespace}/${owner.name}`);
  });
  // Recreate waits for pods that are gone, not for a ReplicaSet that says so
  const pods = new Mirror(
    options,
    '/api/v1/pods',
    (pod, gone) => {
      const owner = gone ? controllerOf(pod) : null;
      if (owner?.kind !== 'ReplicaSet') return;
      const above = sets.get(`${pod.metadata.namespace}/${owner.name}`);
      const deployment = above && controllerOf(above);
      if (deployment) queue.add(`${pod.metadata.namespace}/${deployment.name}`);
    },
    slimPod,
  );

  async function reconcile(key: string): Promise<void> {
    const deployment = deployments.get(key);
    if (deployment === undefined || deployment.metadata.deletionTimestamp !== undefined) return;
    const owned = () => sets.ownedBy(deployment.metadata.uid);
    const template = objectAt(deployment.spec, 'template');
    const isNew = (set: KubeObject): boolean =>
      hashOf(ownTemplate(set)) ===
      hashOf({
        ...template,
        metadata: { ...objectAt(template, 'metadata'), labels: objectAt(objectAt(template, 'metadata'), 'labels') },
      });
    const paused = deployment.spec?.paused === true;
    let current = owned().find(isNew);
    let made = false;
    if (current === undefined && !paused) {
      current = await createSet(deployment, owned());
      made = true;
    }
    const old = owned().filter((set) => set.metadata.uid !== current?.metadata.uid);
    if (current && !made) await keepRevision(deployment, current, old);
    if (current && !paused) await move(deployment, current, old);
    else await scalePaused(deployment, owned());
    const now = current && sets.get(keyOf(current));
    await writeStatus(deployment, now ?? null, owned(), made);
    if (now && isComplete(deployment, now, owned())) await forgetOld(deployment, old);
  }

  async function createSet(deployment: KubeObject, siblings: readonly KubeObject[]): Promise<KubeObject> {
    const template = objectAt(deployment.spec, 'template');
    const hash = hashOf(template);
    const metadata = objectAt(template, 'metadata');
    const labels = { ...(objectAt(metadata, 'labels') as Record<string, string>), [HASH]: hash };
    const revision = String(Math.max(0, ...siblings.map(revisionOf)) + 1);
    const { namespace, name, uid } = deployment.metadata;
    const selector = objectAt(deployment.spec, 'selector');
    const { minReadySeconds } = deployment.spec ?? {};
    const object = {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: {
        name: `${name}-${hash}`,
        namespace,
        labels,
        annotations: { ...inherited(deployment), ...bounds(deployment), [REVISION]: revision },
        ownerReferences: [ownerReference(deployment)],
      },
      spec: {
        replicas: 0,
        ...(minReadySeconds === undefined ? {} : { minReadySeconds }),
        selector: { ...selector, matchLabels: { ...objectAt(selector, 'matchLabels'), [HASH]: hash } },
        template: { ...template, metadata: { ...metadata, labels } },
      },
    };
    const made = await create(calls, setsPath(namespace), object);
    if (controllerOf(made)?.uid === uid) sets.put(made);
    await writeRevision(deployment, revision);
    return made;
  }

  /** A template that was there before (rollout undo) becomes the newest revision. */
  async function keepRevision(deployment: KubeObject, current: KubeObject, old: readonly KubeObject[]): Promise<void> {
    const highest = Math.max(0, ...old.map(revisionOf));
    let revision = revisionOf(current);
    if (revision <= highest) {
      revision = highest + 1;
      const annotations = { [REVISION]: String(revision) };
      sets.put(
        await merge(calls, setsPath(current.metadata.namespace, current.metadata.name), { metadata: { annotations } }),
      );
    }
    await writeRevision(deployment, String(revision));
  }

  async function writeRevision(deployment: KubeObject, revision: string): Promise<void> {
    const known = deployments.get(keyOf(deployment)) ?? deployment;
    if (known.metadata.annotations?.[REVISION] === revision) return;
    const { namespace, name } = deployment.metadata;
    const path = `/apis/apps/v1/namespaces/${namespace}/deployments/${name}`;
    deployments.put(await merge(calls, path, { metadata: { annotations: { [REVISION]: revision } } }));
  }

  async function scaleTo(deployment: KubeObject, set: KubeObject, replicas: number): Promise<void> {
    const known = sets.get(keyOf(set)) ?? set;
    const annotations = bounds(deployment);
    const kept = Object.entries(annotations).every(([name, value]) => known.metadata.annotations?.[name] === value);
    if (replicasOf(known) === replicas && (kept || replicas === 0)) return;
    const { namespace, name, resourceVersion } = known.metadata;
    sets.put(
      await merge(calls, setsPath(namespace, name), { metadata: { resourceVersion, annotations }, spec: { replicas } }),
    );
    const before = replicasOf(known);
    if (before === replicas) return;
    const what = before < replicas ? 'up' : 'down';
    const message = `Scaled ${what} replica set ${name} from ${before} to ${replicas}`;
    options.tell?.(deployment, 'Normal', 'ScalingReplicaSet', message);
  }

  async function move(deployment: KubeObject, current: KubeObject, old: readonly KubeObject[]): Promise<void> {
    const desired = replicasOf(deployment);
    if (textAt(objectAt(deployment.spec, 'strategy'), 'type') === 'Recreate') {
      for (const set of old) await scaleTo(deployment, set, 0);
      const left = old.some((set) =>
        pods.ownedBy(set.metadata.uid).some((pod) => isActive(pod) || pod.metadata.deletionTimestamp !== undefined),
      );
      if (!left) await scaleTo(deployment, current, desired);
      return;
    }
    const { maxSurge, maxUnavailable } = limits(deployment);
    const known = sets.get(keyOf(current)) ?? current;
    const state = (set: KubeObject) => ({
      name: set.metadata.name,
      replicas: replicasOf(set),
      available: count(set, 'availableReplicas'),
    });
    const wanted = moves({ desired, maxSurge, maxUnavailable, current: state(known), old: old.map(state) });
    await scaleTo(deployment, known, wanted.current);
    for (const set of old) await scaleTo(deployment, set, wanted.old.get(set.metadata.name) ?? replicasOf(set));
  }

  /** While paused only the size follows: the newest set that has pods takes the difference. */
  async function scalePaused(deployment: KubeObject, all: readonly KubeObject[]): Promise<void> {
    const [largest] = all.filter((set) => replicasOf(set) > 0).sort((a, b) => revisionOf(b) - revisionOf(a));
    if (largest === undefined) return;
    const others = sum(all, replicasOf) - replicasOf(largest);
    await scaleTo(deployment, largest, Math.max(0, replicasOf(deployment) - others));
  }

  async function forgetOld(deployment: KubeObject, old: readonly KubeObject[]): Promise<void> {
    const limit = numberAt(deployment.spec, 'revisionHistoryLimit') ?? 10;
    if (limit === NO_LIMIT) return;
    const idle = old.filter((set) => replicasOf(set) === 0 && count(set, 'replicas') === 0);
    idle.sort((a, b) => revisionOf(a) - revisionOf(b));
    for (const set of idle.slice(0, Math.max(0, idle.length - limit))) {
      await remove(calls, setsPath(set.metadata.namespace, set.metadata.name), set.metadata.uid);
      sets.drop(set);
    }
  }

  async function writeStatus(
    deployment: KubeObject,
    current: KubeObject | null,
    all: readonly KubeObject[],
    made: boolean,
  ): Promise<void> {
    const known = deployments.get(keyOf(deployment)) ?? deployment;
    const total = sum(all, (set) => count(set, 'replicas'));
    const available = sum(all, (set) => count(set, 'availableReplicas'));
    const numbers = {
      replicas: total,
      updatedReplicas: current ? count(current, 'replicas') : 0,
      readyReplicas: sum(all, (set) => count(set, 'readyReplicas')),
      availableReplicas: available,
      unavailableReplicas: Math.max(0, sum(all, replicasOf) - available),
      observedGeneration: known.metadata.generation ?? 1,
    };
    const conditions = [availability(known, available), progress(known, current, all, made, numbers)];
    const status = { ...numbers, conditions };
    const before = Object.fromEntries(
      Object.keys(status).map((name) => [name, isObject(known.status) ? (known.status[name] ?? 0) : 0]),
    );
    if (isDeepStrictEqual(before, status)) return;
    const { namespace, name, resourceVersion } = known.metadata;
    const path = `/apis/apps/v1/namespaces/${namespace}/deployments/${name}/status`;
    deployments.put(await merge(calls, path, { metadata: { resourceVersion }, status }));
  }

  function availability(deployment: KubeObject, available: number): JsonObject {
    const enough = available >= replicasOf(deployment) - limits(deployment).maxUnavailable;
    return conditionOf(deployment, 'Available', {
      status: enough ? 'True' : 'False',
      reason: enough ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
      message: enough ? 'Deployment has minimum availability.' : 'Deployment does not have minimum availability.',
    });
  }

  function progress(
    deployment: KubeObject,
    current: KubeObject | null,
    all: readonly KubeObject[],
    made: boolean,
    numbers: { updatedReplicas: number; availableReplicas: number; replicas: number },
  ): JsonObject {
    const known = arrayAt(deployment.status, 'conditions').find((one) => textAt(one, 'type') === 'Progressing');
    if (deployment.spec?.paused === true)
      return conditionOf(deployment, 'Progressing', {
        status: 'Unknown',
        reason: 'DeploymentPaused',
        message: 'Deployment is paused',
      });
    const name = `ReplicaSet "${current?.metadata.name ?? ''}"`;
    if (current && isComplete(deployment, current, all))
      return conditionOf(deployment, 'Progressing', {
        status: 'True',
        reason: 'NewReplicaSetAvailable',
        message: `${name} has successfully progressed.`,
      });
    if (made)
      return conditionOf(deployment, 'Progressing', {
        status: 'True',
        reason: 'NewReplicaSetCreated',
        message: `Created new replica set "${current?.metadata.name ?? ''}"`,
      });
    const moved = (['updatedReplicas', 'availableReplicas', 'replicas'] as const).some(
      (field) => numbers[field] !== (numberAt(deployment.status, field) ?? 0),
    );
    const deadline = (numberAt(deployment.spec, 'progressDeadlineSeconds') ?? 600) * 1000;
    const since = Date.parse(textAt(known, 'lastUpdateTime')) || options.clock.now();
    const left = since + deadline - options.clock.now();
    const overdue = textAt(known, 'reason') === 'ProgressDeadlineExceeded';
    if (!moved && (overdue || left <= 0))
      return conditionOf(deployment, 'Progressing', {
        status: 'False',
        reason: 'ProgressDeadlineExceeded',
        message: `${name} has timed out progressing.`,
      });
    queue.addAfter(keyOf(deployment), moved ? deadline : left);
    const next = { status: 'True', reason: 'ReplicaSetUpdated', message: `${name} is progressing.` };
    return conditionOf(deployment, 'Progressing', next, moved);
  }

  /** `touch`: it moved again, though nothing in its text did. */
  function conditionOf(deployment: KubeObject, type: string, next: JsonObject, touch = false): JsonObject {
    const known = arrayAt(deployment.status, 'conditions').find((one) => textAt(one, 'type') === type);
    const now = timestamp(options.clock.now());
    const same = ['status', 'reason', 'message'].every((field) => textAt(known, field) === next[field]);
    return {
      type,
      ...next,
      lastUpdateTime: same && !touch ? textAt(known, 'lastUpdateTime') : now,
      lastTransitionTime: textAt(known, 'status') === next.status ? textAt(known, 'lastTransitionTime') : now,
    };
  }

  await Promise.all([deployments.start(), sets.start(), pods.start()]);
  queue.begin();
  return {
    async stop() {
      await queue.stop();
      await Promise.all([deployments.stop(), sets.stop(), pods.stop()]);
    },
  };
};

function isComplete(deployment: KubeObject, current: KubeObject, all: readonly KubeObject[]): boolean {
  const desired = replicasOf(deployment);
  return (
    count(current, 'replicas') === desired &&
    count(current, 'availableReplicas') === desired &&
    sum(all, (set) => count(set, 'replicas')) === desired &&
    sum(all, replicasOf) === desired
  );
}

/** maxSurge rounds up, maxUnavailable down; both 0 would be no way forward. */
function limits(deployment: KubeObject): { maxSurge: number; maxUnavailable: number } {
  const strategy = objectAt(deployment.spec, 'strategy');
  const desired = replicasOf(deployment);
  if (textAt(strategy, 'type') === 'Recreate') return { maxSurge: 0, maxUnavailable: 0 };
  const rolling = objectAt(strategy, 'rollingUpdate');
  const maxSurge = countOf(rolling.maxSurge ?? '25%', desired, Math.ceil);
  const maxUnavailable = countOf(rolling.maxUnavailable ?? '25%', desired, Math.floor);
  return { maxSurge, maxUnavailable: maxSurge === 0 && maxUnavailable === 0 ? 1 : Math.min(maxUnavailable, desired) };
}

function bounds(deployment: KubeObject): Record<string, string> {
  const desired = replicasOf(deployment);
  return {
    'deployment.kubernetes.io/desired-replicas': String(desired),
    'deployment.kubernetes.io/max-replicas': String(desired + limits(deployment).maxSurge),
  };
}

function inherited(deployment: KubeObject): Record<string, string> {
  const own = new Set([REVISION, 'kubectl.kubernetes.io/last-applied-configuration']);
  const annotations = Object.entries(deployment.metadata.annotations ?? {}).filter(([name]) => !own.has(name));
  return Object.fromEntries(annotations);
}
