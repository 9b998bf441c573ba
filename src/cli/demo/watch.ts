/** The demo's eyes: watches of its own on pods and nodes, each version told as an event. */
import { inlineDecoder } from '../../kube/inline-decoder.ts';
import type { Clock, Rng, Transport } from '../../kube/ports.ts';
import { Reflector } from '../../kube/reflector.ts';
import { isObject, type KubeObject, objectAt } from '../../sim/api/object.ts';
import type { PodFacts } from './events.ts';
import { podFacts } from './project.ts';

export type WatchOptions = {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly onPod: (pod: PodFacts) => void;
  readonly onPodGone: (uid: string) => void;
  readonly onNode: (name: string, cordoned: boolean) => void;
};

export class Watch {
  readonly #reflectors: readonly Reflector<KubeObject>[];

  constructor({ transport, clock, rng, onPod, onPodGone, onNode }: WatchOptions) {
    const reflector = (path: string, upsert: (object: KubeObject) => void, remove: (uid: string) => void) =>
      new Reflector<KubeObject>({
        transport,
        clock,
        rng,
        path,
        decoder: inlineDecoder((object) => (isObject(object) ? (object as KubeObject) : null)),
        sink: { upsert: (item) => upsert(item.object), remove: (key) => remove(key.uid), synced: () => {} },
      });
    this.#reflectors = [
      reflector('/api/v1/pods', (pod) => onPod(podFacts(pod)), onPodGone),
      reflector(
        '/api/v1/nodes',
        (node) => onNode(node.metadata.name, objectAt(node, 'spec').unschedulable === true),
        () => {},
      ),
    ];
  }

  /** Resolves when what is there was told. */
  async start(): Promise<void> {
    for (const reflector of this.#reflectors) reflector.start();
    await Promise.all(this.#reflectors.map((reflector) => reflector.whenSynced()));
  }

  async stop(): Promise<void> {
    await Promise.all(this.#reflectors.map((reflector) => reflector.stop()));
  }
}
