/**
 * Makes the 50,000 bound pods that stay in memory small: equal parts become the same object. Used by whoever keeps PodFacts,
 * on its own thread (objects that cross threads are copies again). Changes no value.
 */
import type { PodFacts } from '../../core/placement/pod-facts.ts';

/** different values remembered per table, before it starts anew (a fresh table costs sharing, not truth) */
const DEFAULT_CAPACITY = 20_000;

export class PodInterner {
  readonly #capacity: number;
  readonly #texts = new Map<string, string>();
  readonly #parts = new Map<string, unknown>();

  constructor(capacity: number = DEFAULT_CAPACITY) {
    this.#capacity = capacity;
  }

  /** An equal pod that shares what it can with those seen before. */
  lean(pod: PodFacts): PodFacts {
    return {
      ...pod,
      namespace: this.#text(pod.namespace),
      schedulerName: this.#text(pod.schedulerName),
      nodeName: pod.nodeName === null ? null : this.#text(pod.nodeName),
      nominatedNode: pod.nominatedNode === null ? null : this.#text(pod.nominatedNode),
      labels: this.#part('labels', pod.labels),
      needs: this.#part('needs', pod.needs),
      constraints: this.#part('constraints', pod.constraints),
      ask: this.#part('ask', pod.ask),
      gang: pod.gang === null ? null : this.#text(pod.gang),
      gangSaid: pod.gangSaid === null ? null : this.#part('gang', pod.gangSaid),
    };
  }

  #text(text: string): string {
    const known = this.#texts.get(text);
    if (known !== undefined) return known;
    if (this.#texts.size >= this.#capacity) this.#texts.clear();
    this.#texts.set(text, text);
    return text;
  }

  /** The kind keeps `{}` of one field from standing for `{}` of another, so that the types stay true. */
  #part<T extends object>(kind: string, part: T): T {
    const key = `${kind}${JSON.stringify(part)}`;
    const known = this.#parts.get(key);
    if (known !== undefined) return known as T;
    if (this.#parts.size >= this.#capacity) this.#parts.clear();
    this.#parts.set(key, part);
    return part;
  }
}
