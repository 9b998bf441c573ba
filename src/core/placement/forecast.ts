/**
 * Makes outlooks while the cluster lives: counts what arrives, walks the nodes a few at a time, and publishes a new outlook when
 * it has seen them all. Nothing here takes long: an arrival pays for a handful of nodes, however large the cluster. Nodes are walked in
 * the order of their names, so that the order in which they were heard of never shows.
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
  #demand: Demand | null;
  readonly #leftovers = new Leftovers();
  #outlook: Outlook;
  #survey: Survey | null = null;
  /** since the last walk began */
  #arrivals = 0;
  /** by then */
  #departed: number;
  #unheard = true;

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

  /** No pod has arrived since it began. */
  get unheard(): boolean {
    return this.#unheard;
  }

  /** Forgets what it knew. After a start what runs is the best guess at what will come. Cost: a look at every node. */
  begin(pods: Iterable<PodFacts>): void {
    if (this.#demand !== null) {
      this.#demand = new Demand();
      this.#demand.known(pods);
    }
    this.#unheard = true;
    this.#leftovers.refresh(this.#table);
    this.#beginSurvey(false).walk(this.#table, Number.POSITIVE_INFINITY);
    this.#publish();
  }

  /** Call once for every pod that arrives. */
  arrived(pod: PodFacts): void {
    this.#demand?.arrived(pod);
    this.#unheard = false;
    this.#arrivals++;
    this.#leftovers.refresh(this.#table);
    if (this.#survey?.walk(this.#table, STEP) === false) return;
    this.#publish();
    if (this.#arrivals < MIN_ARRIVALS) return;
    this.#beginSurvey(2 * (this.#table.departed - this.#departed) >= this.#arrivals);
  }

  #beginSurvey(churn: boolean): Survey {
    this.#survey = new Survey(this.#demand?.typical(churn) ?? this.#outlook.typical);
    this.#departed = this.#table.departed;
    this.#arrivals = 0;
    return this.#survey;
  }

  #publish(): void {
    if (this.#survey === null) return;
    this.#outlook = this.#survey.outlook(this.#leftovers.cost, this.#leftovers.freeMilli());
    this.#survey = null;
  }
}

/** One walk over all nodes, by name. */
class Survey {
  /** position among the names, where the table has this version */
  #at = 0;
  #version: number | null = null;
  /** the node seen last */
  #last = '';
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

  /** Goes on by so many nodes. True: all were seen. */
  walk(table: NodeTable, nodes: number): boolean {
    const { ordered, version } = table;
    if (this.#version !== version && this.#version !== null) this.#at = firstBehind(this.#last, table);
    this.#version = version;
    const end = Math.min(ordered.length, this.#at + nodes);
    for (; this.#at < end; this.#at++) {
      const node = table.at(ordered[this.#at]!)!;
      this.#last = node.name;
      if (node.facts?.managed) this.#count(node);
    }
    return this.#at >= ordered.length;
  }

  outlook(leftoverCost: Int32Array, freeMilli: number): Outlook {
    return new Outlook(this.#typical, weightsOf(this.#typical, this.#usable, freeMilli), leftoverCost);
  }

  #count(node: NodeInfo): void {
    const lens = this.#bare.lens(node.ledger);
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

/** Position of the first node by name behind this name. */
function firstBehind(name: string, table: NodeTable): number {
  const { ordered } = table;
  let low = 0;
  let high = ordered.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (table.at(ordered[middle]!)!.name > name) high = middle;
    else low = middle + 1;
  }
  return low;
}
