/**
 * All nodes for one shape: a verdict per slot, stamped with the generation it was made at, and the ranking of those that fit.
 * `refresh` judges again only what changed since.
 *
 * A pod of many containers costs up to milliseconds per node, and everybody waits for the one thread. So a refresh spends a
 * fixed amount of work; nodes beyond it, in the order of their names, are left `gpu-not-compared` and are judged by the next
 * refreshes. Such a pod may get a node that is not the best one or be refused for now. What was not judged is never answered.
 */
import type { Work } from '../gpu/work.ts';
import type { ReasonCode } from '../reasons.ts';
import { judge, reasonOf, refusal } from './judge.ts';
import type { NodeTable } from './node-table.ts';
import { Ranking } from './ranking.ts';
import type { Shape } from './shape.ts';

/**
 * Units (see work.ts) of one refresh, well below 100 ms. A pod of one container takes half of it for 10,000 nodes of 16 devices,
 * one of two containers all of it for 5,000 nodes of 8.
 */
const REFRESH_WORK = 350_000;
/** of a catching up: of refresh with what was left before, and of `compare` */
const CATCH_UP_WORK = 100_000;

const NOT_COMPARED = refusal('gpu-not-compared');

export class ShapeIndex {
  readonly shape: Shape;
  readonly ranking: Ranking;
  readonly #table: NodeTable;
  /** slots to be judged yet, in the order in which they will be */
  readonly #pending = new Set<number>();
  #seen = -1;
  #version = -1;

  constructor(shape: Shape, table: NodeTable) {
    this.shape = shape;
    this.#table = table;
    this.ranking = new Ranking(() => table.ranks, table.slots);
  }

  /** Some nodes are `gpu-not-compared`. */
  get incomplete(): boolean {
    return this.#pending.size > 0;
  }

  /** Brings verdicts and ranking up to the table's generation. Cost: one judgement per node changed since the last call. */
  refresh(): void {
    const table = this.#table;
    const spent: Work = { work: 0 };
    const left = this.#pending.size > 0;
    if (this.#seen < 0) this.#judgeAll(spent);
    else if (this.#seen !== table.generation) {
      table.changedSince(this.#seen, (slot) => this.#rejudge(slot, spent));
      if (this.#version !== table.version) this.ranking.reorder();
    }
    this.#seen = table.generation;
    this.#version = table.version;
    if (left) this.#catchUp(this.#pending);
  }

  /** The reason why the node in this slot does not fit, null when it does. Call `refresh` first. */
  reason(slot: number): ReasonCode | null {
    return reasonOf(this.ranking.value(slot));
  }

  /** Judges these of the nodes left, as far as the work of one catching up goes; at least the first one. */
  compare(slots: Iterable<number>): void {
    if (this.#pending.size > 0) this.#catchUp(slots);
  }

  #catchUp(slots: Iterable<number>): void {
    const spent: Work = { work: 0 };
    for (const slot of slots) {
      if (spent.work >= CATCH_UP_WORK) return;
      if (this.#pending.delete(slot)) this.ranking.set(slot, this.#judge(slot, spent));
    }
  }

  #rejudge(slot: number, spent: Work): void {
    const value = spent.work < REFRESH_WORK ? this.#judge(slot, spent) : NOT_COMPARED;
    if (value === NOT_COMPARED) this.#pending.add(slot);
    else this.#pending.delete(slot);
    this.ranking.set(slot, value);
  }

  #judgeAll(spent: Work): void {
    const { ranks, slots } = this.#table;
    const values = new Int32Array(slots).fill(refusal('node-unknown'));
    const byName = new Int32Array(slots).fill(-1);
    for (let slot = 0; slot < slots; slot++) if (this.#table.at(slot) !== null) byName[ranks[slot]!] = slot;
    for (const slot of byName) {
      if (slot === -1) continue;
      if (spent.work < REFRESH_WORK) values[slot] = this.#judge(slot, spent);
      else {
        values[slot] = NOT_COMPARED;
        this.#pending.add(slot);
      }
    }
    this.ranking.setAll(slots, (slot) => values[slot]!);
  }

  #judge(slot: number, spent: Work): number {
    const node = this.#table.at(slot);
    return node === null ? refusal('node-unknown') : judge(this.shape, node, spent);
  }
}
