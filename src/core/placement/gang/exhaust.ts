/**
 * The last resort for small gangs: when no order of placing one member after the other on its best node has led to a plan, every choice
 * of nodes, domains, members and sub-groups is tried, within a small budget. Nodes in the same state are tried once.
 */
import { type Domain, domainsOf, type Where } from './domains.ts';
import type { GangGroup } from './gang-request.ts';
import type { Board, Trial } from './trial.ts';

/** Members that must be placed, at most: beyond that it would not get far. */
const MOST_MEMBERS = 16;
/** Nodes looked at: some milliseconds. Telling a node from others costs as much as so many looks. */
const BUDGET = 200_000;
const SIGNATURE_LOOKS = 16;

type Next = () => boolean;

/** True: all that is needed is placed on the trial. False: there is no plan, or it was not found in the time given (`gaveUp`). */
export function exhaust(
  board: Board,
  trial: Trial,
  gang: GangGroup,
  needed: number,
  holds: (domain: Domain, settled: readonly string[]) => boolean,
): { readonly planned: boolean; readonly gaveUp: boolean } {
  if (needed > MOST_MEMBERS) return { planned: false, gaveUp: false };
  const search = new Exhaustive(board, trial, gang, holds);
  const planned = search.group(gang, null, () => true);
  return { planned, gaveUp: search.gaveUp };
}

class Exhaustive {
  readonly #board: Board;
  readonly #trial: Trial;
  readonly #holds: (domain: Domain, settled: readonly string[]) => boolean;
  /** labels that tell nodes apart */
  readonly #keys: readonly string[];
  readonly #resources: readonly string[];
  readonly #end: number;
  gaveUp = false;

  constructor(
    board: Board,
    trial: Trial,
    gang: GangGroup,
    holds: (domain: Domain, settled: readonly string[]) => boolean,
  ) {
    this.#board = board;
    this.#trial = trial;
    this.#holds = holds;
    const told = toldApartBy(gang);
    this.#keys = [...new Set(told.labels)];
    this.#resources = [...new Set(told.resources)];
    this.#end = trial.looks + BUDGET;
  }

  group(group: GangGroup, where: Where, next: Next): boolean {
    const { required, levels } = group.topology;
    const wheres =
      required === null
        ? [where]
        : domainsOf(this.#board.table, required, levels, where).filter((domain) => this.#holds(domain, group.settled));
    for (const each of wheres) {
      const members = (): boolean => this.#children(group, 0, group.neededGroups, each, next);
      if (this.#members(this.#hardestFirst(group, each), 0, group.needed, each, members)) return true;
      if (this.#spent()) return false;
    }
    return false;
  }

  #members(order: GangGroup['members'], at: number, left: number, where: Where, next: Next): boolean {
    if (left === 0) return next();
    if (order.length - at < left || this.#spent()) return false;
    const pod = order[at]!;
    const tried = new Set<string>();
    for (const slot of this.#trial.fitting(pod, where)) {
      if (this.#spent()) return false;
      const state = this.#stateOf(slot);
      if (tried.has(state)) continue;
      tried.add(state);
      for (const claim of this.#trial.claimsOn(pod, slot)) {
        const from = this.#trial.checkpoint();
        this.#trial.placeAt(pod, slot, claim);
        if (this.#members(order, at + 1, left - 1, where, next)) return true;
        this.#trial.rollback(from);
        if (this.#spent()) return false;
      }
    }
    return this.#members(order, at + 1, left, where, next);
  }

  #children(group: GangGroup, at: number, left: number, where: Where, next: Next): boolean {
    if (left === 0) return next();
    if (group.children.length - at < left || this.#spent()) return false;
    const rest = (): boolean => this.#children(group, at + 1, left - 1, where, next);
    return this.group(group.children[at]!, where, rest) || this.#children(group, at + 1, left, where, next);
  }

  /** Whoever has the fewest nodes to go to is tried first: what cannot be is seen at once. */
  #hardestFirst({ members }: GangGroup, where: Where): GangGroup['members'] {
    if (members.length < 2) return members;
    const choices = new Map(members.map((pod) => [pod, this.#trial.fitting(pod, where).length]));
    return members.toSorted((a, b) => choices.get(a)! - choices.get(b)!);
  }

  /** Equal for nodes of which one will do as well as the other. */
  #stateOf(slot: number): string {
    this.#trial.looks += SIGNATURE_LOOKS;
    const node = this.#board.table.at(slot)!;
    const { ledger, facts } = node;
    let state = `${facts?.managed}`;
    for (const name of this.#resources) state += `|${node.capacity(name) - node.used(name)}`;
    for (const key of this.#keys) state += `|${key === NAME ? node.name : (facts?.labels[key] ?? '')}`;
    if (facts !== null && facts.taints.length > 0) state += `|${JSON.stringify(facts.taints)}`;
    for (let position = 0; position < ledger.devices.length; position++) {
      const { model, mib, numa, healthy } = ledger.devices[position]!;
      state += `|${ledger.freeMilli(position)} ${ledger.freeMib(position)} ${mib} ${model} ${numa} ${healthy}`;
    }
    return state;
  }

  #spent(): boolean {
    this.gaveUp ||= this.#trial.looks >= this.#end;
    return this.gaveUp;
  }
}

/** Stands for the name of the node among labels. */
const NAME = '';

/** Node labels and resources that make a difference to some member. */
function toldApartBy({ topology, members, children }: GangGroup): { labels: string[]; resources: string[] } {
  const labels = topology.required === null ? [] : [...topology.levels, topology.required];
  const resources: string[] = [];
  for (const { constraints, needs } of members) {
    resources.push(...Object.keys(needs));
    labels.push(...Object.keys(constraints.nodeSelector));
    for (const term of constraints.requiredTerms ?? []) labels.push(...term.map((one) => (one.field ? NAME : one.key)));
  }
  for (const child of children) {
    const below = toldApartBy(child);
    labels.push(...below.labels);
    resources.push(...below.resources);
  }
  return { labels, resources };
}
