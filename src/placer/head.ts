/**
 * Who of the line kube-scheduler may see without a place, so that others can help: an autoscaler brings nodes, preemption makes room.
 * Gates cannot be put back, so there are few at a time, and gangs are shown whole: an autoscaler that saw a part of one would make room
 * for that part.
 */
import type { Picture } from '../cluster/picture.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import type { ReasonCode } from '../core/reasons.ts';
import { isGated, type Line, type Place } from './line.ts';
import type { Known } from './next-write.ts';

export type HeadOptions = {
  readonly picture: Picture;
  readonly line: Line;
  readonly known: (uid: string) => Readonly<Known> | undefined;
};

/** Pods at the head of the line among whom those to be shown are looked for. */
const HEAD = 1_000;
/** Waiting that no autoscaler and no preemption can end. */
export const BEYOND_HELP: ReadonlySet<ReasonCode> = new Set([
  'gang-incomplete',
  'gang-invalid',
  'gang-late',
  'request-invalid',
  'mig-unsupported',
  'pod-without-env',
  'gpu-milli-short',
  'victims-terminating',
]);

export class Head {
  readonly #options: HeadOptions;
  /** pods that kube-scheduler may see although they have no place, and some that did */
  readonly #shown = new Set<string>();

  constructor(options: HeadOptions) {
    this.#options = options;
  }

  /** pods that are looked at each time because they may be seen without a place; never more than wait, and those refused longest ago */
  get shown(): number {
    return this.#shown.size;
  }

  /** It may be seen, and says that it has no place. */
  notice(uid: string): void {
    this.#shown.add(uid);
  }

  /** It waits no more. */
  forget(uid: string): void {
    this.#shown.delete(uid);
  }

  /**
   * Those to be let through now: the first ones in line that others may help, until there are `most` without a gate and without a place.
   * A gang that is larger than all there may be goes alone, and one that was let through in part (by a process that ended) is followed
   * by its rest.
   */
  toExpose(most: number): readonly string[] {
    const out: string[] = [];
    if (most === 0) return out;
    const add = (pods: readonly PodFacts[]): void => {
      for (const { uid } of pods) {
        this.#shown.add(uid);
        out.push(uid);
      }
    };
    const begun = this.#exposedPlaces();
    for (const place of begun) {
      const { waits } = this.#hiddenOf(place);
      if (waits.some(({ uid }) => this.#options.known(uid)?.asGang)) add(waits);
    }
    let looked = 0;
    for (const place of this.#options.line.places()) {
      if (this.#shown.size >= most || looked > HEAD) break;
      looked += place.pods.size;
      const { waits, rest } = this.#hiddenOf(place);
      if (waits.length === 0) continue;
      // of one that runs each further member stands for itself
      const alone = !waits.some(({ uid }) => this.#options.known(uid)?.asGang);
      if (!alone && (begun.has(place) || waits.length < rest)) continue;
      for (const pods of alone ? waits.map((pod) => [pod]) : [waits]) {
        if (this.#shown.size + pods.length > most && this.#shown.size > 0) return out;
        add(pods);
      }
    }
    return out;
  }

  /** Places of pods that kube-scheduler may see although there is none for them; `#shown` holds just those afterwards. */
  #exposedPlaces(): Set<Place> {
    const { picture, line } = this.#options;
    let looked = 0;
    for (const [uid] of picture.refused()) {
      if (++looked > HEAD) break;
      this.#shown.add(uid);
    }
    const places = new Set<Place>();
    for (const uid of this.#shown) {
      const pod = line.pod(uid);
      if (pod !== undefined && picture.holds.get(uid) === undefined && this.#isExposed(pod))
        places.add(line.placeOf(uid)!);
      else this.#shown.delete(uid);
    }
    return places;
  }

  /** Pods without a place that kube-scheduler does not see, and those of them that others may help. */
  #hiddenOf({ pods }: Place): { readonly rest: number; readonly waits: readonly PodFacts[] } {
    const rest = [...pods.values()].filter(
      (pod) => this.#options.picture.holds.get(pod.uid) === undefined && !this.#isExposed(pod),
    );
    return { rest: rest.length, waits: rest.filter((pod) => this.#mayBeHelped(pod)) };
  }

  /** kube-scheduler may see it, and finds no place for it. */
  #isExposed(pod: PodFacts): boolean {
    if (!isGated(pod)) return this.#options.picture.isRefused(pod.uid) || pod.unplacedReason !== null;
    const known = this.#options.known(pod.uid);
    return known?.through === true && known.code !== null;
  }

  #mayBeHelped(pod: PodFacts): boolean {
    const known = this.#options.known(pod.uid);
    return isGated(pod) && known?.code != null && !BEYOND_HELP.has(known.code);
  }
}
