/** Pods as filter or the placer saw them last. Who has no hold is known at bind by this, even before the informer shows it. */
import { LRUCache } from 'lru-cache';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import type { Picture } from './picture.ts';
import type { Shapes } from './shapes.ts';

const SEEN_PODS = 10_000;

export class Seen {
  readonly #picture: Picture;
  readonly #shapes: Shapes;
  readonly #pods = new LRUCache<string, PodFacts>({ maxSize: SEEN_PODS, sizeCalculation: () => 1 });

  constructor(picture: Picture, shapes: Shapes) {
    this.#picture = picture;
    this.#shapes = shapes;
  }

  /** What is new here teaches what is typically asked. */
  notice(pod: PodFacts): void {
    if (!this.#pods.has(pod.uid)) this.#shapes.forecast.arrived(pod);
    this.#pods.set(pod.uid, pod);
  }

  get(uid: string): PodFacts | undefined {
    return this.#pods.get(uid);
  }

  /** Those that no informer shows, least recently seen first. */
  strangers(): readonly PodFacts[] {
    return [...this.#pods.values()].filter(({ uid }) => this.#picture.pod(uid) === undefined).reverse();
  }

  /** Forgets all but these, as `strangers` gave them; nothing is learnt by it. */
  beginAnew(strangers: readonly PodFacts[]): void {
    this.#pods.clear();
    for (const pod of strangers) this.#pods.set(pod.uid, pod);
  }
}
