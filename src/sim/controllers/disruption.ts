/** The status of PodDisruptionBudgets: how many pods are healthy, how many must be, how many may be evicted now. */
import {
  arrayAt,
  isObject,
  type JsonObject,
  type KubeObject,
  numberAt,
  type OwnerReference,
  objectAt,
  textAt,
  withCondition,
} from '../api/object.ts';
import { matchesLabelSelector } from '../api/selectors.ts';
import { CallError, Calls } from './calls.ts';
import type { Controller, ControllerOptions } from './controller.ts';
import { collectionPath, type DiscoveredResource, discovered } from './discovered.ts';
import { Objects } from './objects.ts';
import { WorkQueue } from './work-queue.ts';

/** an eviction whose pod is still there after this was no eviction */
const EVICTED_FOR_MS = 120_000;

/** Resolves when budgets and pods are known. */
export async function startDisruptionController(options: ControllerOptions): Promise<Controller> {
  const calls = new Calls(options.transport);
  const queue = new WorkQueue({
    ...options,
    work: (key) => new Round(key, calls, budgets, pods, options, queue).run(),
  });
  const key = (object: KubeObject): string => `${object.metadata.namespace}/${object.metadata.name}`;
  const budgets = new Objects<KubeObject>({
    ...options,
    path: '/apis/policy/v1/poddisruptionbudgets',
    keep: (object) => object,
    changed: (next) => {
      if (next !== null) queue.add(key(next));
    },
  });
  const pods = new Objects<KubeObject>({
    ...options,
    path: '/api/v1/pods',
    keep: slim,
    changed: (next, previous) => {
      for (const budget of budgets.values())
        if ([next, previous].some((pod) => pod !== null && guards(budget, pod))) queue.add(key(budget));
    },
  });
  await Promise.all([budgets.whenSynced(), pods.whenSynced()]);
  queue.begin();
  return {
    async stop() {
      await Promise.all([budgets.stop(), pods.stop()]);
      await queue.stop();
    },
  };
}

/** What a round looks at; pods are many. */
function slim(pod: KubeObject): KubeObject {
  const { name, namespace = '', uid, labels = {}, ownerReferences, deletionTimestamp } = pod.metadata;
  const ready = arrayAt(pod.status, 'conditions').filter((one) => textAt(one, 'type') === 'Ready');
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      uid,
      labels,
      resourceVersion: '',
      creationTimestamp: '',
      ...(ownerReferences ? { ownerReferences } : {}),
      ...(deletionTimestamp ? { deletionTimestamp } : {}),
    },
    status: { conditions: ready },
  };
}

function guards(budget: KubeObject, pod: KubeObject): boolean {
  return (
    budget.metadata.namespace === pod.metadata.namespace &&
    matchesLabelSelector(budget.spec?.selector, pod.metadata.labels ?? {})
  );
}

type Counts = { expectedPods: number; desiredHealthy: number };

/** One look at one budget. */
class Round {
  readonly #key: string;
  readonly #calls: Calls;
  readonly #budgets: Objects<KubeObject>;
  readonly #pods: Objects<KubeObject>;
  readonly #options: ControllerOptions;
  readonly #queue: WorkQueue;
  #resources: readonly DiscoveredResource[] | null = null;

  constructor(
    key: string,
    calls: Calls,
    budgets: Objects<KubeObject>,
    pods: Objects<KubeObject>,
    options: ControllerOptions,
    queue: WorkQueue,
  ) {
    this.#key = key;
    this.#calls = calls;
    this.#budgets = budgets;
    this.#pods = pods;
    this.#options = options;
    this.#queue = queue;
  }

  async run(): Promise<void> {
    const budget = this.#budgets.get(this.#key);
    if (budget === undefined) return;
    const guarded = [...this.#pods.values()].filter((pod) => guards(budget, pod));
    let counts: Counts;
    try {
      counts = await this.#expected(budget, guarded);
    } catch (error) {
      if (!(error instanceof UncountableError)) throw error;
      await this.#write(budget, { ...budget.status, disruptionsAllowed: 0 }, 'SyncFailed', error.message);
      return;
    }
    const now = this.#options.clock.now();
    const disruptedPods = this.#stillDisrupted(budget, guarded, now);
    const healthy = guarded.filter(
      (pod) =>
        pod.metadata.deletionTimestamp === undefined &&
        disruptedPods[pod.metadata.name] === undefined &&
        arrayAt(pod.status, 'conditions').some((one) => textAt(one, 'status') === 'True'),
    ).length;
    const spare = healthy - counts.desiredHealthy;
    const disruptionsAllowed = counts.expectedPods <= 0 ? 0 : Math.max(0, spare);
    const { disruptedPods: _old, ...status } = budget.status ?? {};
    const next: JsonObject = {
      ...status,
      currentHealthy: healthy,
      desiredHealthy: counts.desiredHealthy,
      disruptionsAllowed,
      expectedPods: counts.expectedPods,
      observedGeneration: budget.metadata.generation ?? 0,
      ...(Object.keys(disruptedPods).length > 0 ? { disruptedPods } : {}),
    };
    await this.#write(budget, next, disruptionsAllowed > 0 ? 'SufficientPods' : 'InsufficientPods', '');
  }

  /** Throws UncountableError where the budget asks for the size of something that has none. */
  async #expected(budget: KubeObject, guarded: readonly KubeObject[]): Promise<Counts> {
    const { minAvailable, maxUnavailable } = budget.spec ?? {};
    if (maxUnavailable !== undefined) {
      const expectedPods = await this.#sizeOfOwners(guarded);
      return { expectedPods, desiredHealthy: Math.max(0, expectedPods - scaled(maxUnavailable, expectedPods)) };
    }
    if (typeof minAvailable === 'string') {
      const expectedPods = await this.#sizeOfOwners(guarded);
      return { expectedPods, desiredHealthy: scaled(minAvailable, expectedPods) };
    }
    return { expectedPods: guarded.length, desiredHealthy: typeof minAvailable === 'number' ? minAvailable : 0 };
  }

