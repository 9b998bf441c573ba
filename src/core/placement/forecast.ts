/**
 * Makes outlooks while the cluster lives: counts what arrives, walks the nodes a few at a time, and publishes a new outlook when
 * it has seen them all. Nothing here takes long: an arrival pays for a handful of nodes, however large the cluster.
 */

import { Demand } from './demand.ts';
import { Leftovers } from './leftovers.ts';
import type { NodeInfo } from './node-info.ts';
import type { NodeTable } from './node-table.ts';
import { Outlook } from './outlook.ts';
import type { PodFacts } from './pod-facts.ts';
import { usable } from './policies/muster.ts';
import { fillRoom, newRoom } from './policies/room.ts';
import type { Typical } from './policies/typical.ts';
import { weightsOf } from './prices.ts';

/** Nodes looked at per arrival. */
const STEP = 8;
/** Arrivals from one walk to the next at least: a small cluster is walked in no time. */
const MIN_ARRIVALS = 64;

const room = newRoom();

export class Forecast {
  readonly #table: NodeTable;
  readonly #demand: Demand | null;
  readonly #leftovers = new Leftovers();
  #outlook: Outlook;
  #survey: Survey | null = null;
  /** since the last walk began */
  #arrivals = 0;
  /** by then */
  #departed: number;

  /** `given`: the typical shapes, for those who know them beforehand; they then never change. */
  constructor(table: NodeTable, given: Typical | null = null) {
    this.#table = table;
    this.#demand = given === null ? new Demand() : null;
    const typical = given ?? this.#demand!.typical();
    this.#outlook = new Outlook(typical, null, this.#leftovers.cost);
    this.#departed = table.departed;
  }

  get outlook(): Outlook {
    return this.#outlook;
  }

  /** Counts a pod that was there before: after a start, what runs is the best guess at what will come. */
  known(pod: PodFacts): void {
    this.#demand?.arrived(pod);
  }

  /** Call once for every pod that arrives. */
  arrived(pod: PodFacts): void {
    this.#demand?.arrived(pod);
    this.#arrivals++;
    this.#leftovers.refresh(this.#table);
    if (this.#survey !== null) {
      this.#survey.walk(this.#table, STEP);
      if (this.#survey.at < this.#table.slots) return;
      this.#outlook = this.#survey.outlook(this.#leftovers.cost, this.#leftovers.freeMilli());
      this.#survey = null;
    }
    if (this.#arrivals < MIN_ARRIVALS) return;
    const departed = this.#table.departed - this.#departed;
    const churn = 2 * departed >= this.#arrivals;
    this.#survey = new Survey(this.#demand?.typical(churn) ?? this.#outlook.typical);
    this.#departed += departed;
    this.#arrivals = 0;
  }
}

/** One walk over all nodes. */
class Survey {
  at = 0;
  readonly #typical: Typical;
  /** the typical shapes as nodes see them, without prices */
  readonly #bare: Outlook;
  /** what each typical shape could use, in USABLE_UNITths of thousandths */
  readonly #usable: Float64Array;

  constructor(typical: Typical) {
    this.#typical = typical;
    this.#bare = new Outlook(typical, null, new Int32Array(0));
    this.#usable = new Float64Array(typical.shapes.length);
  }

  walk(table: NodeTable, nodes: number): void {
    const end = Math.min(table.slots, this.at + nodes);
    for (; this.at < end; this.at++) {
      const node = table.at(this.at);
      if (node?.facts?.managed) this.#count(node);
    }
  }

  outlook(leftoverCost: Int32Array, freeMilli: number): Outlook {
    return new Outlook(this.#typical, weightsOf(this.#typical, this.#usable, freeMilli), leftoverCost);
  }

  #count(node: NodeInfo): void {
    const lens = this.#bare.lens(node.ledger.devices);
    fillRoom(node, room);
    for (let group = 0; group < lens.groups; group++) {
      const milli = lens.milli[group]!;
      const allowed = lens.allowed[group]!;
      let slots = 0;
      let gpus = 0;
      for (let gpu = 0; gpu < room.gpus; gpu++) {
        const free = room.free[gpu]!;
        if (free < milli || allowed?.[gpu] === 0) continue;
        slots += free - (free % milli);
        gpus++;
      }
      for (let entry = lens.from[group]!; entry < lens.from[group + 1]!; entry++) {
        if (lens.count[entry]! > gpus || lens.cpu[entry]! > room.cpu) continue;
        this.#usable[lens.id[entry]!]! += usable(slots, room.cpu, lens.cpu[entry]!, lens.count[entry]! * milli);
      }
    }
  }
}
