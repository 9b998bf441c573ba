/** Node names of a request as slots and a bit per slot, so that a decision can ask "was this node offered?" without text. */
import type { NodeTable } from '../core/placement/node-table.ts';
import type { OfferedNodes } from './decider.ts';

export class Offered implements OfferedNodes {
  readonly names: readonly string[];
  readonly version: number;
  /** slot per name, -1 where the name is not known */
  readonly slots: Int32Array;
  readonly #member: Uint8Array;

  constructor(names: readonly string[], table: NodeTable) {
    this.names = names;
    this.version = table.version;
    this.slots = new Int32Array(names.length);
    this.#member = new Uint8Array(table.slots);
    for (let at = 0; at < names.length; at++) {
      const slot = table.get(names[at]!)?.slot ?? -1;
      this.slots[at] = slot;
      if (slot >= 0) this.#member[slot] = 1;
    }
  }

  has(slot: number): boolean {
    return this.#member[slot] === 1;
  }
}
