/**
 * Who waits for a place, in the order in which they get one: by priority, then by age, whole gangs as one (with the priority of their
 * first and the age of their oldest member). Kept up to date pod by pod; sorted when asked for after a change.
 */
import { heldBack, startsWith } from '../cluster/gangs/standing.ts';
import { PLACEMENT_GATE } from '../core/names.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';

/** A pod by itself, or what waits of a gang. */
export type Place = {
  /** `pod <uid>` or `gang <namespace>/<name>` */
  readonly key: string;
  /** null: a pod by itself */
  readonly gang: string | null;
  readonly pods: ReadonlyMap<string, PodFacts>;
  /** grows with every change of its pods */
  readonly version: number;
};

type Kept = {
  key: string;
  gang: string | null;
  pods: Map<string, PodFacts>;
  version: number;
  /** version of the gang when it was ranked anew last */
  said: number;
  rank: Rank | null;
};
type Rank = { readonly priority: number; readonly since: number; readonly name: string };

/** Behind our gate, and behind no other. */
export const isGated = (pod: PodFacts): boolean => pod.gated && !heldBack(pod) && pod.gates.includes(PLACEMENT_GATE);

export class Line {
  readonly #schedulerNames: ReadonlySet<string>;
  readonly #priorityOf: (pod: PodFacts) => number;
  readonly #places = new Map<string, Kept>();
  readonly #keyByUid = new Map<string, string>();
  #sorted: Kept[] = [];
  #isSorted = true;
  #version = 0;

  /** `schedulerNames`: pods that name another scheduler are not ours. `priorityOf`: what counts in the line, where gangs have one of their own. */
  constructor(schedulerNames: readonly string[], priorityOf: (pod: PodFacts) => number = (pod) => pod.priority) {
    this.#schedulerNames = new Set(schedulerNames);
    this.#priorityOf = priorityOf;
  }

  /**
   * What objects say of gangs has changed: their priority, how many start together. Those of which it has are tried again. `versionOf`:
   * grows with every change of a gang. O(gangs), and most of them are only looked at.
   */
  rankAnew(versionOf: (gang: string) => number): void {
    for (const place of this.#places.values()) {
      if (place.gang === null) continue;
      const said = versionOf(place.gang);
      if (said === place.said) continue;
      place.said = said;
      this.#touch(place);
    }
  }

  /** Grows with every change. */
  get version(): number {
    return this.#version;
  }

  /** Pods that wait. */
  get size(): number {
    return this.#keyByUid.size;
  }

  pod(uid: string): PodFacts | undefined {
    return this.placeOf(uid)?.pods.get(uid);
  }

  placeOf(uid: string): Place | undefined {
    const key = this.#keyByUid.get(uid);
    return key === undefined ? undefined : this.#places.get(key);
  }

  /** The pod as it is now; undefined: it is gone. */
  update(uid: string, pod: PodFacts | undefined): void {
    const before = this.#keyByUid.get(uid);
    const gang = pod === undefined ? null : startsWith(pod);
    const key = pod === undefined || !this.#waits(pod) ? undefined : gang === null ? `pod ${uid}` : `gang ${gang}`;
    if (before !== undefined && before !== key) this.#leave(before, uid);
    if (key === undefined || pod === undefined || (before === key && this.#places.get(key)!.pods.get(uid) === pod))
      return;
    this.#keyByUid.set(uid, key);
    let place = this.#places.get(key);
    if (place === undefined) {
      place = { key, gang, pods: new Map(), version: 0, said: -1, rank: null };
      this.#places.set(key, place);
      this.#sorted.push(place);
    }
    place.pods.set(uid, pod);
    this.#touch(place);
  }

  /** First in line first. Not to be kept over an update. */
  places(): readonly Place[] {
    if (!this.#isSorted) {
      this.#sorted = this.#sorted.filter(({ pods }) => pods.size > 0).sort((a, b) => this.#byTurn(a, b));
      this.#isSorted = true;
    }
    return this.#sorted;
  }

  #waits(pod: PodFacts): boolean {
    if (!this.#schedulerNames.has(pod.schedulerName) || pod.gangSaid?.dialect === 'native') return false;
    return pod.nodeName === null && !pod.terminal && !pod.terminating && !heldBack(pod);
  }

  #leave(key: string, uid: string): void {
    this.#keyByUid.delete(uid);
    const place = this.#places.get(key)!;
    place.pods.delete(uid);
    if (place.pods.size === 0) this.#places.delete(key);
    this.#touch(place);
  }

  #touch(place: Kept): void {
    place.version = ++this.#version;
    place.rank = null;
    this.#isSorted = false;
  }

  #byTurn(a: Kept, b: Kept): number {
    const one = this.#rankOf(a);
    const other = this.#rankOf(b);
    if (one.priority !== other.priority) return other.priority - one.priority;
    if (one.since !== other.since) return one.since - other.since;
    return one.name < other.name ? -1 : 1;
  }

  #rankOf(place: Kept): Rank {
    if (place.rank !== null) return place.rank;
    let priority = Number.NEGATIVE_INFINITY;
    let since = Number.POSITIVE_INFINITY;
    for (const pod of place.pods.values()) {
      priority = Math.max(priority, this.#priorityOf(pod));
      since = Math.min(since, pod.createdMs);
    }
    place.rank = { priority, since, name: nameOf(place) };
    return place.rank;
  }
}

function nameOf({ gang, pods }: Kept): string {
  if (gang !== null) return gang;
  const [pod] = pods.values();
  return `${pod!.namespace}/${pod!.name}`;
}
