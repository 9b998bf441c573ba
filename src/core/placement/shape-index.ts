/**
 * All nodes for one shape: a verdict per slot, stamped with the generation it was made at, and the ranking of those that fit.
 * `refresh` judges again only what changed since.
 */
import type { ReasonCode } from '../reasons.ts';
import { judge, reasonOf, refusal } from './judge.ts';
import type { NodeTable } from './node-table.ts';
import { Ranking } from './ranking.ts';
import type { Shape } from './shape.ts';

export class ShapeIndex {
  readonly shape: Shape;
  readonly ranking: Ranking;
  readonly #table: NodeTable;
  #seen = -1;
  #version = -1;

  constructor(shape: Shape, table: NodeTable) {
    this.shape = shape;
    this.#table = table;
    this.ranking = new Ranking(() => table.ranks, table.slots);
  }

  /** Brings verdicts and ranking up to the table's generation. Cost: one judgement per node changed since the last call. */
  refresh(): void {
    const table = this.#table;
    if (this.#seen === table.generation) return;
    if (this.#seen < 0) {
      this.ranking.setAll(table.slots, (slot) => this.#judge(slot));
    } else {
      table.changedSince(this.#seen, (slot) => this.ranking.set(slot, this.#judge(slot)));
      if (this.#version !== table.version) this.ranking.reorder();
    }
    this.#seen = table.generation;
    this.#version = table.version;
  }

  /** The reason why the node in this slot does not fit, null when it does. Call `refresh` first. */
  reason(slot: number): ReasonCode | null {
    return reasonOf(this.ranking.value(slot));
  }

  #judge(slot: number): number {
    const node = this.#table.at(slot);
    return node === null ? refusal('node-unknown') : judge(this.shape, node);
  }
}
