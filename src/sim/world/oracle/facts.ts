/**
 * What the API objects say, read from the store as they are written, so that nothing is late here: which pod is on which node, which
 * devices a node had when, what each pod ever asked for, who is nominated where.
 */
import { GROUP } from '../../../core/names.ts';
import { arrayAt, type KubeObject, storeKey, textAt } from '../../api/object.ts';
import { resourceId } from '../../api/resources.ts';
import type { Change, Store } from '../../api/store.ts';
import { type Gpu, gpusOf, holdsDevices, isManaged, WANTS, type Wants } from './gpus.ts';

export const PODS = resourceId('v1', 'pods');
export const NODES = resourceId('v1', 'nodes');
export const SLICES = resourceId('resource.k8s.io/v1', 'resourceslices');
export const LEASES = resourceId('coordination.k8s.io/v1', 'leases');
/** ours; there on days on which its definition is */
export const POD_GROUPS = `custom/podgroups.${GROUP}`;

/** the oldest inventory that a decision may rest on */
const LATE_MS = 60_000;

/** Devices of a node, from when to when (virtual ms; Infinity: now). */
export type Inventory = { readonly from: number; until: number; readonly gpus: readonly Gpu[] };

export type PodListener = {
  readonly written: (pod: KubeObject, before: KubeObject | undefined) => void;
  readonly gone: (pod: KubeObject) => void;
};

export class Facts {
  /** virtual ms of the last change of a pod or node */
  changedAt = 0;
  readonly #store: Store;
  readonly #now: () => number;
  readonly #byNode = new Map<string, Map<string, KubeObject>>();
  readonly #inventories = new Map<string, Inventory[]>();
  readonly #wanted = new Map<string, string[]>();

  constructor(store: Store, now: () => number, listener: PodListener) {
    this.#store = store;
    this.#now = now;
    store.table(PODS).watch((change) => this.#podChanged(change, listener));
    store.table(NODES).watch((change) => this.#nodeChanged(change.next.object, change.type === 'DELETED'));
    store.table(SLICES).watch((change) => {
      const node = this.object(NODES, '', textAt(change.next.object.spec, 'nodeName'));
      if (node !== undefined) this.#nodeChanged(node, false);
    });
  }

  objects(id: string): KubeObject[] {
    const table = this.#store.table(id);
    return table.keys().map((key) => table.get(key)!.object);
  }

  object(id: string, namespace: string, name: string): KubeObject | undefined {
    return this.#store.table(id).get(storeKey(namespace, name))?.object;
  }

  /** Bound there and not ended, also while they terminate. */
  podsOn(node: string): Iterable<KubeObject> {
    return this.#byNode.get(node)?.values() ?? [];
  }

  gpus(node: KubeObject): readonly Gpu[] {
    return gpusOf(node, this.objects(SLICES));
  }

  /** What a late picture may still show: every inventory of the last minute, oldest first. */
  lateInventories(node: string): readonly Inventory[] {
    const since = this.#now() - LATE_MS;
    return (this.#inventories.get(node) ?? []).filter((one) => one.until >= since);
  }

  /** It was no node for some time of what a decision may rest on. */
  wasAway(node: string): boolean {
    const known = this.lateInventories(node);
    return known.some(({ until }, at) => until < (known[at + 1]?.from ?? Number.NEGATIVE_INFINITY));
  }

  latestInventory(node: string): Inventory | undefined {
    return this.#inventories.get(node)?.at(-1);
  }

  /** Every request that the pod ever had: more than one after an edit. */
  everWanted(uid: string): readonly Wants[] {
    return (this.#wanted.get(uid) ?? []).map((text) => JSON.parse(text) as Wants);
  }

  /** A user changed its request, to another or to nonsense: it may be refused for that, and what was promised is not what it asks. */
  edited({ metadata }: KubeObject): boolean {
    const now = metadata.annotations?.['muster.dev/request'] ?? '';
    return (this.#wanted.get(metadata.uid) ?? []).length > 1 || now.includes('two');
  }

  #podChanged(change: Change, listener: PodListener): void {
    this.changedAt = this.#now();
    const pod = change.next.object;
    const { uid } = pod.metadata;
    const before = change.previous?.object;
    const nodeBefore = before === undefined ? '' : textAt(before.spec, 'nodeName');
    if (nodeBefore !== '') this.#byNode.get(nodeBefore)?.delete(uid);
    if (change.type === 'DELETED') {
      this.#wanted.delete(uid);
      listener.gone(pod);
      return;
    }
    const wants = pod.metadata.annotations?.[WANTS];
    const known = this.#wanted.get(uid) ?? [];
    if (wants !== undefined && known.at(-1) !== wants) this.#wanted.set(uid, [...known, wants]);
    const node = textAt(pod.spec, 'nodeName');
    if (node !== '' && holdsDevices(pod)) {
      const here = this.#byNode.get(node) ?? new Map<string, KubeObject>();
      this.#byNode.set(node, here.set(uid, pod));
    }
    listener.written(pod, before);
  }

  #nodeChanged(node: KubeObject, gone: boolean): void {
    this.changedAt = this.#now();
    const { name } = node.metadata;
    const history = this.#inventories.get(name) ?? [];
    const last = history.at(-1);
    const now = this.#now();
    if (last !== undefined && last.until === Number.POSITIVE_INFINITY) last.until = now;
    if (!gone) {
      const gpus = isManaged(node) ? this.gpus(node) : [];
      if (last !== undefined && last.until === now && same(last.gpus, gpus)) last.until = Number.POSITIVE_INFINITY;
      else history.push({ from: now, until: Number.POSITIVE_INFINITY, gpus });
    }
    this.#inventories.set(name, history);
  }
}

const same = (a: readonly Gpu[], b: readonly Gpu[]): boolean =>
  a.length === b.length &&
  a.every((gpu, at) => {
    const other = b[at]!;
    return (
      gpu.uuid === other.uuid && gpu.index === other.index && gpu.mib === other.mib && gpu.healthy === other.healthy
    );
  });

export const waits = (pod: KubeObject): boolean =>
  textAt(pod.spec, 'nodeName') === '' && pod.metadata.deletionTimestamp === undefined;

/** The condition PodScheduled, undefined without one. */
export const scheduledCondition = (pod: KubeObject): unknown => condition(pod, 'PodScheduled');

export const condition = (pod: KubeObject, type: string): unknown =>
  arrayAt(pod.status, 'conditions').find((one) => textAt(one, 'type') === type);

/** The webhook saw it: its containers look for their devices. Without that Muster must refuse it on managed nodes. */
export const hasEnv = (pod: KubeObject): boolean =>
  arrayAt(pod.spec, 'containers').every((container) =>
    arrayAt(container, 'env').some((one) => textAt(one, 'name') === 'NVIDIA_VISIBLE_DEVICES'),
  );
