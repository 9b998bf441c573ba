/**
 * The decision for a whole gang. Domains of the required level are tried tightest first; in each of them the members are placed one by
 * one on the best node left, in more than one order, until enough are placed; then the children, each within its own domains. The first
 * try that places all that must be placed is the plan. A gang for which the sum of what is free does not do is refused without trying.
 *
 * Greedy placement is exact for members of one shape and needs. Where shapes are mixed a fit may be missed; big ones first and
 * moving whoever failed to the front find most of them (orders.ts), and the policy `pack` is tried after the pods' own. What small
 * gangs are missing then is looked for among all choices (exhaust.ts).
 */
import type { Work } from '../../gpu/work.ts';
import type { NodeTable } from '../node-table.ts';
import type { PodFacts } from '../pod-facts.ts';
import { type Domain, domainsOf, freeMilliOf, type Where } from './domains.ts';
import { exhaust } from './exhaust.ts';
import { type GangGroup, type GangVerdict, neededOf, type Placed } from './gang-request.ts';
import { ordersOf } from './orders.ts';
import { atOnce, type Sliced } from './slices.ts';
import { type Board, Trial } from './trial.ts';

/** Nodes looked at before the planner gives up: some tens of milliseconds. */
export const GANG_BUDGET = 1_500_000;

/** A member placed and taken back, in looks. */
const PLACE_LOOKS = 1_000;

export type PlanOptions = {
  /** nodes to look at */
  readonly budget?: number;
  /** for people: count how many members fit although it is known that not all do */
  readonly count?: boolean;
  /** nodes looked at are added to it, members placed count as PLACE_LOOKS of them */
  readonly spent?: Work;
};

type Search = {
  readonly board: Board;
  readonly trial: Trial;
  readonly budget: number;
  readonly count: boolean;
  /** the best try so far */
  fits: number;
  domain: string | null;
  topologyMissed: boolean;
  /** there is room by sums: the members were put somewhere */
  tried: boolean;
  gaveUp: boolean;
};

/** Members placed between two stops. */
const PLACED_AT_ONCE = 32;

/** The table is left as it was found. */
export function planGang(board: Board, gang: GangGroup, options: PlanOptions = {}): GangVerdict {
  return atOnce(planGangInSlices(board, gang, options));
}

/** The same with stops, on a table that nobody else changes meanwhile. */
export function* planGangInSlices(board: Board, gang: GangGroup, options: PlanOptions = {}): Sliced<GangVerdict> {
  const trial = new Trial(board);
  const search: Search = {
    board,
    trial,
    budget: options.budget ?? GANG_BUDGET,
    count: options.count ?? false,
    fits: 0,
    domain: null,
    topologyMissed: false,
    tried: false,
    gaveUp: false,
  };
  let planned = false;
  let placed: readonly Placed[];
  try {
    planned = yield* placeGroup(search, gang, null);
    if (!planned && !search.gaveUp && search.tried) {
      const last = exhaust(board, trial, gang, neededOf(gang), (domain, settled) => holds(search, domain, settled));
      planned = last.planned;
      search.gaveUp = last.gaveUp;
    }
    placed = [...trial.placed];
  } finally {
    trial.rollback(0);
  }
  if (options.spent !== undefined) options.spent.work += trial.looks + PLACE_LOOKS * trial.places;
  if (planned) return { kind: 'planned', placed };
  return {
    kind: 'refused',
    code: search.topologyMissed ? 'gang-topology' : 'gang-no-room',
    fits: search.fits,
    needed: neededOf(gang),
    domain: search.domain,
    gaveUp: search.gaveUp,
  };
}

/** Places what the group and its children need within `where`, or nothing. */
function* placeGroup(search: Search, group: GangGroup, where: Where): Sliced<boolean> {
  const { required, levels } = group.topology;
  if (required === null) return yield* placeNear(search, group, where);
  const domains = domainsOf(search.board.table, required, levels, where).filter((domain) =>
    holds(search, domain, group.settled),
  );
  if (domains.length === 0) search.topologyMissed = true;
  const asked = leastMilli(group);
  let tried = false;
  for (const domain of domains) {
    if (spent(search)) return false;
    if (domain.freeMilli < asked && !search.count) continue;
    tried = true;
    if (yield* placeNear(search, group, domain)) return true;
  }
  // it would fit, only not into one domain: that is another reason
  if (!tried || hasRoom(search, where, asked)) search.topologyMissed = true;
  return false;
}

/** Tries one domain of the preferred level after the other, then several of them, then anywhere in `where`. */
function* placeNear(search: Search, group: GangGroup, where: Where): Sliced<boolean> {
  if (!search.count && !hasRoom(search, where, leastMilli(group))) return note(search, where);
  const { preferred, levels } = group.topology;
  if (preferred !== null) {
    const domains = domainsOf(search.board.table, preferred, levels, where);
    const asked = leastMilli(group);
    for (const domain of domains) {
      if (spent(search)) return false;
      if (
        domain.freeMilli >= asked &&
        holds(search, domain, group.settled) &&
        (yield* placeAll(search, group, [domain]))
      )
        return true;
    }
    // as few as it takes: where the gang is already, then those with most room
    const near = (domain: Domain): number =>
      group.settled.length > 0 && holdsAny(search, domain, group.settled) ? 1 : 0;
    const widest = domains.toSorted(
      (a, b) => near(b) - near(a) || b.freeMilli - a.freeMilli || (a.name < b.name ? -1 : 1),
    );
    if (widest.length > 1 && (yield* placeAll(search, group, [...widest, where]))) return true;
    if (widest.length > 1) return false;
  }
  return yield* placeAll(search, group, [where]);
}

