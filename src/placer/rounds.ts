/**
 * Goes through the line and asks for places, a bounded number at a time. What fitted nowhere is asked for again only after something
 * may have come free, pods of equal shape by one try for all of them.
 *
 * A round begins when something came free or somebody came; it goes on over several calls until the end of the line, so that the last
 * one is looked at too, however often something comes free. Where too much is decided ahead already it stops: order is order.
 */
import { startsWith } from '../cluster/gangs/standing.ts';
import type { Picture } from '../cluster/picture.ts';
import type { Planner } from '../cluster/planner.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import type { ReasonCode } from '../core/reasons.ts';
import { isGated, type Line, type Place } from './line.ts';

export type RoundOptions = {
  readonly picture: Picture;
  readonly planner: Planner;
  readonly line: Line;
  /** it had a place ahead that was taken back, and has no gate any more */
  readonly hadPlace: (uid: string) => boolean;
  /** pods that have a place ahead now */
  readonly onPlanned: (uids: readonly string[]) => void;
  /** nothing was found for it; null: it wants nothing of ours. `asGang`: for its whole gang */
  readonly onRefused: (pod: PodFacts, code: ReasonCode | null, asGang: boolean) => void;
};

/** Pods asked for in one call: some ten ms, during which nobody else is answered. */
const AT_ONCE = 256;

/** `until`: when it is worth a try all the same, monotonic ms; `code`: what all of its pods were told, null: not one and the same */
type Tried = { freed: number; readonly version: number; readonly until: number; readonly code: ReasonCode | null };

/** Why a kind of pod fits nowhere, and the first in line of those that were told: it may take over what later ones hold. */
type Hopeless = { readonly code: ReasonCode; readonly first: PodFacts };

/** What room does not end, but another member may, or what is said of the gang. */
const UNREADY: ReadonlySet<ReasonCode> = new Set<ReasonCode>(['gang-incomplete', 'gang-invalid']);

export class Rounds {
  readonly #options: RoundOptions;
  /** the round under way: the rest of the line, and what it began at */
  #rest: readonly Place[] = [];
  #at = 0;
  #freed = -1;
  #version = -1;
  /** of places that fitted nowhere: what was freed until then, their version, and what they were told */
  readonly #tried = new Map<string, Tried>();
  /** when one of them is worth a try all the same, monotonic ms */
  #retryAt = Number.POSITIVE_INFINITY;
  /** version of the gang when it was told that it is not whole */
  readonly #unready = new Map<string, number>();
  #hopeless = new Map<string, Hopeless>();
  #hopelessAt = -1;
  readonly #kinds = new WeakMap<PodFacts, string>();

  constructor(options: RoundOptions) {
    this.#options = options;
  }

  /** Everything is asked for again. */
  beginAnew(): void {
    this.#rest = [];
    this.#at = 0;
    this.#freed = -1;
    this.#tried.clear();
    this.#unready.clear();
    this.#retryAt = Number.POSITIVE_INFINITY;
    this.#hopelessAt = -1;
  }

