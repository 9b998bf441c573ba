/**
 * A watch of its own over the pods of gangs, named `<gang>-<number>`: when each was bound and when it went, so that what is checked is
 * every observed moment and not only the end.
 */
import { follow } from './follow.ts';
import type { Kube, Pod } from './kube.ts';

const PODS = '/api/v1/namespaces/default/pods';

type Seen = { readonly size: number; readonly bound: Map<string, number>; readonly gone: Set<string> };

export class GangWatch {
  /** hears of a gang of which so many members are bound now, at every Binding */
  onBound: ((gang: string, bound: number, size: number) => void) | null = null;
  readonly #gangs = new Map<string, Seen>();
  readonly #ending = new AbortController();
  #loop: Promise<void> = Promise.resolve();

  static async start(kube: Kube): Promise<GangWatch> {
    const watch = new GangWatch();
    const version = async (): Promise<string> => (await kube.list<Pod>(PODS)).resourceVersion;
    watch.#loop = follow<Pod>(kube, {
      path: PODS,
      from: await version(),
      on: ({ type, object }) => {
        const { name } = object.metadata;
        const gang = name.slice(0, name.lastIndexOf('-'));
        const seen = watch.#gangs.get(gang);
        if (seen === undefined) return;
        if (type === 'DELETED') seen.gone.add(name);
        else if (object.spec.nodeName !== undefined && !seen.bound.has(name)) {
          seen.bound.set(name, performance.now());
          watch.onBound?.(gang, seen.bound.size, seen.size);
        }
      },
      relist: version,
      signal: watch.#ending.signal,
    });
    return watch;
  }

  /** From now on this gang is looked at. */
  expect(gang: string, size: number): void {
    this.#gangs.set(gang, { size, bound: new Map(), gone: new Set() });
  }

  bound(gang: string): number {
    return this.#gangs.get(gang)!.bound.size;
  }

  isWhole(gang: string): boolean {
    const { bound, size } = this.#gangs.get(gang)!;
    return bound.size === size;
  }

  /** Some are bound, some are not, and nobody is gone. */
  isInPart(gang: string): boolean {
    const { bound, size, gone } = this.#gangs.get(gang)!;
    return bound.size > 0 && bound.size < size && gone.size === 0;
  }

  /** Every member that was ever bound is gone again. */
  isGivenUp(gang: string): boolean {
    const { bound, gone } = this.#gangs.get(gang)!;
    return [...bound.keys()].every((name) => gone.has(name));
  }

  /** when the last of those that were bound was, by `performance.now()` */
  lastBound(gang: string): number {
    return Math.max(...this.#gangs.get(gang)!.bound.values());
  }

  /** ms from the first to the last Binding */
  spread(gang: string): number {
    const times = [...this.#gangs.get(gang)!.bound.values()];
    return Math.max(...times) - Math.min(...times);
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    await this.#loop;
  }
}

export const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;
