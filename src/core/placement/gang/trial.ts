/**
 * The books on which a gang is tried: every member placed is really taken from the node's ledger, so that the next one sees what is
 * left, and everything is given back afterwards, in reverse.
 */
import type { Claim } from '../../gpu/claim.ts';
import { claimOf, fitsDevice } from '../../gpu/fit.ts';
import type { DeviceLedger } from '../../gpu/ledger.ts';
import type { ContainerNeed, GpuRequest } from '../../gpu/request.ts';
import { compileConstraints, constraintsKey } from '../constraints.ts';
import { placeOn } from '../judge.ts';
import type { NodeInfo } from '../node-info.ts';
import type { NodeTable } from '../node-table.ts';
import type { Outlook } from '../outlook.ts';
import type { PodFacts } from '../pod-facts.ts';
import type { ShapeIndex } from '../shape-index.ts';
import type { Where } from './domains.ts';
import type { Placed } from './gang-request.ts';

/** What a trial asks of whoever keeps the books. */
export type Board = {
  readonly table: NodeTable;
  /** the index of the pod's shape, refreshed; only for pods with a request. `packed`: by the policy `pack`, whatever the pod's own */
  indexOf(pod: PodFacts, packed: boolean): ShapeIndex;
  /** false: kube-scheduler refused this node for this pod, for reasons that are not modelled here */
  allows?(pod: PodFacts, node: NodeInfo): boolean;
  /** what policies with foresight expect now */
  outlook(): Outlook;
};

export class Trial {
  readonly #board: Board;
  readonly #placed: Placed[] = [];
  /** shape and needs of members that found nothing, by where they looked; the books only get fuller until something is taken back */
  #hopeless = new Set<string>();
  #passedOver = false;
  /** nodes looked at so far: the unit of the planner's budget */
  looks = 0;
  /** members placed so far, those taken back included */
  places = 0;

  constructor(board: Board) {
    this.#board = board;
  }

  get placed(): readonly Placed[] {
    return this.#placed;
  }

