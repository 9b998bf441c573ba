/**
 * The books of one node: its facts, its devices and resources, and who occupies them. Everything that takes or gives goes
 * through `add` and `remove`; what is used is always the sum over the occupants.
 */
import type { Claim } from '../gpu/claim.ts';
import type { Device } from '../gpu/device.ts';
import { LedgerError } from '../gpu/errors.ts';
import { DeviceLedger } from '../gpu/ledger.ts';
import { type Peak, peakOf } from '../gpu/peak.ts';
import { WHOLE_MILLI } from '../gpu/request.ts';
import { GPU_MILLI } from '../names.ts';
import type { ReasonCode } from '../reasons.ts';
import type { NodeFacts } from './node-facts.ts';
import type { Resources } from './resources.ts';

/**
 * `bound`: spec.nodeName says so, it counts whatever it says. `held`: decided by us, not bound yet.
 * `awaiting`: a preemptor's, on devices that its victims still hold; keeps others out, counts no CPU or memory yet.
 */
export type OccupantKind = 'bound' | 'held' | 'awaiting';

export type Occupant = {
  readonly uid: string;
  readonly kind: OccupantKind;
  readonly claim: Claim | null;
  readonly needs: Resources;
  /** uses GPUs of the node without a claim that names them: the free amounts of its devices are unknown while it is here */
  readonly unclaimed: boolean;
};

type Entry = { readonly occupant: Occupant; readonly peak: Peak };

export class NodeInfo {
  readonly name: string;
  readonly slot: number;
  /** what a policy found this node worth, and on what basis; forgotten at every change of the node */
  readonly worth: { policy: object | null; basis: object | null; value: number } = {
    policy: null,
    basis: null,
    value: 0,
  };
  #facts: NodeFacts | null = null;
  #ledger = new DeviceLedger([]);
  /** 1000 × healthy devices */
  #gpuMilli = 0;
  readonly #entries = new Map<string, Entry>();
  readonly #used: Record<string, number> = Object.create(null);
  #unclaimed = 0;

  constructor(name: string, slot: number) {
    this.name = name;
    this.slot = slot;
  }

  /** null: pods name this node, but no Node object is known (yet). */
  get facts(): NodeFacts | null {
    return this.#facts;
  }

  get ledger(): DeviceLedger {
    return this.#ledger;
  }

  /** true while some pod uses the devices without a claim */
  get useUnknown(): boolean {
    return this.#unclaimed > 0;
  }

  get vacant(): boolean {
    return this.#facts === null && this.#entries.size === 0;
  }

  used(resource: string): number {
    return this.#used[resource] ?? 0;
  }

