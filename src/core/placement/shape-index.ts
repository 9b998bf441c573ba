/**
 * All nodes for one shape: a verdict per slot, stamped with the generation it was made at, and the ranking of those that fit.
 * `refresh` judges again only what changed since.
 *
 * A pod of many containers costs up to milliseconds per node, and everybody waits for the one thread. So a refresh spends a
 * fixed amount of work; nodes beyond it, in the order of their names, are left `gpu-not-compared` and are judged by the next
 * refreshes. Such a pod may get a node that is not the best one or be refused for now. What was not judged is never answered.
 *
 * A new outlook changes every score of a policy with foresight. They are taken over a bounded number at a time, so no call waits
 * for it; until then some scores stand on the earlier outlook, each right for its moment.
 */
import type { Work } from '../gpu/work.ts';
import type { ReasonCode } from '../reasons.ts';
import type { Journal } from './journal.ts';
import { judge, reasonOf, refusal } from './judge.ts';
import type { NodeTable } from './node-table.ts';
import type { Outlook } from './outlook.ts';
import { FORESIGHT, isForesighted } from './policies/node-policies.ts';
import { Ranking } from './ranking.ts';
import type { Shape } from './shape.ts';

/**
 * Units (see ../gpu/work.ts) of one refresh, well below 100 ms. A pod of one container takes half of it for 10,000 nodes of 16 devices,
 * one of two containers all of it for 5,000 nodes of 8.
 */
const REFRESH_WORK = 350_000;
/** of a catching up: of refresh with what was left before, and of `compare` */
const CATCH_UP_WORK = 100_000;
/** Scores taken over to a new outlook per call, and the work after which it stops. */
const TAKEN_OVER = 160;
const TAKE_OVER_WORK = 20_000;
/** Nodes looked at for it: those that do not fit cost next to nothing. */
const LOOKED_AT = 1280;
/** So many can always be judged at once. */
const FEW_CHANGES = 4;

const NOT_COMPARED = refusal('gpu-not-compared');

/** Who says what policies with foresight expect now. */
export type Expects = { readonly outlook: Outlook };

export class ShapeIndex {
  readonly shape: Shape;
  readonly ranking: Ranking;
  readonly #table: NodeTable;
  readonly #forecast: Expects;
  readonly #journal: Journal;
  /** slots to be judged yet, in the order in which they will be */
  readonly #pending = new Set<number>();
  #seen = -1;
  #version = -1;
  #basis: object | null = null;
  /** position among the names of the node whose score was taken over last */
  #next = 0;
  /** nodes behind it whose scores may stand on an earlier outlook */
  #stale = 0;

  constructor(shape: Shape, table: NodeTable, forecast: Expects) {
    this.shape = shape;
    this.#table = table;
    this.#forecast = forecast;
    this.#journal = isForesighted(shape.nodePolicy) ? table.loads : table.verdicts;
    this.ranking = new Ranking(() => table.ranks, table.slots);
  }

  /** Some nodes are `gpu-not-compared`. */
  get incomplete(): boolean {
    return this.#pending.size > 0;
  }

  /** Brings verdicts and ranking up to the table's generation. Cost: one judgement per node changed since the last call. */
  refresh(): void {
    const table = this.#table;
    const journal = this.#journal;
    const spent: Work = { work: 0 };
    const left = this.#pending.size > 0;
    if (this.#seen < 0) {
      this.#judgeAll(spent);
      this.#basis = this.#latestBasis();
    } else if (this.#seen !== journal.generation) {
      this.#rejudgeChanged(spent);
      if (this.#version !== table.version) {
        this.ranking.reorder();
        // positions have moved
        if (this.#stale > 0) this.#stale = table.ordered.length;
      }
    }
    this.#seen = journal.generation;
    this.#version = table.version;
    if (left) this.#catchUp(this.#pending);
    this.#takeOver();
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

  /** In the order of names where the work may not do for all of them: who is left must not depend on what was heard first. */
  #rejudgeChanged(spent: Work): void {
    const journal = this.#journal;
    if (journal.generation - this.#seen <= FEW_CHANGES && this.#pending.size === 0) {
      journal.changedSince(this.#seen, (slot) => this.#rejudge(slot, spent));
      return;
    }
    const { ranks } = this.#table;
    const changed: number[] = [];
    journal.changedSince(this.#seen, (slot) => changed.push(slot));
    changed.sort((a, b) => ranks[a]! - ranks[b]!);
    for (const slot of changed) this.#rejudge(slot, spent);
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
    return node === null ? refusal('node-unknown') : judge(this.shape, node, spent, this.#forecast.outlook);
  }

  #latestBasis(): object | null {
    const { nodePolicy } = this.shape;
    return isForesighted(nodePolicy) ? FORESIGHT[nodePolicy].basis(this.#forecast.outlook) : null;
  }

  #takeOver(): void {
    const basis = this.#latestBasis();
    if (basis !== this.#basis) {
      this.#basis = basis;
      this.#stale = this.#table.ordered.length;
    }
    if (this.#stale === 0) return;
    const { ordered } = this.#table;
    const spent: Work = { work: 0 };
    let judged = 0;
    for (let seen = 0; this.#stale > 0 && seen < LOOKED_AT; seen++) {
      if (judged >= TAKEN_OVER || spent.work >= TAKE_OVER_WORK) return;
      this.#next = this.#next + 1 < ordered.length ? this.#next + 1 : 0;
      this.#stale--;
      const slot = ordered[this.#next]!;
      // whether it fits does not depend on the outlook
      if (this.ranking.value(slot) < 0) continue;
      this.ranking.set(slot, this.#judge(slot, spent));
      judged++;
    }
  }
}