  /** The wanted replicas of everything that controls one of the pods. Pods without a controller do not count. */
  async #sizeOfOwners(guarded: readonly KubeObject[]): Promise<number> {
    const owners = new Map<string, OwnerReference>();
    for (const pod of guarded) {
      const controller = pod.metadata.ownerReferences?.find((one) => one.controller === true);
      if (controller !== undefined) owners.set(controller.uid, controller);
    }
    const sizes = new Map<string, number>();
    const namespace = this.#key.split('/')[0] ?? '';
    for (const owner of owners.values()) {
      const { uid, size } = await this.#sizeOf(owner, namespace);
      sizes.set(uid, size);
    }
    return [...sizes.values()].reduce((sum, size) => sum + size, 0);
  }

  async #sizeOf(owner: OwnerReference, namespace: string): Promise<{ uid: string; size: number }> {
    const path = await this.#pathOf(owner, namespace);
    if (owner.kind === 'ReplicaSet') {
      const set = await this.#calls.find(path);
      const above = set?.metadata.ownerReferences?.find((one) => one.controller === true);
      if (above?.kind === 'Deployment') return this.#sizeOf(above, namespace);
    }
    try {
      const scale = await this.#calls.call('GET', `${path}/scale`);
      return { uid: owner.uid, size: numberAt(scale.spec, 'replicas') ?? 0 };
    } catch (error) {
      if (error instanceof CallError && error.code === 404)
        throw new UncountableError(`${owner.kind}.${owner.apiVersion} does not implement the scale subresource`);
      throw error;
    }
  }

  async #pathOf(owner: OwnerReference, namespace: string): Promise<string> {
    this.#resources ??= await discovered(this.#calls);
    const resource = this.#resources.find((one) => one.kind === owner.kind && one.apiVersion === owner.apiVersion);
    if (resource === undefined) throw new UncountableError(`no resource serves ${owner.kind}.${owner.apiVersion}`);
    return `${collectionPath(resource, namespace)}/${owner.name}`;
  }

  /** Evictions whose pods are not gone yet; they count as gone already. */
  #stillDisrupted(budget: KubeObject, guarded: readonly KubeObject[], now: number): Record<string, string> {
    const names = new Set(
      guarded.filter((pod) => pod.metadata.deletionTimestamp === undefined).map((pod) => pod.metadata.name),
    );
    const kept: Record<string, string> = {};
    let next = Number.POSITIVE_INFINITY;
    for (const [name, time] of Object.entries(objectAt(budget.status, 'disruptedPods'))) {
      const ends = Date.parse(String(time)) + EVICTED_FOR_MS;
      if (!names.has(name) || ends <= now) continue;
      kept[name] = String(time);
      next = Math.min(next, ends);
    }
    if (next < Number.POSITIVE_INFINITY) this.#queue.addAfter(this.#key, next - now + 1);
    return kept;
  }

  async #write(budget: KubeObject, status: JsonObject, reason: string, message: string): Promise<void> {
    const allowed = (numberAt(status, 'disruptionsAllowed') ?? 0) > 0;
    const condition = {
      type: 'DisruptionAllowed',
      status: allowed ? 'True' : 'False',
      observedGeneration: budget.metadata.generation ?? 0,
      reason,
      message,
    };
    const conditions = withCondition(arrayAt(status, 'conditions'), condition, this.#options.clock.now())
      .filter(isObject)
      .map(({ lastProbeTime: _never, ...one }) => one);
    const next = { ...budget, status: { ...status, conditions } };
    if (JSON.stringify(sorted(next.status)) === JSON.stringify(sorted(budget.status ?? {}))) return;
    const path = `/apis/policy/v1/namespaces/${budget.metadata.namespace}/poddisruptionbudgets/${budget.metadata.name}/status`;
    try {
      await this.#calls.call('PUT', path, next);
    } catch (error) {
      if (!(error instanceof CallError) || error.code !== 404) throw error;
    }
  }
}

class UncountableError extends Error {
  override readonly name = 'UncountableError';
}

/** A number as it is, a percentage of `total` rounded up. */
function scaled(value: unknown, total: number): number {
  if (typeof value === 'number') return value;
  return Math.ceil((Number.parseInt(String(value), 10) * total) / 100);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, sorted(value[key])]),
  );
}
