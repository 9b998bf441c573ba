/**
 * All nodes for one shape: a verdict per slot, stamped with the generation it was made at, and the ranking of those that fit.
 * `refresh` judges again only what changed since. A new outlook changes every score of a policy with foresight; those are
 * taken over a bounded number at a time, so no call waits for it. Until then some scores stand on the earlier outlook, each
 * right for its moment.
 */
import type { ReasonCode } from '../reasons.ts';
import type { Forecast } from './forecast.ts';
import type { Journal } from './journal.ts';
import { judge, reasonOf, refusal } from './judge.ts';
import type { NodeTable } from './node-table.ts';
import { FORESIGHT, isForesighted } from './policies/node-policies.ts';
import { Ranking } from './ranking.ts';
import type { Shape } from './shape.ts';

/** Scores taken over to a new outlook per call. */
const TAKEN_OVER = 160;
/** Slots looked at for it: those that do not fit cost next to nothing. */
const LOOKED_AT = 1280;

export class ShapeIndex {
  readonly shape: Shape;
  readonly ranking: Ranking;
  readonly #table: NodeTable;
  readonly #forecast: Forecast;
  readonly #journal: Journal;
  #seen = -1;
  #version = -1;
  #basis: object | null = null;
  #next = 0;
  /** slots whose scores may stand on an earlier outlook */
  #stale = 0;

  constructor(shape: Shape, table: NodeTable, forecast: Forecast) {
    this.shape = shape;
    this.#table = table;
    this.#forecast = forecast;
    this.#journal = isForesighted(shape.nodePolicy) ? table.loads : table.verdicts;
    this.ranking = new Ranking(() => table.ranks, table.slots);
  }

  /** Brings verdicts and ranking up to the table's generation. Cost: one judgement per node changed since the last call. */
  refresh(): void {
    const table = this.#table;
    const journal = this.#journal;
    if (this.#seen < 0) {
      this.ranking.setAll(table.slots, (slot) => this.#judge(slot));
      this.#basis = this.#latestBasis();
    } else if (this.#seen !== journal.generation) {
      journal.changedSince(this.#seen, (slot) => this.ranking.set(slot, this.#judge(slot)));
      if (this.#version !== table.version) this.ranking.reorder();
    }
    this.#seen = journal.generation;
    this.#version = table.version;
    this.#takeOver();
  }

  /** The reason why the node in this slot does not fit, null when it does. Call `refresh` first. */
  reason(slot: number): ReasonCode | null {
    return reasonOf(this.ranking.value(slot));
  }

  #judge(slot: number): number {
    const node = this.#table.at(slot);
    return node === null ? refusal('node-unknown') : judge(this.shape, node, this.#forecast.outlook);
  }

  #latestBasis(): object | null {
    const { nodePolicy } = this.shape;
    return isForesighted(nodePolicy) ? FORESIGHT[nodePolicy].basis(this.#forecast.outlook) : null;
  }

  #takeOver(): void {
    const basis = this.#latestBasis();
    if (basis !== this.#basis) {
      this.#basis = basis;
      this.#stale = this.#table.slots;
    }
    const slots = this.#table.slots;
    for (let judged = 0, seen = 0; this.#stale > 0 && judged < TAKEN_OVER && seen < LOOKED_AT; seen++) {
      this.#next = this.#next + 1 < slots ? this.#next + 1 : 0;
      this.#stale--;
      // whether it fits does not depend on the outlook
      if (this.ranking.value(this.#next) < 0) continue;
      this.ranking.set(this.#next, this.#judge(this.#next));
      judged++;
    }
  }
}
