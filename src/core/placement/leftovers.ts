/**
 * How many GPUs of the cluster have exactly so much free, kept up to date as nodes change, and what one more of a kind costs. A
 * leftover that many GPUs have is one that nothing fills.
 */
import type { NodeInfo } from './node-info.ts';
import type { NodeTable } from './node-table.ts';
import { fillRoom, newRoom } from './policies/room.ts';

/** A leftover of r thousandths costs at most this many times r. */
const MOST_PER_MILLI = 4;
/** Each per cent of all GPUs that has the same leftover adds this much to its cost, milli. */
const PER_PER_CENT = 750;

const NONE = new Int32Array(0);
const room = newRoom();

export class Leftovers {
  /** by free thousandths 0…1000: number of GPUs */
  readonly gpus = new Int32Array(1001);
  /** by free thousandths 0…1000: milli that one more such GPU costs; 0 for empty and full ones */
  readonly cost = new Int32Array(1001);
  #all = 0;
  #seen = -1;
  /** per slot what is counted of its node */
  readonly #counted: Int32Array[] = [];

  /** Cost: the nodes changed since the last call. */
  refresh(table: NodeTable): void {
    if (this.#seen === table.loads.generation) return;
    const all = this.#all;
    const touched = new Set<number>();
    const count = (free: number, by: 1 | -1): void => {
      this.gpus[free]! += by;
      this.#all += by;
      touched.add(free);
    };
    table.loads.changedSince(this.#seen, (slot) => {
      for (const free of this.#counted[slot] ?? NONE) count(free, -1);
      const node = table.at(slot);
      this.#counted[slot] = node?.facts?.managed ? freeOf(node) : NONE;
      for (const free of this.#counted[slot]) count(free, 1);
    });
    this.#seen = table.loads.generation;
    if (all === this.#all) for (const free of touched) this.#price(free);
    else for (let free = 1; free < 1000; free++) this.#price(free);
  }

  /** Thousandths free on all GPUs. */
  freeMilli(): number {
    let sum = 0;
    for (let free = 1; free <= 1000; free++) sum += free * this.gpus[free]!;
    return sum;
  }

  #price(free: number): void {
    if (free === 0 || free === 1000) return;
    const common = Math.floor((100 * PER_PER_CENT * this.gpus[free]!) / Math.max(1, this.#all));
    this.cost[free] = Math.min(MOST_PER_MILLI * free, common);
  }
}

function freeOf(node: NodeInfo): Int32Array {
  fillRoom(node, room);
  return room.free.slice(0, room.gpus);
}
