/**
 * Deletes what belonged to objects that are gone, and works off the finalizers `foregroundDeletion` (first the dependents, then
 * the owner) and `orphan` (the dependents stay, without their owner). Watches every resource that the server has; nothing is
 * deleted on the word of a watch alone: owner and dependent are read again before.
 */
import { PATCH_TYPE } from '../../kube/patch.ts';
import type { Timer } from '../../kube/ports.ts';
import type { KubeObject, OwnerReference } from '../api/object.ts';
import { absentWhenGone, CallError, Calls } from './calls.ts';
import type { Controller, ControllerOptions } from './controller.ts';
import { collectionPath, type DiscoveredResource, discovered } from './discovered.ts';
import { Objects } from './objects.ts';
import { WorkQueue } from './work-queue.ts';

const FOREGROUND = 'foregroundDeletion';
const ORPHAN = 'orphan';
/** how often the server is asked for new resources */
const LOOK_MS = 30_000;
const NEVER_COLLECTED: ReadonlySet<string> = new Set(['/events', 'events.k8s.io/events']);

type Kept = {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly resource: DiscoveredResource;
  readonly owners: readonly OwnerReference[];
  readonly deleting: boolean;
  readonly foreground: boolean;
  readonly orphan: boolean;
};

/** Resolves when all resources are listed. */
export async function startGarbageCollector(options: ControllerOptions): Promise<Controller> {
  const collector = new GarbageCollector(options);
  await collector.start();
  return collector;
}

