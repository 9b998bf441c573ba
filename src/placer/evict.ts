/**
 * Makes room for a pod where only fragmentation is in the way: kube-scheduler, by its sums, sees room and never asks for victims. The
 * search is the preempt verb's; evictions go through the Eviction API, so disruption budgets count. What is freed is kept for the pod,
 * and its nomination (without a plan) says so, should this process end meanwhile. Rooms for whole gangs: `evict-for-gang.ts`.
 */
import type { GangRoom } from '../cluster/gangs/room.ts';
import type { Planner } from '../cluster/planner.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import type { Timer } from '../kube/ports.ts';
import { evictForGang } from './evict-for-gang.ts';
import { type EvictorOptions, evictionOf, nominationOf } from './eviction.ts';
import { insist } from './insist.ts';

/** A search looks at many nodes and everybody waits for the one thread: so often at most, ms. */
const SEARCH_MS = 5_000;
/** Of a search for a gang, before others have their turn, ms. Its steps take about one. */
const SLICE_MS = 4;
/** Searches for a gang of which the books took away what they found. */
const TRIES = 3;

/** What becomes of a search for room for a gang. */
export type RoomEnds = {
  /** somebody goes for it, or is on the way out: what they leave is kept */
  readonly onFound: () => void;
  /** nobody's end would help it, nobody may be evicted for it, or an eviction was refused */
  readonly onHelpless: () => void;
};

type GangSearch = {
  readonly gang: string;
  readonly ends: RoomEnds;
  steps: ReturnType<Planner['searchRoom']>;
  tries: number;
};

export class Evictor {
  readonly #options: EvictorOptions;
  #searchAt = 0;
  #search: GangSearch | null = null;
  #timer: Timer | null = null;

  constructor(options: EvictorOptions) {
    this.#options = options;
  }

  get due(): boolean {
    return this.#search === null && this.#options.clock.monotonic() >= this.#searchAt;
  }

  /** Looks for victims, and evicts them without being waited for. */
  makeRoomFor(pod: PodFacts): void {
    const { planner, clock, picture, onProblem } = this.#options;
    this.#searchAt = clock.monotonic() + SEARCH_MS;
    const found = planner.evictFor(pod.uid);
    if (found === null) return;
    const victims = found.victims.flatMap((uid) => picture.pod(uid) ?? []);
    onProblem('evicts for a pod that only fragmentation keeps waiting', {
      pod: `${pod.namespace}/${pod.name}`,
      node: found.node,
      victims: victims.map(({ namespace, name }) => `${namespace}/${name}`),
    });
    void this.#carryOut(pod, found.node, victims);
  }

  /** The same for a whole gang, in slices: others are answered in between. Nothing else is searched meanwhile. */
  makeRoomForGang(gang: string, ends: RoomEnds): void {
    this.#search = { gang, ends, steps: this.#options.planner.searchRoom(gang), tries: 1 };
    this.#goOn(this.#search);
  }

  close(): void {
    this.#search = null;
    this.#timer?.cancel();
  }

  #goOn(search: GangSearch): void {
    const { planner, clock, mayDecide } = this.#options;
    this.#searchAt = clock.monotonic() + SEARCH_MS;
    if (!mayDecide()) {
      this.#search = null;
      return;
    }
    const until = clock.monotonic() + SLICE_MS;
    for (;;) {
      const next = search.steps.next();
      if (next.done === true) {
        if (next.value === 'stale' && search.tries++ < TRIES) search.steps = planner.searchRoom(search.gang);
        else {
          this.#search = null;
          if (next.value === null || next.value === 'stale') search.ends.onHelpless();
          else this.#keep(search, next.value);
          return;
        }
      }
      if (clock.monotonic() >= until) break;
    }
    this.#timer = clock.after(0, () => {
      if (this.#search === search) this.#goOn(search);
    });
  }

  /** Who goes is told and evicted in another turn: of a large gang that is as long as all of a slice. */
  #keep({ gang, ends }: GangSearch, room: GangRoom): void {
    const { planner, clock } = this.#options;
    planner.keepRoom(gang, room);
    ends.onFound();
    this.#timer = clock.after(0, () => this.#evictAll(gang, room, ends));
  }

  #evictAll(gang: string, room: GangRoom, ends: RoomEnds): void {
    const { picture, onProblem } = this.#options;
    const nameOf = (uid: string): string => {
      const pod = picture.pod(uid);
      return pod === undefined ? uid : `${pod.namespace}/${pod.name}`;
    };
    onProblem('evicts for a gang that pods of lower priority keep waiting', {
      gang,
      victims: room.victims.map(({ uid }) => nameOf(uid)),
      broken: room.brokenGangs,
    });
    void evictForGang(gang, room, this.#options).then((done) => {
      if (!done) ends.onHelpless();
    });
  }

  async #carryOut(pod: PodFacts, node: string, victims: readonly PodFacts[]): Promise<void> {
    const { mayDecide, picture } = this.#options;
    const goesOn = (): boolean => mayDecide() && picture.holds.get(pod.uid)?.cause === 'awaiting';
    if (!(await insist(nominationOf(pod, node), goesOn, this.#options))) return;
    await Promise.all(victims.map((victim) => insist(evictionOf(victim), goesOn, this.#options)));
  }
}

/** `node` null: it is nominated nowhere any more. */