  /** Puts the pod on the best node of `where`. False, and nothing is changed, when none has room for all it needs. */
  place(pod: PodFacts, where: Where, packed: boolean): boolean {
    const index = pod.ask.kind === 'request' ? this.#board.indexOf(pod, packed) : null;
    const key = `${where?.name ?? ''}\n${index?.shape.key ?? constraintsKey(pod.constraints)}\n${needsKey(pod)}`;
    if (this.#hopeless.has(key)) return false;
    this.#passedOver = false;
    const found = index === null ? this.#withoutGpus(pod, where) : this.#best(index, pod, where);
    if (found === null) {
      // a node that this pod alone may not have may still do for others like it
      if (!this.#passedOver) this.#hopeless.add(key);
      return false;
    }
    const { node, claim } = found;
    this.#board.table.add(node.name, { uid: pod.uid, kind: 'held', claim, needs: pod.needs, unclaimed: false });
    this.places++;
    this.#placed.push({ pod, node: node.name, claim });
    return true;
  }

  /** Nodes of `where` with room for the pod, best first. */
  fitting(pod: PodFacts, where: Where): readonly number[] {
    const { table } = this.#board;
    const slots = where?.slots ?? table.ordered;
    this.looks += slots.length;
    const room = [...slots].filter((slot) => this.#hasRoom(slot, pod));
    if (pod.ask.kind !== 'request') {
      const { admits } = compileConstraints(pod.constraints);
      const may = room.filter((slot) => {
        const { facts } = table.at(slot)!;
        return facts !== null && admits(facts) === null && (!facts.managed || (pod.envSafe && pod.ask.kind === 'none'));
      });
      const managed = (slot: number): number => (table.at(slot)!.facts!.managed ? 1 : 0);
      return may.sort((a, b) => managed(a) - managed(b));
    }
    const { ranking } = this.#board.indexOf(pod, false);
    const fits = room.filter((slot) => ranking.value(slot) >= 0);
    return fits.sort((a, b) => ranking.value(b) - ranking.value(a));
  }

  /** Claims with which the pod may be put on a node that has room for it: the policy's own, then other sets of devices. */
  claimsOn(pod: PodFacts, slot: number): readonly (Claim | null)[] {
    if (pod.ask.kind !== 'request') return [null];
    const node = this.#board.table.at(slot)!;
    const { shape } = this.#board.indexOf(pod, false);
    const first = placeOn(shape, node, this.#board.outlook());
    if (!first.fits) return [];
    const claims = [first.claim];
    const { request } = pod.ask;
    const [need, ...others] = request.containers;
    // sets that belong together are the policy's to find
    if (need === undefined || others.length > 0 || shape.devicePolicyRequired) return claims;
    for (const positions of deviceSets(node.ledger, request, need)) {
      this.looks++;
      claims.push(claimOf(node.ledger, request, [positions]));
    }
    return claims;
  }

  /** Puts the pod on this node with such a claim. */
  placeAt(pod: PodFacts, slot: number, claim: Claim | null): void {
    const { name } = this.#board.table.at(slot)!;
    this.#board.table.add(name, { uid: pod.uid, kind: 'held', claim, needs: pod.needs, unclaimed: false });
    this.places++;
    this.#placed.push({ pod, node: name, claim });
  }

  /** What `rollback` comes back to. */
  checkpoint(): number {
    return this.#placed.length;
  }

  rollback(to: number): void {
    if (this.#placed.length > to) this.#hopeless = new Set();
    while (this.#placed.length > to) {
      const { pod, node } = this.#placed.pop()!;
      this.#board.table.undo(node, pod.uid);
    }
  }

  #best(index: ShapeIndex, pod: PodFacts, where: Where): { node: NodeInfo; claim: Claim } | null {
    const { table } = this.#board;
    const slot = where === null ? this.#bestOfAll(index, pod) : this.#bestOf(where.slots, index, pod);
    if (slot < 0) return null;
    const node = table.at(slot)!;
    const placed = placeOn(index.shape, node, this.#board.outlook());
    return placed.fits ? { node, claim: placed.claim } : null;
  }

  #bestOfAll(index: ShapeIndex, pod: PodFacts): number {
    let best = -1;
    index.ranking.walk((slot) => {
      this.looks++;
      if (this.#hasRoom(slot, pod)) best = slot;
      return best < 0;
    });
    return best;
  }

  #bestOf(slots: Int32Array, index: ShapeIndex, pod: PodFacts): number {
    let best = -1;
    let bestValue = -1;
    this.looks += slots.length;
    // in node-name order, so the first of equal ones wins
    for (const slot of slots) {
      const value = index.ranking.value(slot);
      if (value <= bestValue || !this.#hasRoom(slot, pod)) continue;
      best = slot;
      bestValue = value;
    }
    return best;
  }

  #hasRoom(slot: number, pod: PodFacts): boolean {
    const node = this.#board.table.at(slot);
    if (node === null || node.lacks(pod.needs) !== null) return false;
    if (this.#board.allows?.(pod, node) ?? true) return true;
    this.#passedOver = true;
    return false;
  }

  /** A member without GPUs leaves the nodes that have them to others: the first other one with room, else the first of all. */
  #withoutGpus(pod: PodFacts, where: Where): { node: NodeInfo; claim: null } | null {
    const { table } = this.#board;
    const { admits } = compileConstraints(pod.constraints);
    let managed: NodeInfo | null = null;
    for (const slot of where?.slots ?? table.ordered) {
      this.looks++;
      const node = table.at(slot);
      if (node?.facts == null || (managed !== null && node.facts.managed)) continue;
      if (!this.#hasRoom(slot, pod) || admits(node.facts) !== null) continue;
      if (!node.facts.managed) return { node, claim: null };
      if (pod.envSafe && pod.ask.kind === 'none') managed = node;
    }
    return managed === null ? null : { node: managed, claim: null };
  }
}

/** Devices of a node that are tried as a set, at most. */
const MOST_SETS = 24;

/** Sets of devices with room for a share each; devices in the same state are told apart only by their number. */
function deviceSets(ledger: DeviceLedger, request: GpuRequest, { count, share }: ContainerNeed): number[][] {
  const kinds = new Map<string, number[]>();
  for (const [position, { mib, model }] of ledger.devices.entries()) {
    if (!fitsDevice(ledger, request, share, position)) continue;
    const kind = `${model} ${mib} ${ledger.freeMilli(position)} ${ledger.freeMib(position)}`;
    const alike = kinds.get(kind);
    if (alike === undefined) kinds.set(kind, [position]);
    else alike.push(position);
  }
  const sets: number[][] = [];
  const choose = (left: readonly number[][], chosen: readonly number[]): void => {
    if (sets.length >= MOST_SETS) return;
    if (chosen.length === count) {
      sets.push(chosen.toSorted((a, b) => a - b));
      return;
    }
    const [alike, ...rest] = left;
    if (alike === undefined) return;
    for (let taken = Math.min(alike.length, count - chosen.length); taken >= 0; taken--)
      choose(rest, [...chosen, ...alike.slice(0, taken)]);
  };
  choose([...kinds.values()], []);
  return sets;
}

function needsKey({ needs }: PodFacts): string {
  let key = '';
  for (const name in needs) key += `${name}=${needs[name]};`;
  return key;
}
