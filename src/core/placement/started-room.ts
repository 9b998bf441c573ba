/**
 * What is free on nodes that carry something already, and on those that carry nothing, kept up to date as nodes change. Where more waits
 * than has room on the first, fresh nodes will be started in any case, and it is no loss to start one now.
 */
import { type GpuRequest, WHOLE_MILLI } from '../gpu/request.ts';
import type { NodeInfo } from './node-info.ts';
import type { NodeTable } from './node-table.ts';
import { fillRoom, newRoom } from './policies/room.ts';

const NONE = new Int32Array(0);
const room = newRoom();

export class StartedRoom {
  /** by free thousandths 1…1000: GPUs of started nodes */
  readonly #gpus = new Int32Array(WHOLE_MILLI + 1);
  #freshMilli = 0;
  #allMilli = 0;
  #seen = -1;
  /** per slot: free thousandths of its GPUs, as counted; a fresh node's in one sum */
  readonly #started: Int32Array[] = [];
  readonly #fresh: number[] = [];
  readonly #all: number[] = [];

  /** thousandths free on managed nodes that carry nothing */
  get freshMilli(): number {
    return this.#freshMilli;
  }

  /** thousandths of all healthy GPUs of managed nodes, free or not */
  get allMilli(): number {
    return this.#allMilli;
  }

  /** Cost: the nodes changed since the last call. */
  refresh(table: NodeTable): void {
    table.verdicts.changedSince(this.#seen, (slot) => {
      for (const free of this.#started[slot] ?? NONE) this.#gpus[free]!--;
      this.#freshMilli -= this.#fresh[slot] ?? 0;
      this.#allMilli -= this.#all[slot] ?? 0;
      this.#all[slot] = 0;
      this.#started[slot] = NONE;
      this.#fresh[slot] = 0;
      const node = table.at(slot);
      if (node?.facts?.managed && !node.useUnknown) this.#count(node);
    });
    this.#seen = table.verdicts.generation;
  }

  /** Thousandths free on started nodes, on GPUs with at least `milli` left. */
  startedMilli(milli: number): number {
    let sum = 0;
    for (let free = Math.max(1, milli); free <= WHOLE_MILLI; free++) sum += free * this.#gpus[free]!;
    return sum;
  }

  #count(node: NodeInfo): void {
    fillRoom(node, room);
    const free = room.free.slice(0, room.gpus);
    let carries = false;
    let all = 0;
    for (let at = 0; at < free.length; at++) {
      if (!node.ledger.devices[at]!.healthy) continue;
      all += WHOLE_MILLI;
      carries ||= free[at]! < WHOLE_MILLI;
    }
    this.#all[node.slot] = all;
    this.#allMilli += all;
    if (carries) {
      for (const one of free) this.#gpus[one]!++;
      this.#started[node.slot] = free;
      return;
    }
    this.#fresh[node.slot] = free.reduce((sum, one) => sum + one, 0);
    this.#freshMilli += this.#fresh[node.slot]!;
  }
}

/**
 * Thousandths of GPUs that a pod takes while it runs, and the largest share of one GPU among them. An amount of memory counts nothing:
 * how much of a GPU it is depends on the GPU.
 */
export function takes({ containers }: GpuRequest): { readonly milli: number; readonly largest: number } {
  let milli = 0;
  let largest = 0;
  for (const { role, count, share } of containers) {
    const each = Math.max(share.milli, 'milli' in share.memory ? share.memory.milli : 0);
    if (role !== 'init') milli += count * each;
    largest = Math.max(largest, each);
  }
  return { milli, largest };
}