  /**
   * What the node has of a resource, used or not. Of `muster.dev/gpu-milli` it is what the healthy devices are worth: the status
   * says so too once the deciding extender has written it, and until then (a node just taken over, a GPU that just fell ill) the
   * status is late, not right.
   */
  capacity(resource: string): number {
    if (resource === GPU_MILLI && this.#facts?.managed) return this.#gpuMilli;
    return this.#facts?.allocatable[resource] ?? 0;
  }

  occupant(uid: string): Occupant | undefined {
    return this.#entries.get(uid)?.occupant;
  }

  *occupants(): IterableIterator<Occupant> {
    for (const entry of this.#entries.values()) yield entry.occupant;
  }

  /** Claims on devices that the node does not have (any more): `<uid>` of the pods. They count for nothing and are reported. */
  lostClaims(): string[] {
    const lost: string[] = [];
    for (const { occupant, peak } of this.#entries.values())
      if (peak.some((share) => this.#ledger.positionOf(share) < 0)) lost.push(occupant.uid);
    return lost;
  }

  /** New facts; when the devices changed, the books are rebuilt from the occupants. True if a verdict could change. */
  setFacts(facts: NodeFacts | null): boolean {
    const before = this.#facts;
    this.#facts = facts;
    this.worth.basis = null;
    const devices = facts?.managed ? facts.devices : [];
    if (!sameDevices(devices, this.#ledger.devices)) {
      this.#ledger = new DeviceLedger(devices);
      this.#gpuMilli = WHOLE_MILLI * devices.filter((device) => device.healthy).length;
      for (const entry of this.#entries.values()) this.#book(entry);
      return true;
    }
    return !sameFacts(before, facts);
  }

  /**
   * Adds an occupant; one with the same uid must have been removed before. True if a GPU verdict could change.
   * @throws LedgerError `over-allocated` for a `held` one that does not fit, `already-here`; nothing is added then
   */
  add(occupant: Occupant): boolean {
    return this.#enter(occupant, occupant.kind === 'held');
  }

  /**
   * Takes in again who was removed only to try something: whatever fits, as it did before.
   * @throws LedgerError `already-here`; nothing is added then
   */
  putBack(occupant: Occupant): boolean {
    return this.#enter(occupant, false);
  }

  /** The exact inverse of `add`. Returns what was removed, undefined if nobody of that uid is here. */
  remove(uid: string): Occupant | undefined {
    const entry = this.#entries.get(uid);
    if (entry === undefined) return undefined;
    this.#entries.delete(uid);
    this.worth.basis = null;
    const { occupant, peak } = entry;
    if (occupant.kind !== 'awaiting') this.#count(occupant.needs, -1);
    if (occupant.unclaimed) this.#unclaimed--;
    if (occupant.kind === 'awaiting') this.#ledger.unawait(peak);
    else this.#ledger.give(peak);
    return occupant;
  }

  /** Compares CPU, memory, pod count and other resources with what is free. null: there is room. */
  lacks(needs: Resources): ReasonCode | null {
    if (this.#facts === null) return 'node-unknown';
    let full = false;
    for (const name in needs) {
      const need = needs[name]!;
      if (need === 0) continue;
      const capacity = this.capacity(name);
      if (need > capacity) return 'resources-too-small';
      if (need > capacity - this.used(name)) full = true;
    }
    return full ? 'resources-full' : null;
  }

  /** A copy to try things on; nothing done to it is seen by the original. */
  copy(): NodeInfo {
    const copy = new NodeInfo(this.name, this.slot);
    copy.#facts = this.#facts;
    copy.#ledger = this.#ledger.clone();
    copy.#gpuMilli = this.#gpuMilli;
    copy.#unclaimed = this.#unclaimed;
    for (const [uid, entry] of this.#entries) copy.#entries.set(uid, entry);
    for (const name in this.#used) copy.#used[name] = this.#used[name]!;
    return copy;
  }

  /** The one way in. An entry that took another's place would leave what that one had booked for ever. */
  #enter(occupant: Occupant, onlyIfItFits: boolean): boolean {
    if (this.#entries.has(occupant.uid)) {
      throw new LedgerError('already-here', `${occupant.uid} is in the books of node ${this.name} already`);
    }
    const entry = { occupant, peak: occupant.claim === null ? NO_PEAK : peakOf(occupant.claim) };
    if (onlyIfItFits) this.#ledger.take(entry.peak);
    else this.#book(entry);
    this.#entries.set(occupant.uid, entry);
    this.worth.basis = null;
    if (occupant.kind !== 'awaiting') this.#count(occupant.needs, 1);
    if (occupant.unclaimed) this.#unclaimed++;
    return entry.peak.length > 0 || occupant.unclaimed;
  }

  /**
   * Never throws: who is here is here, also on a device that shrank under a hold or that a bound pod overflowed. Whoever
   * wants to bind such a hold must look first.
   */
  #book({ occupant, peak }: Entry): void {
    if (peak.length === 0) return;
    if (occupant.kind === 'awaiting') this.#ledger.await(peak);
    else this.#ledger.observe(peak);
  }

  #count(needs: Resources, sign: 1 | -1): void {
    for (const name in needs) this.#used[name] = this.used(name) + sign * needs[name]!;
  }
}

const NO_PEAK: Peak = [];

function sameDevices(a: readonly Device[], b: readonly Device[]): boolean {
  return a === b || (a.length === b.length && a.every((device, at) => sameDevice(device, b[at]!)));
}

function sameDevice(a: Device, b: Device): boolean {
  return (
    a.uuid === b.uuid &&
    a.index === b.index &&
    a.mib === b.mib &&
    a.model === b.model &&
    a.numa === b.numa &&
    a.healthy === b.healthy &&
    a.links.length === b.links.length &&
    a.links.every((weight, at) => weight === b.links[at])
  );
}

/** Node status is written every few seconds by every kubelet: only what a verdict reads counts as a change. */
function sameFacts(a: NodeFacts | null, b: NodeFacts | null): boolean {
  if (a === null || b === null) return a === b;
  return (
    a.managed === b.managed &&
    a.cordoned === b.cordoned &&
    a.ready === b.ready &&
    sameRecord(a.labels, b.labels) &&
    a.taints.length === b.taints.length &&
    a.taints.every((taint, at) => {
      const other = b.taints[at]!;
      return taint.key === other.key && taint.value === other.value && taint.effect === other.effect;
    })
  );
}

function sameRecord(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