/** Everything of the group, in each order, by each policy. `wheres`: each member goes to the first of them that has room. */
function* placeAll(search: Search, group: GangGroup, wheres: readonly Where[]): Sliced<boolean> {
  search.tried = true;
  for (const packed of [false, true]) {
    const orders = ordersOf(group.members, group.needed);
    let next = orders.next();
    let tried = 0;
    for (; !next.done; tried++) {
      if (spent(search)) return false;
      const from = search.trial.checkpoint();
      const failed = yield* placeMembers(search, group, next.value, wheres, packed);
      if (failed === 'none' && (yield* placeChildren(search, group, wheres))) return true;
      note(search, wheres[0] ?? null);
      search.trial.rollback(from);
      if (failed === 'none') break;
      next = orders.next(failed);
    }
    // members all alike: what the first try did not place, no other will
    if (group.needed === 0 || (tried === 1 && group.children.length === 0)) return false;
  }
  return false;
}

/** `none`: enough were placed; else the first member that found no room (null: there are too few members). */
function* placeMembers(
  { trial, count }: Search,
  { needed }: GangGroup,
  order: readonly PodFacts[],
  wheres: readonly Where[],
  packed: boolean,
): Sliced<'none' | PodFacts | null> {
  let placed = 0;
  let failed: PodFacts | null = null;
  for (let at = 0; placed < needed && at < order.length; at++) {
    if (!count && placed + order.length - at < needed) return failed;
    const pod = order[at]!;
    if (at % PLACED_AT_ONCE === PLACED_AT_ONCE - 1) yield;
    if (wheres.some((where) => trial.place(pod, where, packed))) placed++;
    else failed ??= pod;
  }
  return placed >= needed ? 'none' : failed;
}

/** As many children as are needed, in their order; one that finds no place may be left out if enough others do. */
function* placeChildren(search: Search, group: GangGroup, wheres: readonly Where[]): Sliced<boolean> {
  let placed = 0;
  for (const child of group.children) {
    if (placed >= group.neededGroups) break;
    const from = search.trial.checkpoint();
    let found = false;
    for (const where of wheres) {
      found = yield* placeGroup(search, child, where);
      if (found) break;
    }
    if (found) placed++;
    else search.trial.rollback(from);
  }
  return placed >= group.neededGroups;
}

/** Remembers the try that came furthest. Returns false, for whoever gives up here. */
function note(search: Search, where: Where): false {
  const fits = search.trial.placed.length;
  if (fits > search.fits || search.domain === null) {
    search.fits = Math.max(search.fits, fits);
    search.domain = where?.name ?? search.domain;
  }
  return false;
}

function spent(search: Search): boolean {
  search.gaveUp ||= search.trial.looks >= search.budget;
  return search.gaveUp;
}

function holds({ board }: Search, domain: Domain, settled: readonly string[]): boolean {
  return settled.every((name) => isIn(board, domain, name));
}

function holdsAny({ board }: Search, domain: Domain, settled: readonly string[]): boolean {
  return settled.some((name) => isIn(board, domain, name));
}

function isIn(board: Board, domain: Domain, name: string): boolean {
  const node = board.table.get(name);
  return node !== undefined && domain.has[node.slot] === 1;
}

/** At least so many thousandths of GPUs are free. Looks at no more nodes than it takes. */
function hasRoom({ board }: Search, where: Where, milli: number): boolean {
  if (where !== null) return where.freeMilli >= milli;
  let free = 0;
  for (const slot of board.table.ordered) {
    if (free >= milli) return true;
    free += freeMilliOf(board.table, slot);
  }
  return free >= milli;
}

/** Thousandths free on all nodes: a gang whose `leastMilli` is more fits nowhere. */
export function freeMilliOfAll(table: NodeTable): number {
  let free = 0;
  for (const slot of table.ordered) free += freeMilliOf(table, slot);
  return free;
}

/** The least thousandths of GPUs that the group could do with: its smallest members. A share of memory alone takes none. */
export function leastMilli(group: GangGroup): number {
  const own = group.members.map(leastMilliOf).sort((a, b) => a - b);
  const children = group.children.map(leastMilli).sort((a, b) => a - b);
  const sum = (list: readonly number[], count: number): number =>
    list.slice(0, count).reduce((total, milli) => total + milli, 0);
  return sum(own, group.needed) + sum(children, group.neededGroups);
}

/** App containers run at the same time: a lower bound of the pod's peak. */
export function leastMilliOf(pod: PodFacts): number {
  if (pod.ask.kind !== 'request') return 0;
  return pod.ask.request.containers.reduce(
    (sum, { role, count, share }) => (role === 'app' ? sum + count * share.milli : sum),
    0,
  );
}
