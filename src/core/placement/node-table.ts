/** All nodes, each in a slot (a small dense number that rankings and bit sets are indexed by), and what changed when. */
import { Journal } from './journal.ts';
import { NameIndex } from './name-index.ts';
import type { NodeFacts } from './node-facts.ts';
import { NodeInfo, type Occupant } from './node-info.ts';
import { CPU } from './resources.ts';

export class NodeTable {
  readonly #byName = new Map<string, NodeInfo>();
  readonly #slots: (NodeInfo | null)[] = [];
  readonly #vacated: number[] = [];
  /** changes that can alter a GPU verdict */
  readonly verdicts = new Journal();
  /** these, and every change of what is free of other resources: for policies that look at CPU */
  readonly loads = new Journal();
  /** bound pods that left their node so far */
  departed = 0;
  /** grows whenever something may have got room: while it stands still, what fitted nowhere still fits nowhere */
  freed = 0;
  #version = 0;
  #ranks = new Int32Array(0);
  #ordered = new Int32Array(0);
  #ranksOf = 0;
  readonly #names = new NameIndex();
  #namesOf = 0;

  /** Grows with every change that can alter a GPU verdict. */
  get generation(): number {
    return this.verdicts.generation;
  }

  /** Grows when a name gets or loses its slot. */
  get version(): number {
    return this.#version;
  }

  /** Number of slots in use or vacated; slot numbers are below it. */
  get slots(): number {
    return this.#slots.length;
  }

  /** Position of each slot in node-name order: what equal scores are decided by. Sorted when asked after names came or went. */
  get ranks(): Int32Array {
    this.#sort();
    return this.#ranks;
  }

  /** Slots in use in node-name order: the inverse of `ranks`. */
  get ordered(): Int32Array {
    this.#sort();
    return this.#ordered;
  }

  /** Node names as bytes → slots. Built when asked after names came or went. */
  get names(): NameIndex {
    if (this.#namesOf !== this.#version) {
      this.#namesOf = this.#version;
      this.#names.rebuild(this.#slots.map((node) => node?.name ?? null));
    }
    return this.#names;
  }

  get(name: string): NodeInfo | undefined {
    return this.#byName.get(name);
  }

  at(slot: number): NodeInfo | null {
    return this.#slots[slot] ?? null;
  }

  values(): IterableIterator<NodeInfo> {
    return this.#byName.values();
  }

  /** null: the Node object is gone (its pods may still be there). */
  setFacts(name: string, facts: NodeFacts | null): void {
    if (facts === null && !this.#byName.has(name)) return;
    const node = this.#ensure(name);
    const before = node.facts?.allocatable;
    this.freed++;
    if (node.setFacts(facts)) this.#changed(node);
    else if (before?.[CPU] !== facts?.allocatable[CPU]) this.loads.changed(node.slot);
    this.#dropIfVacant(node);
  }

  add(name: string, occupant: Occupant): void {
    const node = this.#ensure(name);
    if (node.add(occupant)) this.#changed(node);
    else this.loads.changed(node.slot);
  }

  remove(name: string, uid: string): Occupant | undefined {
    const node = this.#byName.get(name);
    const occupant = node?.remove(uid);
    if (node === undefined || occupant === undefined) return undefined;
    if (occupant.kind === 'bound') this.departed++;
    this.freed++;
    this.#emptied(node, occupant);
    return occupant;
  }

  /** Takes back an `add` that was only tried: nobody got room by it. */
  undo(name: string, uid: string): void {
    const node = this.#byName.get(name);
    const occupant = node?.remove(uid);
    if (node !== undefined && occupant !== undefined) this.#emptied(node, occupant);
  }

  /** The inverse of `undo`: who was taken off only to try something is there again. */
  putBack(name: string, occupant: Occupant): void {
    const node = this.#ensure(name);
    if (node.putBack(occupant)) this.#changed(node);
    else this.loads.changed(node.slot);
  }

  #emptied(node: NodeInfo, occupant: Occupant): void {
    if (occupant.claim !== null || occupant.unclaimed) this.#changed(node);
    else this.loads.changed(node.slot);
    this.#dropIfVacant(node);
  }

  /** Takes a copy of a node of another table, in the slot that it has there: for tables to try things on. Nobody else may be in it. */
  adopt(node: NodeInfo): void {
    while (this.#slots.length <= node.slot) this.#slots.push(null);
    this.#slots[node.slot] = node;
    this.#byName.set(node.name, node);
    this.#version++;
    this.#changed(node);
  }

  /** Who sits in which slot, null where a slot was vacated, and the vacated ones in the order in which they are used again last. */
  seats(): { readonly names: readonly (string | null)[]; readonly vacated: readonly number[] } {
    return { names: this.#slots.map((node) => node?.name ?? null), vacated: [...this.#vacated] };
  }

  /** Gives an empty table the slots of another; facts and occupants of every name must follow before anything is asked. */
  seat({ names, vacated }: ReturnType<NodeTable['seats']>): void {
    for (const [slot, name] of names.entries()) {
      if (name === null) this.#slots[slot] = null;
      else this.#ensure(name);
    }
    this.#vacated.push(...vacated);
  }

  #sort(): void {
    if (this.#ranksOf === this.#version) return;
    this.#ranksOf = this.#version;
    const names = [...this.#byName.keys()].sort();
    this.#ordered = Int32Array.from(names, (name) => this.#byName.get(name)!.slot);
    this.#ranks = new Int32Array(this.#slots.length);
    for (let rank = 0; rank < names.length; rank++) this.#ranks[this.#ordered[rank]!] = rank;
  }

  #ensure(name: string): NodeInfo {
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    const slot = this.#vacated.pop() ?? this.#slots.length;
    const node = new NodeInfo(name, slot);
    this.#slots[slot] = node;
    this.#byName.set(name, node);
    this.#version++;
    this.#changed(node);
    return node;
  }

  #dropIfVacant(node: NodeInfo): void {
    if (!node.vacant) return;
    this.#byName.delete(node.name);
    this.#slots[node.slot] = null;
    this.#vacated.push(node.slot);
    this.#version++;
    this.#changed(node);
  }

  #changed(node: NodeInfo): void {
    this.verdicts.changed(node.slot);
    this.loads.changed(node.slot);
  }
}
