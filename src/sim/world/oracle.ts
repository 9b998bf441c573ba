/**
 * The judge of a world. It knows only API objects (read from the store as they are written, so nothing is late for it) and, for
 * three questions, the extenders themselves: who decides, what they hold, what their books say.
 *
 * A decision rests on a picture that may be late. So a claim is judged by every inventory that its node had within
 * `LATE_MS`, and is wrong only where it is wrong by all of them.
 */
import { GPU_MILLI } from '../../core/names.ts';
import { quantityMilli, quantityUnits } from '../../core/quantity.ts';
import { arrayAt, type KubeObject, numberAt, objectAt, storeKey, textAt } from '../api/object.ts';
import { resourceId } from '../api/resources.ts';
import type { Change, Store } from '../api/store.ts';
import { LEASE } from './elector.ts';
import {
  amount,
  claimOf,
  type Gpu,
  gpusOf,
  holdsDevices,
  isManaged,
  mibOn,
  positionOf,
  useOf,
  WANTS,
  type Wants,
  wantsOf,
} from './gpus.ts';
import type { Pair } from './pair.ts';

export const PODS = resourceId('v1', 'pods');
export const NODES = resourceId('v1', 'nodes');
export const SLICES = resourceId('resource.k8s.io/v1', 'resourceslices');
const LEASES = resourceId('coordination.k8s.io/v1', 'leases');

/** the oldest inventory that a decision may rest on */
const LATE_MS = 60_000;
/** holds are swept once a second; a paused process sweeps when it goes on */
const SWEEP_SLACK_MS = 3_000;
/** less than the 30 s that a preemptor has to come back */
const KEPT_MS = 20_000;

export const INVARIANTS = [
  'over-allocated',
  'claim-missing',
  'claim-wrong',
  'device-unknown',
  'env-unresolved',
  'two-deciders',
  'bind-without-lease',
  'hold-overdue',
  'hold-orphaned',
  'books-differ',
  'answer-differs',
  'awaited-given-away',
  'gpu-milli-wrong',
  'pod-lost',
  'no-reason',
  'exception',
  'not-quiet',
] as const;
export type Invariant = (typeof INVARIANTS)[number];

export type Violation = { readonly invariant: Invariant; readonly detail: string };

/** A preemptor's nomination as its object shows it. */
type Nomination = { readonly node: string; readonly since: number; came: boolean };

type Inventory = { readonly from: number; until: number; readonly gpus: readonly Gpu[] };

export class Oracle {
  readonly violations: Violation[] = [];
  /** how often each invariant was checked */
  readonly checks: Record<Invariant, number> = Object.fromEntries(INVARIANTS.map((one) => [one, 0])) as Record<
    Invariant,
    number
  >;
  /** virtual ms of the last change of a pod or node */
  changedAt = 0;
  readonly #store: Store;
  readonly #now: () => number;
  readonly #pairs: () => readonly Pair[];
  readonly #byNode = new Map<string, Map<string, KubeObject>>();
  readonly #inventories = new Map<string, Inventory[]>();
  /** uid → every request the pod ever had */
  readonly #wanted = new Map<string, string[]>();

  /** uid → nomination of a pod that waits */
  readonly #nominated = new Map<string, Nomination>();
  readonly #promises = new Map<string, Nomination>();
  /** who decides, and since when */
  #decider: unknown = null;
  #deciderSince = 0;

