/**
 * Which running pods must go so that a whole gang fits. The planner itself says what fits: pods are taken off the books, the gang is
 * planned, and whoever is not in the way is put back, the most important first.
 *
 * What is spared first: no gang is broken if pods that stand for themselves and the surplus of elastic gangs do; then one gang is, the
 * least important that will do; then several. A gang that would be left below its minimum goes whole: what is left of it would hold its
 * devices for nothing. Disruption budgets bind: nobody is named whose eviction one of them forbids. After that count the highest
 * priority among the victims, their number, and the work lost.
 */
import { peakOf } from '../../gpu/peak.ts';
import { WHOLE_MILLI } from '../../gpu/request.ts';
import type { Work } from '../../gpu/work.ts';
import type { NodeInfo, Occupant } from '../node-info.ts';
import type { NodeTable } from '../node-table.ts';
import { compareCost } from '../victims.ts';
import { Fewest } from './fewest.ts';
import type { GangGroup, Placed } from './gang-request.ts';
import { freeMilliOfAll, GANG_BUDGET, leastMilli, planGangInSlices } from './plan-gang.ts';
import { type GangSpare, losses, type RunningPod } from './running-pod.ts';
import { atOnce, type Sliced, sortedInSlices } from './slices.ts';
import type { Board } from './trial.ts';

/** Of one search, in looks at a node (some 20 ns): everybody waits for the one thread meanwhile. */
const SEARCH_BUDGET = 8_000_000;
/** A pod taken off or put back, which is judged anew by every shape that asks. */
const MOVE_LOOKS = 400;
/** Pods that are taken into account: those of the nodes that are freed most easily. */
const MOST_PODS = 8192;
/** Gangs that are each tried as the only one to be broken, and how many that would do are compared. */
const MOST_GANGS = 32;
const COMPARED = 4;
/** So many pods are taken off at first, then four times as many, and so on. */
const FIRST_PODS = 16;
/** Sets of pods up to this size are gone through in a second order, and cut to the shortest beginning that does. */
const LOOKED_AT_TWICE = 1024;
/** Victims that are each asked once more whether the gang fits without them, wherever it would go then. */
const ASKED_AGAIN = 64;

export type GangVictims = {
  /** to be evicted, the least important first; [] when it is enough to wait for those that are going */
  readonly victims: readonly RunningPod[];
  /** already on their way out, on the nodes of the plan */
  readonly going: readonly RunningPod[];
  readonly brokenGangs: readonly string[];
  /** the plan once they are gone */
  readonly placed: readonly Placed[];
};

export type VictimsVerdict =
  | ({ readonly kind: 'found' } & GangVictims)
  /** `gaveUp`: the budget ended first */
  | { readonly kind: 'none'; readonly gaveUp: boolean };

export type RunningPods = {
  /** bound pods that may be evicted for this gang, and pods that are going */
  readonly pods: readonly RunningPod[];
  /** by gang, what it can lose without falling below its minimum; a gang that is not here stands for its pods one by one */
  readonly spare: ReadonlyMap<string, GangSpare>;
  /** disruptions that budget i still allows */
  readonly budgets: readonly number[];
};

/** Pods taken off or put back between two stops. */
const MOVED_AT_ONCE = 128;

/** The table is left as it was found. */
export function gangVictims(
  board: Board,
  gang: GangGroup,
  running: RunningPods,
  budget: number = SEARCH_BUDGET,
): VictimsVerdict {
  const search = new Search(board, gang, running, budget);
  try {
    return atOnce(search.run());
  } finally {
    search.putBackAll();
  }
}

/** The same with stops, on a copy of the table that nobody else looks at: whoever was tried is left off it. */
export function gangVictimsInSlices(board: Board, gang: GangGroup, running: RunningPods): Sliced<VictimsVerdict> {
  return new Search(board, gang, running, SEARCH_BUDGET).run();
}

class Search {
  readonly #board: Board;
  readonly #gang: GangGroup;
  readonly #running: RunningPods;
  readonly #budget: number;
  readonly #spent: Work = { work: 0 };
  readonly #away = new Map<RunningPod, Occupant>();
  /** thousandths that each pod leaves at most */
  readonly #leaves = new Map<RunningPod, number>();
  readonly #asked: number;
  /** thousandths free without anybody's end but those that are going */
  #free = 0;
  #moves = 0;
  #gaveUp = false;

