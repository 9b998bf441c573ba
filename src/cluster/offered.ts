/**
 * Node names of a request as slots and a mark per slot, so that a decision can ask "was this node offered?" without text.
 * Names are made into text only where somebody asks for a name that no node has.
 */
import type { NodeTable } from '../core/placement/node-table.ts';
import type { OfferedNodes } from './decider.ts';

/** so many times fewer than all nodes */
const FEW = 32;
const NO_MARKS = new Uint8Array(0);

export class Offered implements OfferedNodes {
  readonly version: number;
  /** slot per name, -1 where the name is not known */
  readonly slots: Int32Array;
  readonly #table: NodeTable;
  readonly #member: Uint8Array;
  /** every name is known and there once: the marks say everything but the order */
  readonly #isSet: boolean;
  /** name by slot when the list came; null where it came as texts */
  readonly #bySlot: readonly (string | null)[] | null;
  #names: readonly string[] | null;

  private constructor(
    names: readonly string[] | null,
    bySlot: readonly (string | null)[] | null,
    slots: Int32Array,
    table: NodeTable,
  ) {
    this.version = table.version;
    this.slots = slots;
    this.#names = names;
    this.#bySlot = bySlot;
    this.#table = table;
    // one name, as for a nominated pod, needs no marks
    this.#member = slots.length === 1 ? NO_MARKS : new Uint8Array(table.slots);
    const member = this.#member;
    let seen = 0;
    if (member === NO_MARKS) {
      this.#isSet = slots[0]! >= 0;
      return;
    }
    for (let at = 0; at < slots.length; at++) {
      const slot = slots[at]!;
      if (slot < 0) continue;
      seen += 1 - member[slot]!;
      member[slot] = 1;
    }
    this.#isSet = seen === slots.length;
  }

  static ofNames(names: readonly string[], table: NodeTable): Offered {
    const slots = new Int32Array(names.length);
    for (let at = 0; at < names.length; at++) slots[at] = table.get(names[at]!)?.slot ?? -1;
    return new Offered(names, null, slots, table);
  }

  /** Hot. `list`: a JSON array; its memory is the caller's again afterwards. null unless it holds nothing but plain names (`NameIndex.scan`). */
  static ofBytes(list: Uint8Array, table: NodeTable): Offered | null {
    const { names } = table;
    const slots = names.scan(list, 0, list.length);
    if (slots === null) return null;
    // names that no node has are nowhere but in the bytes
    const texts = names.strangers === 0 ? null : textsOf(list);
    return new Offered(texts, names.bySlot, slots.slice(), table);
  }

  get names(): readonly string[] {
    this.#names ??= Array.from(this.slots, (slot) => this.#bySlot![slot]!);
    return this.#names;
  }

  get count(): number {
    return this.slots.length;
  }

  has(slot: number): boolean {
    return this.#member === NO_MARKS ? slot >= 0 && this.slots[0] === slot : this.#member[slot] === 1;
  }

  /** Slots of the nodes offered that are still there, each once, in node-name order. */
  ordered(): Int32Array {
    const { ordered, ranks } = this.#table;
    // sorting a few is cheaper than looking at all
    if (this.slots.length * FEW > ordered.length) return ordered.filter((slot) => this.has(slot));
    const some = new Set(this.slots.filter((slot) => slot >= 0 && this.#table.at(slot) !== null));
    return Int32Array.from(some).sort((a, b) => ranks[a]! - ranks[b]!);
  }

  nameAt(at: number): string {
    const node = this.version === this.#table.version ? this.#table.at(this.slots[at]!) : null;
    return node?.name ?? this.names[at]!;
  }

  /** Names that no node has, sorted. */
  unknown(): string[] {
    if (this.#isSet) return [];
    const names: string[] = [];
    for (let at = 0; at < this.slots.length; at++) if (this.slots[at]! < 0) names.push(this.nameAt(at));
    return names.sort();
  }

  includes(name: string): boolean {
    const slot = this.version === this.#table.version ? this.#table.get(name)?.slot : undefined;
    return slot === undefined ? this.names.includes(name) : this.has(slot);
  }

  sameSet(other: OfferedNodes): boolean {
    if (this === other) return true;
    if (!(other instanceof Offered) || other.version !== this.version || other.#table !== this.#table) return false;
    if (!this.#isSet || !other.#isSet || this.count !== other.count) return false;
    return this.#member === NO_MARKS ? this.slots[0] === other.slots[0] : equalBytes(this.#member, other.#member);
  }
}

const textsOf = (list: Uint8Array): readonly string[] =>
  JSON.parse(Buffer.from(list.buffer, list.byteOffset, list.byteLength).toString('latin1')) as string[];

const equalBytes = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
