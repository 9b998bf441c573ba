/** Follows a collection for as long as a test needs: over watches that end, connections that break and API servers that restart. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Kube, KubeObject, WatchEvent } from './kube.ts';

export type Follow<T> = {
  path: string;
  /** resourceVersion of the list that came before */
  from: string;
  on: (event: WatchEvent<T>) => void;
  /** lists anew and gives the resourceVersion of that list; called when the server no longer has our version */
  relist: () => Promise<string>;
  signal: AbortSignal;
  /** how long the API server may be away; default 60 s */
  patienceMs?: number;
};

/**
 * Every event exactly once and in order, since a watch is resumed at the last version seen. Resolves when `signal` aborts; throws when
 * the API server stays away longer than the patience.
 */
export async function follow<T extends KubeObject>(kube: Kube, options: Follow<T>): Promise<void> {
  const { path, on, relist, signal, patienceMs = 60_000 } = options;
  let position = options.from;
  let lastAnswer = performance.now();
  while (!signal.aborted) {
    try {
      for await (const event of kube.watch<T>(path, position, signal)) {
        lastAnswer = performance.now();
        if (event.type === 'ERROR') {
          position = await relist();
          break;
        }
        position = event.object.metadata.resourceVersion ?? position;
        if (event.type !== 'BOOKMARK') on(event);
      }
      lastAnswer = performance.now();
    } catch (error) {
      if (signal.aborted) return;
      if (performance.now() - lastAnswer > patienceMs) throw error;
      await sleep(100);
    }
  }
}