  constructor(store: Store, now: () => number, pairs: () => readonly Pair[]) {
    this.#store = store;
    this.#now = now;
    this.#pairs = pairs;
    store.table(PODS).watch((change) => this.#podChanged(change));
    store.table(NODES).watch((change) => this.#nodeChanged(change.next.object, change.type === 'DELETED'));
    store.table(SLICES).watch((change) => {
      const node = this.#object(NODES, '', textAt(change.next.object.spec, 'nodeName'));
      if (node !== undefined) this.#nodeChanged(node, false);
    });
  }

  report(invariant: Invariant, detail: string): void {
    this.violations.push({ invariant, detail });
  }

  /** A Binding was carried out for the extender of this pair. */
  bindingDone(pair: string, elects: boolean): void {
    this.checks['bind-without-lease']++;
    if (!elects) return;
    const holder = textAt(this.#object(LEASES, LEASE.namespace, LEASE.name)?.spec, 'holderIdentity');
    if (!holder.startsWith(`host-${pair}_`))
      this.report('bind-without-lease', `extender-${pair} bound while the Lease is held by ${holder || 'nobody'}`);
  }

  /** An extender answered this node to preempt; kube-scheduler may write the nomination much later. */
  promised(uid: string, node: string): void {
    this.#promises.set(uid, { node, since: this.#now(), came: false });
  }

  /** The preemptor came back: from here on it is a pod like others, whose Binding may be refused or lost. */
  bindTried(uid: string): void {
    const nomination = this.#nominated.get(uid);
    if (nomination !== undefined) nomination.came = true;
  }

  /** After every step: cheap, and only what time alone can break. */
  afterStep(): void {
    let deciding = 0;
    let decider: unknown = null;
    for (const pair of this.#pairs()) {
      const extender = pair.extender;
      if (extender === null || extender.process.dead || extender.process.pausedUntil > this.#now()) continue;
      if (!extender.core.context.deciding()) continue;
      deciding++;
      decider = extender;
    }
    if (decider !== this.#decider) {
      this.#decider = decider;
      this.#deciderSince = this.#now();
    }
    this.checks['two-deciders']++;
    if (deciding > 1) this.report('two-deciders', 'both extenders decide at once');
  }

  /** About once a virtual second. */
  holdsInTime(): void {
    for (const pair of this.#pairs()) {
      const { extender } = pair;
      if (extender === null || extender.process.dead || extender.process.pausedUntil > this.#now() - SWEEP_SLACK_MS)
        continue;
      this.checks['hold-overdue']++;
      for (const hold of extender.core.parts.picture.holds.values()) {
        if (hold.deadline !== null && hold.deadline < this.#now() - SWEEP_SLACK_MS)
          this.report(
            'hold-overdue',
            `${hold.pod.name}: ${hold.cause} hold of extender-${pair.name} ended at ${hold.deadline}`,
          );
      }
    }
  }

  // ---- once quiet

  /** Pods that could be bound now and are not: by the objects alone. */
  waitingThatFit(): string[] {
    const found: string[] = [];
    for (const pod of this.#objects(PODS)) {
      if (textAt(pod.spec, 'nodeName') !== '' || pod.metadata.deletionTimestamp !== undefined) continue;
      const node = this.#objects(NODES).find((one) => this.#fits(pod, one));
      if (node === undefined) continue;
      const said = arrayAt(pod.status, 'conditions').find((one) => textAt(one, 'type') === 'PodScheduled');
      const { name } = node.metadata;
      const nominated = this.#objects(PODS).filter((one) => this.#nominated.get(one.metadata.uid)?.node === name);
      const others = nominated.map((one) => `${one.metadata.name} is nominated there`);
      found.push([`${pod.metadata.name} fits ${name}`, ...others, `it says ${textAt(said, 'message')}`].join('; '));
    }
    return found;
  }

  /** What is not yet as it must be once quiet; nothing of it is reported. */
  unsettled(): boolean {
    const before = this.violations.length;
    this.quiet();
    return this.violations.splice(before).length > 0;
  }

  /** Everything that must hold when nothing has gone wrong for a while and nothing is on its way. */
  quiet(): void {
    for (const text of this.waitingThatFit()) this.report('pod-lost', text);
    this.checks['pod-lost']++;
    this.checks['not-quiet']++;
    for (const { metadata } of this.#objects(PODS))
      if (metadata.deletionTimestamp !== undefined) this.report('not-quiet', `${metadata.name} is still ending`);
    for (const pod of this.#objects(PODS)) {
      if (textAt(pod.spec, 'nodeName') !== '' || pod.metadata.deletionTimestamp !== undefined) continue;
      this.checks['no-reason']++;
      const said = arrayAt(pod.status, 'conditions').find((one) => textAt(one, 'type') === 'PodScheduled');
      if (textAt(said, 'reason') !== 'Unschedulable')
        this.report('no-reason', `${pod.metadata.name} waits with ${JSON.stringify(said ?? null)}`);
    }
    for (const node of this.#objects(NODES)) {
      if (!isManaged(node)) continue;
      this.checks['gpu-milli-wrong']++;
      const right = 1000 * this.#gpus(node).filter((gpu) => gpu.healthy).length;
      const said = textAt(objectAt(node.status, 'allocatable'), GPU_MILLI);
      if (amount(said) !== right)
        this.report('gpu-milli-wrong', `${node.metadata.name}: ${said}, ${right} would be right`);
    }
    for (const pair of this.#pairs()) this.#books(pair);
  }

  #books(pair: Pair): void {
    const core = pair.extender?.core;
    if (core === undefined || !core.parts.synced()) {
      this.report('not-quiet', `extender-${pair.name} is not synced`);
      return;
    }
    const { picture } = core.parts;
    this.checks['books-differ']++;
    for (const node of this.#objects(NODES)) {
      if (!isManaged(node)) continue;
      const { name } = node.metadata;
      const gpus = this.#gpus(node);
      const use = useOf(gpus, this.#podsOn(name));
      const ledger = picture.nodes.get(name)?.ledger;
      const said = ledger === undefined ? 'nothing' : JSON.stringify([[...ledger.usedMib], [...ledger.usedMilli]]);
      const right = JSON.stringify([use.mib, use.milli]);
      if (said !== right)
        this.report('books-differ', `extender-${pair.name} ${name}: ${said}, the objects say ${right}`);
      if (ledger?.awaitedMib.some((mib) => mib > 0))
        this.report('books-differ', `extender-${pair.name} ${name}: something is still awaited`);
    }
    const known = [...picture.pods()].length;
    const there = this.#objects(PODS).length;
    if (known !== there) this.report('books-differ', `extender-${pair.name} knows ${known} pods, there are ${there}`);
    for (const hold of picture.holds.values()) {
      this.checks['hold-orphaned']++;
      const pod = this.#object(PODS, hold.pod.namespace, hold.pod.name);
      this.report(
        'hold-orphaned',
        `extender-${pair.name} holds ${hold.cause} (${hold.state}) for ${hold.pod.name}, which is ${pod === undefined ? 'gone' : `on ${textAt(pod.spec, 'nodeName') || 'no node'}`}`,
      );
    }
  }

  // ---- what objects say

  #podChanged(change: Change): void {
    this.changedAt = this.#now();
    const pod = change.next.object;
    const { uid, name } = pod.metadata;
    const before = change.previous?.object;
    const nodeBefore = before === undefined ? '' : textAt(before.spec, 'nodeName');
    if (nodeBefore !== '') this.#byNode.get(nodeBefore)?.delete(uid);
    const nominated = change.type === 'DELETED' ? '' : textAt(pod.status, 'nominatedNodeName');
    if (nominated === '' || textAt(pod.spec, 'nodeName') !== '') this.#nominated.delete(uid);
    else if (this.#nominated.get(uid)?.node !== nominated)
      this.#nominated.set(uid, {
        node: nominated,
        since: this.#promises.get(uid)?.node === nominated ? this.#promises.get(uid)!.since : this.#now(),
        came: false,
      });
    if (change.type === 'DELETED') {
      this.#wanted.delete(uid);
      return;
    }
    const wants = pod.metadata.annotations?.[WANTS];
    const known = this.#wanted.get(uid) ?? [];
    if (wants !== undefined && known.at(-1) !== wants) this.#wanted.set(uid, [...known, wants]);
    this.checks['env-unresolved']++;
    if (textAt(pod.status, 'reason') === 'EnvUnresolved')
      this.report('env-unresolved', `${name}: ${textAt(pod.status, 'message')}`);
    const node = textAt(pod.spec, 'nodeName');
    if (node === '' || !holdsDevices(pod)) return;
    const here = this.#byNode.get(node) ?? new Map<string, KubeObject>();
    this.#byNode.set(node, here.set(uid, pod));
    if (nodeBefore === '') {
      this.#bound(pod, node);
      this.#awaitedKept(pod, node);
    }
  }

  #bound(pod: KubeObject, node: string): void {
    const { name, uid } = pod.metadata;
    const wanted = (this.#wanted.get(uid) ?? []).map((text) => JSON.parse(text) as Wants);
    const claim = claimOf(pod);
    if (wanted.length === 0) {
      if (claim !== null) this.report('claim-wrong', `${name} wants no GPU and has a claim`);
      return;
    }
    this.checks['claim-missing']++;
    if (claim === null) {
      this.report('claim-missing', `${name} is bound to ${node} without a claim`);
      return;
    }
    const since = this.#now() - LATE_MS;
    const inventories = (this.#inventories.get(node) ?? []).filter((one) => one.until >= since);
    this.checks['device-unknown']++;
    const real = inventories.filter(({ gpus }) => claim.every((share) => gpus[positionOf(gpus, share)]?.healthy));
    if (real.length === 0) {
      this.report(
        'device-unknown',
        `${name} on ${node} claims what was not there or not healthy: ${JSON.stringify(claim)}`,
      );
      return;
    }
    this.checks['claim-wrong']++;
    const right = wanted.some((wants) => real.some(({ gpus }) => answers(wants, claim, gpus)));
    if (!right) this.report('claim-wrong', `${name} wants ${JSON.stringify(wanted)}, claims ${JSON.stringify(claim)}`);
    this.checks['over-allocated']++;
    const over = inventories.map(({ gpus }) => overOn(gpus, claim, this.#podsOn(node)));
    const [first] = over;
    if (first && over.every((text) => text !== null))
      this.report('over-allocated', `${name} was bound to ${node}: ${first}`);
  }

  /** What was freed for a preemptor is kept for it, while the extender that freed it decides and for `KEPT_MS` at least. */
  #awaitedKept(pod: KubeObject, node: string): void {
    const waiting = [...this.#nominated].filter(([, one]) => one.node === node);
    if (waiting.length === 0) return;
    const gpus = this.#inventories.get(node)?.at(-1);
    for (const waits of this.#objects(PODS)) {
      const nomination = this.#nominated.get(waits.metadata.uid);
      const wants = wantsOf(waits);
      if (nomination?.node !== node || wants === null || waits.metadata.deletionTimestamp !== undefined) continue;
      const { since, came } = nomination;
      if (came || priorityOf(waits) <= priorityOf(pod) || this.#now() - since > KEPT_MS) continue;
      if (gpus === undefined || gpus.from > since || this.#deciderSince > since) continue;
      if ((this.#wanted.get(waits.metadata.uid) ?? []).length > 1 || this.#placedElsewhere(waits)) continue;
      this.checks['awaited-given-away']++;
      // once those that are being evicted are gone
      const stay = [...this.#podsOn(node)].filter((one) => one.metadata.deletionTimestamp === undefined);
      const others = stay.filter((one) => one.metadata.uid !== pod.metadata.uid);
      if (hasRoom(wants, gpus.gpus, others) && !hasRoom(wants, gpus.gpus, stay))
        this.report(
          'awaited-given-away',
          `${pod.metadata.name} was bound to ${node} in the place of ${waits.metadata.name}`,
        );
    }
  }

  /** The preemptor found another place meanwhile, or is on its way to this one. */
  #placedElsewhere({ metadata }: KubeObject): boolean {
    return this.#pairs().some(({ extender }) => {
      const hold = extender?.core.parts.picture.holds.get(metadata.uid);
      return hold !== undefined && hold.cause !== 'awaiting';
    });
  }

  #nodeChanged(node: KubeObject, gone: boolean): void {
    this.changedAt = this.#now();
    const { name } = node.metadata;
    const history = this.#inventories.get(name) ?? [];
    const last = history.at(-1);
    const now = this.#now();
    if (last !== undefined && last.until === Number.POSITIVE_INFINITY) last.until = now;
    if (!gone) {
      const gpus = isManaged(node) ? this.#gpus(node) : [];
      if (last !== undefined && last.until === now && same(last.gpus, gpus)) last.until = Number.POSITIVE_INFINITY;
      else history.push({ from: now, until: Number.POSITIVE_INFINITY, gpus });
    }
    this.#inventories.set(name, history);
  }

  /** Room for this pod on this node, as a user with a pencil would say it. */
  #fits(pod: KubeObject, node: KubeObject): boolean {
    const wants = wantsOf(pod);
    const asked = (this.#wanted.get(pod.metadata.uid) ?? []).length;
    // an edited pod may be refused for that
    if (asked > 1 || (pod.metadata.annotations?.['muster.dev/request'] ?? '').includes('two')) return false;
    if (node.spec?.unschedulable === true) return false;
    if (
      !arrayAt(node.status, 'conditions').some(
        (one) => textAt(one, 'type') === 'Ready' && textAt(one, 'status') === 'True',
      )
    )
      return false;
    const pods = [...this.#podsOn(node.metadata.name)];
    // kube-scheduler counts whoever is nominated there, of equal or higher priority
    for (const other of this.#objects(PODS)) {
      const { uid } = other.metadata;
      if (uid === pod.metadata.uid || this.#nominated.get(uid)?.node !== node.metadata.name) continue;
      if (priorityOf(other) >= priorityOf(pod)) pods.push(other);
    }
    const allocatable = objectAt(node.status, 'allocatable');
    for (const [resource, amount] of Object.entries(requestsOf(pod))) {
      const used = pods.reduce((sum, one) => sum + (requestsOf(one)[resource] ?? 0), 0);
      if (used + amount > amountOf(resource, allocatable[resource] ?? '0')) return false;
    }
    if (pods.length + 1 > amount(String(allocatable.pods))) return false;
    if (wants === null) return true;
    if (!isManaged(node)) return false;
    // whoever uses devices that are no longer listed makes them unknown; not modelled by this world
    return hasRoom(wants, this.#gpus(node), pods);
  }

  #podsOn(node: string): Iterable<KubeObject> {
    return this.#byNode.get(node)?.values() ?? [];
  }

  #gpus(node: KubeObject): readonly Gpu[] {
    return gpusOf(node, this.#objects(SLICES));
  }

  #objects(id: string): KubeObject[] {
    const table = this.#store.table(id);
    return table.keys().map((key) => table.get(key)!.object);
  }

  #object(id: string, namespace: string, name: string): KubeObject | undefined {
    return this.#store.table(id).get(storeKey(namespace, name))?.object;
  }
}

function hasRoom(wants: Wants, gpus: readonly Gpu[], pods: Iterable<KubeObject>): boolean {
  const use = useOf(gpus, pods);
  const free = gpus.filter(
    (gpu, at) => gpu.healthy && use.milli[at]! + wants.milli <= 1000 && use.mib[at]! + mibOn(wants, gpu) <= gpu.mib,
  );
  return free.length >= wants.count;
}

const priorityOf = (pod: KubeObject): number => numberAt(pod.spec, 'priority') ?? 0;

type Claimed = NonNullable<ReturnType<typeof claimOf>>;

function answers(wants: Wants, claim: Claimed, gpus: readonly Gpu[]): boolean {
  const positions = claim.map((share) => positionOf(gpus, share));
  return (
    claim.length === wants.count &&
    new Set(positions).size === positions.length &&
    claim.every((share, at) => share.milli === wants.milli && share.mib === mibOn(wants, gpus[positions[at]!]!))
  );
}

/** A device of `claim` that holds more than it has, in words; null when none does. */
function overOn(gpus: readonly Gpu[], claim: Claimed, pods: Iterable<KubeObject>): string | null {
  const use = useOf(gpus, pods);
  for (const share of claim) {
    const at = positionOf(gpus, share);
    const gpu = gpus[at];
    if (gpu === undefined) continue;
    if (use.milli[at]! > 1000 || use.mib[at]! > gpu.mib)
      return `device #${gpu.index} holds ${use.mib[at]} of ${gpu.mib} MiB and ${use.milli[at]} milli`;
  }
  return null;
}

const same = (a: readonly Gpu[], b: readonly Gpu[]): boolean =>
  a.length === b.length &&
  a.every((gpu, at) => {
    const other = b[at]!;
    return (
      gpu.uuid === other.uuid && gpu.index === other.index && gpu.mib === other.mib && gpu.healthy === other.healthy
    );
  });

function requestsOf(pod: KubeObject): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const container of arrayAt(pod.spec, 'containers')) {
    for (const [name, value] of Object.entries(objectAt(objectAt(container, 'resources'), 'requests')))
      sums[name] = (sums[name] ?? 0) + amountOf(name, value);
  }
  return sums;
}

const amountOf = (resource: string, value: unknown): number =>
  resource === 'cpu' ? quantityMilli(value) : quantityUnits(value);