  /** `most`: pods that may be given a place now; `now`: monotonic ms. False: there is more to do, call again soon. */
  go(most: number, now: number): boolean {
    const { picture, line } = this.#options;
    this.#lookAtUnready();
    if (this.#at >= this.#rest.length) {
      const same = picture.nodes.freed === this.#freed && line.version === this.#version;
      if (same && now < this.#retryAt) return true;
      if (now >= this.#retryAt) this.#retryAt = Number.POSITIVE_INFINITY;
      this.#freed = picture.nodes.freed;
      this.#version = line.version;
      this.#rest = [...line.places()];
      this.#at = 0;
      if (this.#tried.size > 2 * this.#rest.length) this.#tried.clear();
    }
    let left = most;
    for (let asked = 0; this.#at < this.#rest.length && asked < AT_ONCE; this.#at++) {
      const place = this.#rest[this.#at]!;
      if (this.#isTried(place, now) || this.#isStillRefused(place, now)) continue;
      const lacking = [...place.pods.values()].filter((pod) => this.#isMine(place, pod) && !this.#hasPlace(pod.uid));
      if (lacking.length === 0) continue;
      // a gang larger than what may be ahead goes alone
      if (left === 0 || left < Math.min(lacking.length, most)) {
        this.#at = this.#rest.length;
        this.#freed = -1;
        return true;
      }
      const { asks, planned } =
        place.gang === null ? this.#askForPods(place, lacking, now) : this.#askForGang(place, lacking, now);
      asked += asks;
      left -= planned;
    }
    return this.#at >= this.#rest.length;
  }

  /** Its kind was refused since something last came free, for the reason that all of them were told before: nobody is looked at one by one. */
  #isStillRefused(place: Place, now: number): boolean {
    const { picture, planner } = this.#options;
    const tried = this.#tried.get(place.key);
    if (tried?.version !== place.version || tried.code === null || now >= tried.until) return false;
    if (place.gang === null) {
      const [pod] = place.pods.values();
      if (pod === undefined || this.#knownRefusal(pod) !== tried.code) return false;
    } else if (planner.refusedAlike(place.gang) !== tried.code) return false;
    tried.freed = picture.nodes.freed;
    this.#retryAt = Math.min(this.#retryAt, tried.until);
    return true;
  }

  /**
   * It waits for us: behind our gate, let through before it had a place, or of a gang whose plan came to nothing. Others are filter's.
   */
  #isMine({ gang }: Place, pod: PodFacts): boolean {
    return isGated(pod) || pod.unplacedReason !== null || (gang !== null && this.#options.hadPlace(pod.uid));
  }

  /** The pod has a place now: should it lose it, it is told anew. */
  forget(uid: string): void {
    const place = this.#options.line.placeOf(uid);
    if (place !== undefined) this.#tried.delete(place.key);
  }

  /** What objects say of gangs has changed, perhaps of one that another must start with. */
  objectsChanged(): void {
    for (const gang of this.#unready.keys()) this.#tryAgain(gang);
  }

  /** Members that are not in the line (they run, or name another scheduler) came, changed or went: their gang may be whole now. O(gangs that are not) */
  #lookAtUnready(): void {
    const { gangs } = this.#options.picture;
    for (const [gang, version] of this.#unready) if (gangs.get(gang)?.version !== version) this.#tryAgain(gang);
  }

  #tryAgain(gang: string): void {
    this.#unready.delete(gang);
    this.#tried.delete(`gang ${gang}`);
    this.#freed = -1;
  }

  #isTried({ key, version }: Place, now: number): boolean {
    const tried = this.#tried.get(key);
    if (tried === undefined || now >= tried.until) return false;
    const is = tried.freed === this.#options.picture.nodes.freed && tried.version === version;
    if (is) this.#retryAt = Math.min(this.#retryAt, tried.until);
    return is;
  }

  #setTried({ key, version }: Place, code: ReasonCode | null, until = Number.POSITIVE_INFINITY): void {
    this.#tried.set(key, { freed: this.#options.picture.nodes.freed, version, until, code });
    this.#retryAt = Math.min(this.#retryAt, until);
  }

  #askForPods(place: Place, lacking: readonly PodFacts[], now: number): { asks: number; planned: number } {
    const { picture, planner, onPlanned, onRefused } = this.#options;
    let asks = 0;
    let planned = 0;
    let until = Number.POSITIVE_INFINITY;
    const told = new Set<ReasonCode>();
    for (const pod of lacking) {
      const known = this.#knownRefusal(pod);
      if (known !== undefined) {
        told.add(known);
        onRefused(pod, known, false);
        continue;
      }
      asks++;
      const outcome = planner.planPod(pod.uid);
      if (outcome.kind === 'planned') {
        planned++;
        onPlanned([pod.uid]);
      } else if (outcome.kind === 'not-ours') onRefused(pod, null, false);
      else if (outcome.kind === 'refused') {
        // nodes that it alone may not use count for no other of its kind
        const barred = picture.barred.nextEnd([pod.uid], now);
        if (barred === Number.POSITIVE_INFINITY)
          this.#hopeless.set(this.#kindOf(pod), { code: outcome.code, first: pod });
        until = Math.min(until, barred);
        told.add(outcome.code);
        onRefused(pod, outcome.code, false);
      }
    }
    if (planned === 0) this.#setTried(place, told.size === 1 && place.gang === null ? [...told][0]! : null, until);
    return { asks, planned };
  }

  #askForGang(place: Place, lacking: readonly PodFacts[], now: number): { asks: number; planned: number } {
    const outcome = this.#options.planner.planGang(place.gang!);
    // it has started: whoever is left over stands for itself
    if (outcome.kind === 'started') return this.#askForPods(place, lacking, now);
    if (outcome.kind === 'planned') {
      const uids = outcome.holds.map((hold) => hold.pod.uid);
      this.#options.onPlanned(uids);
      return { asks: uids.length, planned: uids.length };
    }
    const { picture, planner, onRefused } = this.#options;
    for (const pod of lacking) onRefused(pod, outcome.code, true);
    this.#setTried(place, outcome.code, planner.retryAt(place.gang!));
    if (UNREADY.has(outcome.code)) this.#unready.set(place.gang!, picture.gangs.get(place.gang!)?.version ?? 0);
    return { asks: Math.max(1, outcome.needed), planned: 0 };
  }

  #hasPlace(uid: string): boolean {
    const hold = this.#options.picture.holds.get(uid);
    return hold !== undefined && hold.cause !== 'awaiting';
  }

  #knownRefusal(pod: PodFacts): ReasonCode | undefined {
    const { freed } = this.#options.picture.nodes;
    if (this.#hopelessAt !== freed) {
      this.#hopelessAt = freed;
      this.#hopeless = new Map();
    }
    const { holds, gangs } = this.#options.picture;
    const known = this.#hopeless.get(this.#kindOf(pod));
    if (known === undefined || holds.get(pod.uid) !== undefined) return undefined;
    const before = gangs.priorityOf(pod) - gangs.priorityOf(known.first) || known.first.createdMs - pod.createdMs;
    return before > 0 ? undefined : known.code;
  }

  /** Equal for pods that fit the same nodes. Members stand for their gang: it may require one domain. */
  #kindOf(pod: PodFacts): string {
    let kind = this.#kinds.get(pod);
    if (kind === undefined) {
      kind = JSON.stringify([pod.ask, pod.needs, pod.constraints, pod.envSafe, startsWith(pod)]);
      this.#kinds.set(pod, kind);
    }
    return kind;
  }
}