  constructor(board: Board, gang: GangGroup, running: RunningPods, budget: number) {
    this.#board = board;
    this.#gang = gang;
    this.#running = running;
    this.#budget = budget;
    this.#asked = leastMilli(gang);
  }

  *run(): Sliced<VictimsVerdict> {
    const going = this.#running.pods.filter(({ terminating }) => terminating);
    yield* this.#takeAll(going);
    const waiting = yield* this.#plan();
    if (waiting !== null) return yield* this.#found([], waiting, going);
    const unprotected = this.#unprotected();
    this.#free = freeMilliOfAll(this.#board.table);
    yield;
    // which of those that share a budget go is open at first; else as many as it allows, the least important
    let best = this.#mayDo(unprotected) ? yield* this.#cheapest(unprotected) : null;
    if (best === null && this.#mayDo(unprotected)) {
      const allowed = yield* this.#allowed();
      if (allowed.length < unprotected.length) best = yield* this.#cheapest(allowed);
    }
    if (best === null) return { kind: 'none', gaveUp: this.#gaveUp };
    return yield* this.#found(best.victims, best.placed, going);
  }

  putBackAll(): void {
    for (const pod of [...this.#away.keys()].reverse()) this.#putBack(pod);
  }

  /** By sums: with less than this the gang fits nowhere. */
  #mayDo(pods: readonly RunningPod[]): boolean {
    let milli = this.#free;
    for (const pod of pods) {
      if (milli >= this.#asked) break;
      milli += this.#milliOf(pod);
    }
    return milli >= this.#asked;
  }

  #milliOf(pod: RunningPod): number {
    let milli = this.#leaves.get(pod);
    if (milli === undefined) {
      const node = this.#board.table.get(pod.node);
      milli = leavesAtMost(node, this.#away.get(pod) ?? node?.occupant(pod.uid));
      this.#leaves.set(pod, milli);
    }
    return milli;
  }

  *#cheapest(pods: readonly RunningPod[]): Sliced<Attempt | null> {
    const alone = yield* this.#nearest(yield* this.#withoutBreaking(pods));
    const first = yield* this.#attempt([], alone);
    if (first !== null || this.#gaveUp) return first;
    // when all of them would not do, nothing will
    const all = yield* this.#nearest(pods);
    if (!this.#mayDo(all)) return null;
    yield* this.#setAway(all);
    if ((yield* this.#plan()) === null) return null;
    let best: Attempt | null = null;
    let compared = 0;
    for (const gang of this.#gangsByImportance(all).slice(0, MOST_GANGS)) {
      const members = all.filter((pod) => pod.gang === gang);
      const these = [...new Set([...alone, ...members])];
      if (!this.#mayDo(these)) continue;
      yield* this.#setAway(these);
      if ((yield* this.#plan()) === null) continue;
      const others = alone.filter((pod) => pod.gang !== gang);
      const attempt = yield* this.#attempt(members, others);
      if (attempt !== null && (best === null || compareCost(attempt.cost, best.cost) < 0)) best = attempt;
      if (this.#gaveUp || ++compared === COMPARED) break;
    }
    return best ?? (yield* this.#attempt([], all));
  }

  /** The fewest of these, none of which may be spared; `first` are looked at together. null: they do not suffice, or a budget forbids it. */
  *#attempt(first: readonly RunningPod[], others: readonly RunningPod[]): Sliced<Attempt | null> {
    if (!this.#mayDo([...first, ...others])) return null;
    let best: Attempt | null = null;
    for (const order of [byNode, leastImportant]) {
      const attempt = yield* this.#fewest([...first, ...(yield* order(others))], first.length);
      if (attempt !== null && (best === null || compareCost(attempt.cost, best.cost) < 0)) best = attempt;
      if (this.#gaveUp || attempt === null || others.length > LOOKED_AT_TWICE) break;
    }
    return best;
  }

  *#fewest(order: readonly RunningPod[], least: number): Sliced<Attempt | null> {
    let placed = yield* this.#shortestBeginning(order, least);
    if (placed === null) return null;
    // whoever is on none of the nodes of the plan is not in its way
    const used = new Set(placed.map(({ node }) => node));
    for (const pod of this.#live()) if (!used.has(pod.node)) this.#putBack(pod);
    placed = yield* this.#spareGangs(order, placed);
    placed = yield* new Fewest(this.#board, placed, this.#away).spare(mostImportantFirst, (pod) => this.#putBack(pod));
    placed = yield* this.#askAgain(placed, () => true);
    placed = yield* this.#withRestsGone(placed);
    const victims = this.#live();
    if (this.#forbidden(victims)) return null;
    return { victims, placed, cost: this.#costOf(victims) };
  }

  /** The rest of gangs that break goes too: what comes free by that may spare others. */
  *#withRestsGone(plan: readonly Placed[]): Sliced<readonly Placed[]> {
    const needed = this.#live();
    const broken = this.#broken(needed);
    if (broken.size === 0) return plan;
    yield* this.#takeAll(this.#withRests(needed));
    const spared = yield* this.#spareGangs(this.#live(), plan);
    return yield* this.#askAgain(spared, ({ gang }) => gang === null || !broken.has(gang));
  }

  /** Takes off as few of the first ones as will do, and no fewer than `least`. null: all of them would not. */
  *#shortestBeginning(order: readonly RunningPod[], least: number): Sliced<readonly Placed[] | null> {
    let tooFew = -1;
    let enough = Math.min(order.length, Math.max(least, FIRST_PODS));
    let placed: readonly Placed[] | null = null;
    for (;;) {
      const begin = order.slice(0, enough);
      if (this.#mayDo(begin)) {
        yield* this.#setAway(begin);
        placed = yield* this.#plan();
      }
      if (placed !== null) break;
      if (enough === order.length || this.#gaveUp) return null;
      tooFew = enough;
      enough = Math.min(order.length, 4 * enough);
    }
    while (enough - Math.max(tooFew, least) > 1 && enough <= LOOKED_AT_TWICE && !this.#gaveUp) {
      const middle = (enough + Math.max(tooFew, least)) >> 1;
      const begin = order.slice(0, middle);
      let found: readonly Placed[] | null = null;
      if (this.#mayDo(begin)) {
        yield* this.#setAway(begin);
        found = yield* this.#plan();
      }
      if (found === null) tooFew = middle;
      else {
        enough = middle;
        placed = found;
      }
    }
    yield* this.#setAway(order.slice(0, enough));
    return placed;
  }

  *#spareGangs(order: readonly RunningPod[], plan: readonly Placed[]): Sliced<readonly Placed[]> {
    let placed = plan;
    for (const gang of this.#gangsByImportance(order).toReversed()) {
      const pods = this.#live().filter((pod) => pod.gang === gang);
      if (pods.length > 0) placed = (yield* this.#without(pods)) ?? placed;
    }
    return placed;
  }

  /** Fewest looks at the nodes that are planned; elsewhere the gang may do with less. */
  *#askAgain(plan: readonly Placed[], about: (pod: RunningPod) => boolean): Sliced<readonly Placed[]> {
    let placed = plan;
    const away = this.#live().filter(about);
    if (away.length > ASKED_AGAIN) return placed;
    for (const pod of away.toSorted(mostImportantFirst)) placed = (yield* this.#without([pod])) ?? placed;
    return placed;
  }

  /** The plan with these put back; null, and they stay away, when there is none. */
  *#without(pods: readonly RunningPod[]): Sliced<readonly Placed[] | null> {
    for (const pod of pods) this.#putBack(pod);
    const placed = yield* this.#plan();
    if (placed === null) for (const pod of pods) this.#take(pod);
    return placed;
  }

  *#found(
    victims: readonly RunningPod[],
    placed: readonly Placed[],
    going: readonly RunningPod[],
  ): Sliced<VictimsVerdict> {
    const nodes = new Set(placed.map(({ node }) => node));
    return {
      kind: 'found',
      victims: yield* leastImportant(victims),
      going: going.filter(({ node }) => nodes.has(node)),
      brokenGangs: [...this.#broken(victims)].sort(),
      placed,
    };
  }

  #costOf(victims: readonly RunningPod[]): readonly number[] {
    const top = victims.reduce((highest, { priority }) => Math.max(highest, priority), Number.MIN_SAFE_INTEGER);
    const started = victims.reduce((sum, { startedMs }) => sum + startedMs, 0);
    return [this.#broken(victims).size, top, victims.length, -started];
  }

  #broken(pods: readonly RunningPod[]): Set<string> {
    return losses(pods, this.#running.spare).broken;
  }

  /** With the rest of the gangs that break. */
  #withRests(needed: readonly RunningPod[]): readonly RunningPod[] {
    const broken = this.#broken(needed);
    if (broken.size === 0) return needed;
    const rest = this.#running.pods.filter((pod) => !pod.terminating && pod.gang !== null && broken.has(pod.gang));
    return [...new Set([...needed, ...rest])];
  }

  #forbidden(victims: readonly RunningPod[]): boolean {
    const left = [...this.#running.budgets];
    for (const { budgets } of victims) for (const budget of budgets) left[budget] = (left[budget] ?? 0) - 1;
    return left.some((number) => number < 0);
  }

  /** Without those whose budget allows nothing. */
  #unprotected(): readonly RunningPod[] {
    const { pods, budgets } = this.#running;
    return pods.filter((pod) => !pod.terminating && pod.budgets.every((budget) => (budgets[budget] ?? 0) > 0));
  }

  /** As many as budgets allow, the least important first; a gang that may not go whole only gives what it can spare. */
  *#allowed(): Sliced<readonly RunningPod[]> {
    const { pods, spare, budgets } = this.#running;
    const left = [...budgets];
    const chosen: RunningPod[] = [];
    const admit = (some: readonly RunningPod[]): boolean => {
      const after = [...left];
      for (const { budgets: mine } of some) for (const budget of mine) after[budget] = (after[budget] ?? 0) - 1;
      if (some.some(({ budgets: mine }) => mine.some((budget) => after[budget]! < 0))) return false;
      for (const [budget, number] of after.entries()) left[budget] = number;
      chosen.push(...some);
      return true;
    };
    const unordered = pods.filter(({ terminating }) => !terminating);
    if (left.length === 0) return unordered;
    const live = yield* leastImportant(unordered);
    const byGang = new Map<string | null, RunningPod[]>(live.map(({ gang }) => [gang, []]));
    for (const pod of live) byGang.get(pod.gang)!.push(pod);
    for (const pod of live) {
      if (pod.gang === null || !spare.has(pod.gang)) admit([pod]);
      else {
        const mine = byGang.get(pod.gang)!;
        if (mine.length > 0 && !admit(mine)) for (const one of spared(mine, spare)) admit([one]);
        byGang.set(pod.gang, []);
      }
    }
    return chosen;
  }

  /** Those that stand for themselves, and what gangs can spare. */
  *#withoutBreaking(pods: readonly RunningPod[]): Sliced<readonly RunningPod[]> {
    const { spare } = this.#running;
    const inGang = ({ gang }: RunningPod): boolean => gang !== null && spare.has(gang);
    const alone = pods.filter((pod) => !inGang(pod));
    yield;
    // which of a gang's pods it can spare is the only thing that their order decides
    return [...alone, ...spared(yield* leastImportant(pods.filter(inGang)), spare)];
  }

  /** All that there is to take into account: where there is more, the nodes that are freed most easily. */
  *#nearest(pods: readonly RunningPod[]): Sliced<readonly RunningPod[]> {
    return pods.length <= MOST_PODS ? pods : (yield* byNode(pods)).slice(0, MOST_PODS);
  }

  /** Keys of the gangs among them, the least important and smallest first. */
  #gangsByImportance(pods: readonly RunningPod[]): readonly string[] {
    const byGang = new Map<string, RunningPod[]>();
    for (const pod of pods) {
      if (pod.gang === null || !this.#running.spare.has(pod.gang)) continue;
      const mine = byGang.get(pod.gang);
      if (mine === undefined) byGang.set(pod.gang, [pod]);
      else mine.push(pod);
    }
    return [...byGang]
      .map(([gang, mine]) => ({ gang, cost: this.#costOf(mine) }))
      .sort((a, b) => compareCost(a.cost, b.cost) || (a.gang < b.gang ? -1 : 1))
      .map(({ gang }) => gang);
  }

  #live(): readonly RunningPod[] {
    return [...this.#away.keys()].filter(({ terminating }) => !terminating);
  }

  /** Exactly these are away, besides those that are going. */
  *#setAway(pods: readonly RunningPod[]): Sliced<void> {
    const wanted = new Set(pods);
    for (const pod of this.#live()) {
      if (!wanted.has(pod)) this.#putBack(pod);
      if (++this.#moves % MOVED_AT_ONCE === 0) yield;
    }
    yield* this.#takeAll(pods);
  }

  *#takeAll(pods: readonly RunningPod[]): Sliced<void> {
    for (const pod of pods) {
      this.#take(pod);
      if (++this.#moves % MOVED_AT_ONCE === 0) yield;
    }
  }

  #take(pod: RunningPod): void {
    const { table } = this.#board;
    const occupant = this.#away.has(pod) ? undefined : table.get(pod.node)?.occupant(pod.uid);
    if (occupant === undefined) return;
    this.#spent.work += MOVE_LOOKS;
    table.undo(pod.node, pod.uid);
    this.#away.set(pod, occupant);
  }

  #putBack(pod: RunningPod): void {
    const occupant = this.#away.get(pod);
    if (occupant === undefined) return;
    this.#spent.work += MOVE_LOOKS;
    this.#away.delete(pod);
    this.#board.table.putBack(pod.node, occupant);
  }

  *#plan(): Sliced<readonly Placed[] | null> {
    yield;
    const left = this.#budget - this.#spent.work;
    if (left <= 0) {
      this.#gaveUp = true;
      return null;
    }
    const options = { budget: Math.min(left, GANG_BUDGET), spent: this.#spent };
    const verdict = yield* planGangInSlices(this.#board, this.#gang, options);
    return verdict.kind === 'planned' ? verdict.placed : null;
  }
}

/** By sums, before anything is tried: could the gang fit if all of these went? False: it could not. */
export function* couldFit(table: NodeTable, gang: GangGroup, pods: readonly RunningPod[]): Sliced<boolean> {
  const asked = leastMilli(gang);
  let milli = freeMilliOfAll(table);
  for (const [at, pod] of pods.entries()) {
    if (milli >= asked) break;
    if (at % SORTED_AT_ONCE === SORTED_AT_ONCE - 1) yield;
    const node = table.get(pod.node);
    milli += leavesAtMost(node, node?.occupant(pod.uid));
  }
  return milli >= asked;
}

/** Thousandths that become free when this occupant goes, at most. */
export function leavesAtMost(node: NodeInfo | undefined, occupant: Occupant | undefined): number {
  if (node === undefined || occupant === undefined) return 0;
  // whoever uses devices without a claim keeps all of the node from being used
  if (occupant.unclaimed) return WHOLE_MILLI * node.ledger.devices.length;
  if (occupant.claim === null) return 0;
  let sum = 0;
  for (const { milli } of peakOf(occupant.claim)) sum += milli;
  return sum;
}

type Attempt = {
  readonly victims: readonly RunningPod[];
  readonly placed: readonly Placed[];
  readonly cost: readonly number[];
};

/** In the given order, as many as break no gang. */
function spared(pods: readonly RunningPod[], spare: ReadonlyMap<string, GangSpare>): readonly RunningPod[] {
  const lost = losses([], spare);
  return pods.filter((pod) => lost.mayLose(pod));
}

/** Lowest priority first, then the nodes with the fewest of them: what is freed with least ado. */
function* byNode(pods: readonly RunningPod[]): Sliced<readonly RunningPod[]> {
  const groups = new Map<string, RunningPod[]>();
  for (const [at, pod] of pods.entries()) {
    if (at % SORTED_AT_ONCE === 0) yield;
    const key = `${pod.priority} ${pod.node}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [pod]);
    else group.push(pod);
  }
  const sorted = yield* sortedInSlices(
    [...groups.values()],
    (a, b) => a[0]!.priority - b[0]!.priority || a.length - b.length || (a[0]!.node < b[0]!.node ? -1 : 1),
  );
  const all: RunningPod[] = [];
  for (const group of sorted) {
    all.push(...(yield* leastImportant(group)));
    if (all.length % SORTED_AT_ONCE < group.length) yield;
  }
  return all;
}

/** Pods put in order between two stops. */
const SORTED_AT_ONCE = 2048;

const leastImportant = (pods: readonly RunningPod[]): Sliced<readonly RunningPod[]> =>
  sortedInSlices(pods, leastImportantFirst);

/** Lowest priority first, then who started last, then by uid. */
export function leastImportantFirst(a: RunningPod, b: RunningPod): number {
  return a.priority - b.priority || b.startedMs - a.startedMs || (a.uid < b.uid ? 1 : -1);
}

const mostImportantFirst = (a: RunningPod, b: RunningPod): number => leastImportantFirst(b, a);
