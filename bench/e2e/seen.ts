/** When what happened to which pod, as a watch of the bench's own shows it. */
import { follow } from '../../test/e2e/harness/follow.ts';
import type { Kube, Pod, WatchEvent } from '../../test/e2e/harness/kube.ts';

const PODS = '/api/v1/namespaces/default/pods';

export class Seen {
  /** by name: ms of performance.now() at which it was first seen with a node */
  readonly bound = new Map<string, number>();
  /** … without a place, and the reason that it was first said to have */
  readonly refused = new Map<string, { readonly at: number; readonly reason: string }>();
  readonly #abort = new AbortController();
  #watching: Promise<unknown> = Promise.resolve();

  static async start(kube: Kube): Promise<Seen> {
    const seen = new Seen();
    const relist = async (): Promise<string> => {
      const { items, resourceVersion } = await kube.list<Pod>(PODS);
      for (const pod of items) seen.#note(pod);
      return resourceVersion;
    };
    const from = await relist();
    const on = ({ object }: WatchEvent<Pod>): void => seen.#note(object);
    seen.#watching = follow<Pod>(kube, { path: PODS, from, on, relist, signal: seen.#abort.signal });
    return seen;
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#watching;
  }

  #note({ metadata: { name }, spec, status }: Pod): void {
    const at = performance.now();
    if (spec.nodeName !== undefined && !this.bound.has(name)) this.bound.set(name, at);
    const placed = status?.conditions?.find(({ type }) => type === 'muster.dev/Placed');
    if (placed?.status === 'False' && !this.refused.has(name))
      this.refused.set(name, { at, reason: placed.reason ?? '' });
  }
}