class GarbageCollector implements Controller {
  readonly #options: ControllerOptions;
  readonly #calls: Calls;
  readonly #queue: WorkQueue;
  readonly #objects = new Map<string, Kept>();
  /** uid of an owner → uids of what names it */
  readonly #dependents = new Map<string, Set<string>>();
  readonly #watched = new Map<string, { resource: DiscoveredResource; objects: Objects<Kept> }>();
  #timer: Timer | null = null;
  #looking: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: ControllerOptions) {
    this.#options = options;
    this.#calls = new Calls(options.transport);
    this.#queue = new WorkQueue({ ...options, work: (uid) => this.#work(uid) });
  }

  async start(): Promise<void> {
    this.#looking = this.#look();
    await this.#looking;
    this.#queue.begin();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    // a list that never comes must not keep us
    await Promise.all([...this.#watched.values()].map(({ objects }) => objects.stop()));
    await this.#queue.stop();
  }

  /** Watches what came to the server and forgets what went. */
  async #look(): Promise<void> {
    try {
      const found = await discovered(this.#calls);
      if (this.#stopped) return;
      const ids = new Map(
        found.map((one) => [`${one.apiVersion.split('/').slice(0, -1).join('/')}/${one.plural}`, one]),
      );
      for (const [id, { objects }] of this.#watched) {
        if (ids.has(id)) continue;
        this.#watched.delete(id);
        for (const kept of [...objects.values()]) this.#changed(null, kept);
        await objects.stop();
      }
      const added: Promise<void>[] = [];
      for (const [id, resource] of ids) {
        if (this.#watched.has(id) || NEVER_COLLECTED.has(id)) continue;
        const objects = new Objects<Kept>({
          ...this.#options,
          path: collectionPath(resource),
          keep: (object) => keep(object, resource),
          changed: (next, previous) => this.#changed(next, previous),
        });
        this.#watched.set(id, { resource, objects });
        added.push(objects.whenSynced());
      }
      await Promise.all(added);
    } catch (error) {
      this.#options.onError?.(error instanceof Error ? error : new Error(String(error)));
    }
    if (this.#stopped) return;
    this.#timer = this.#options.clock.after(LOOK_MS, () => {
      this.#looking = this.#look();
    });
  }

  #changed(next: Kept | null, previous: Kept | null): void {
    for (const { uid } of previous?.owners ?? []) {
      const dependents = this.#dependents.get(uid);
      dependents?.delete(previous!.uid);
      if (dependents?.size === 0) this.#dependents.delete(uid);
    }
    if (next === null) {
      if (previous === null) return;
      this.#objects.delete(previous.uid);
      this.#wakeDependents(previous.uid);
    } else {
      this.#objects.set(next.uid, next);
      for (const { uid } of next.owners) {
        const dependents = this.#dependents.get(uid) ?? new Set();
        this.#dependents.set(uid, dependents.add(next.uid));
      }
      const waitsForOthers = next.deleting && (next.foreground || next.orphan);
      if (waitsForOthers) this.#wakeDependents(next.uid);
      if (waitsForOthers || next.owners.some(({ uid }) => this.#ownerMoves(uid))) this.#queue.add(next.uid);
    }
    // an owner that waits for its dependents looks again when one of them changes
    for (const { uid } of [...(previous?.owners ?? []), ...(next?.owners ?? [])])
      if (this.#objects.get(uid)?.foreground) this.#queue.add(uid);
  }

  #ownerMoves(uid: string): boolean {
    const owner = this.#objects.get(uid);
    return owner === undefined || (owner.deleting && owner.foreground);
  }

  #wakeDependents(uid: string): void {
    for (const dependent of this.#dependents.get(uid) ?? []) this.#queue.add(dependent);
  }

  async #work(uid: string): Promise<void> {
    const kept = this.#objects.get(uid);
    if (kept === undefined) return;
    const live = await this.#calls.find(pathOf(kept));
    if (live === null || live.metadata.uid !== uid) return;
    const now = keep(live, kept.resource);
    if (now.deleting && now.orphan) return this.#orphan(now, live);
    if (now.deleting && now.foreground) return this.#finishForeground(now, live);
    if (now.deleting || now.owners.length === 0) return;
    await this.#judge(now, live);
  }

  /** Deletes an object all of whose owners are gone; takes the gone ones off an object that has others. */
  async #judge(kept: Kept, live: KubeObject): Promise<void> {
    const solid: OwnerReference[] = [];
    const gone: OwnerReference[] = [];
    const waiting: OwnerReference[] = [];
    for (const owner of kept.owners) {
      const found = await this.#owner(owner, kept);
      // a kind that nobody serves, or one that cannot own this object, proves nothing
      if (found === 'unknown') return;
      if (found === null) gone.push(owner);
      else if (found.metadata.deletionTimestamp !== undefined && found.metadata.finalizers?.includes(FOREGROUND))
        waiting.push(owner);
      else solid.push(owner);
    }
    if (solid.length > 0) {
      if (gone.length + waiting.length > 0) await this.#setOwners(kept, live, solid);
      return;
    }
    const mine = this.#dependents.get(kept.uid)?.size ?? 0;
    const policy =
      waiting.length > 0 && mine > 0
        ? 'Foreground'
        : kept.orphan
          ? 'Orphan'
          : kept.foreground
            ? 'Foreground'
            : 'Background';
    const preconditions = { uid: kept.uid, resourceVersion: live.metadata.resourceVersion };
    await absentWhenGone(this.#calls.call('DELETE', pathOf(kept), { propagationPolicy: policy, preconditions }));
  }

  async #owner(owner: OwnerReference, of: Kept): Promise<KubeObject | null | 'unknown'> {
    const group = owner.apiVersion.split('/').slice(0, -1).join('/');
    const resource = [...this.#watched]
      .filter(([id, one]) => id === `${group}/${one.resource.plural}`)
      .map(([, one]) => one.resource)
      .find((one) => one.kind === owner.kind);
    if (resource === undefined || (resource.namespaced && of.namespace === '')) return 'unknown';
    const namespace = resource.namespaced ? of.namespace : '';
    const found = await this.#calls.find(`${collectionPath(resource, namespace)}/${owner.name}`);
    return found?.metadata.uid === owner.uid ? found : null;
  }

  async #orphan(kept: Kept, live: KubeObject): Promise<void> {
    for (const uid of [...(this.#dependents.get(kept.uid) ?? [])]) {
      const dependent = this.#objects.get(uid);
      if (dependent === undefined) continue;
      const current = await this.#calls.find(pathOf(dependent));
      if (current === null || current.metadata.uid !== uid) continue;
      const owners = (current.metadata.ownerReferences ?? []).filter((one) => one.uid !== kept.uid);
      if (owners.length < (current.metadata.ownerReferences ?? []).length)
        await this.#setOwners(dependent, current, owners);
    }
    await this.#removeFinalizer(kept, live, ORPHAN);
  }

  /** An owner goes when no dependent that blocks it is left. */
  async #finishForeground(kept: Kept, live: KubeObject): Promise<void> {
    const blocking = [...(this.#dependents.get(kept.uid) ?? [])].filter((uid) =>
      this.#objects.get(uid)?.owners.some((owner) => owner.uid === kept.uid && owner.blockOwnerDeletion === true),
    );
    if (blocking.length === 0) return this.#removeFinalizer(kept, live, FOREGROUND);
    for (const uid of blocking) if (!this.#objects.get(uid)?.deleting) this.#queue.add(uid);
  }

  async #removeFinalizer(kept: Kept, live: KubeObject, finalizer: string): Promise<void> {
    const finalizers = (live.metadata.finalizers ?? []).filter((one) => one !== finalizer);
    await this.#patch(kept, live, { finalizers });
  }

  #setOwners(kept: Kept, live: KubeObject, owners: readonly OwnerReference[]): Promise<void> {
    return this.#patch(kept, live, { ownerReferences: owners });
  }

  /** A conflict means that the object changed meanwhile: its key comes again. */
  async #patch(kept: Kept, live: KubeObject, metadata: object): Promise<void> {
    const { uid, resourceVersion } = live.metadata;
    const body = { metadata: { uid, resourceVersion, ...metadata } };
    try {
      await this.#calls.call('PATCH', pathOf(kept), body, PATCH_TYPE.merge);
    } catch (error) {
      if (!(error instanceof CallError) || error.code !== 404) throw error;
    }
  }
}

function keep(object: KubeObject, resource: DiscoveredResource): Kept {
  const { uid, name, namespace = '', ownerReferences = [], deletionTimestamp, finalizers = [] } = object.metadata;
  return {
    uid,
    name,
    namespace,
    resource,
    owners: ownerReferences,
    deleting: deletionTimestamp !== undefined,
    foreground: finalizers.includes(FOREGROUND),
    orphan: finalizers.includes(ORPHAN),
  };
}

function pathOf(kept: Kept): string {
  return `${collectionPath(kept.resource, kept.namespace)}/${kept.name}`;
}
