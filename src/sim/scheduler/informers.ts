/** What a scheduler hears from the API, and where it goes: the cache knows it, the queue is told what it may be good for. */
import { inlineDecoder } from '../../kube/inline-decoder.ts';
import type { Clock, Rng, Transport } from '../../kube/ports.ts';
import { Reflector } from '../../kube/reflector.ts';
import { isObject, type KubeObject } from '../api/object.ts';
import { type Budget, readBudget } from './budgets.ts';
import { nodeChanges, podChanges } from './changes.ts';
import type { ClusterCache } from './cluster-cache.ts';
import type { PodGroups } from './pod-groups.ts';
import { type PodInfo, readPodInfo } from './pod-info.ts';
import type { SchedulingQueue } from './queue.ts';

export type InformersOptions = {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly cache: ClusterCache;
  readonly queue: SchedulingQueue;
  readonly isOurs: (info: PodInfo) => boolean;
  /** null: the feature is off */
  readonly groups: PodGroups | null;
  readonly onError?: (error: Error) => void;
};

export class Informers {
  readonly #options: InformersOptions;
  readonly #budgets = new Map<string, Budget>();
  readonly #reflectors: readonly Reflector<KubeObject>[];

  constructor(options: InformersOptions) {
    this.#options = options;
    const { cache, groups, queue } = options;
    this.#reflectors = [
      this.#reflector(
        '/api/v1/nodes',
        (node) => this.#nodeChanged(node),
        ({ name }) => {
          cache.removeNode(name);
          queue.event({ kind: 'node-removed' });
        },
      ),
      this.#reflector(
        '/api/v1/pods',
        (pod) => this.#podChanged(pod),
        ({ uid }) => this.#podGone(uid),
      ),
      this.#reflector(
        '/apis/policy/v1/poddisruptionbudgets',
        (budget) => this.#budgets.set(budget.metadata.uid, readBudget(budget)),
        ({ uid }) => this.#budgets.delete(uid),
      ),
    ];
    if (groups === null) return;
    const recheck = (namespace: string, name: string) =>
      queue.recheck((info) => info.group === name && info.namespace === namespace);
    this.#reflectors = [
      ...this.#reflectors,
      this.#reflector(
        '/apis/scheduling.k8s.io/v1beta1/podgroups',
        (group) => {
          groups.upsert(group);
          recheck(group.metadata.namespace ?? '', group.metadata.name);
        },
        ({ namespace, name }) => groups.remove(namespace, name),
      ),
    ];
  }

  readonly budgets = (): readonly Budget[] => [...this.#budgets.values()];

  /** Resolves when all have listed. */
  async start(): Promise<void> {
    for (const reflector of this.#reflectors) reflector.start();
    await Promise.all(this.#reflectors.map((reflector) => reflector.whenSynced()));
  }

  async stop(): Promise<void> {
    await Promise.all(this.#reflectors.map((reflector) => reflector.stop()));
  }

  #reflector(
    path: string,
    changed: (object: KubeObject) => void,
    gone: (key: { namespace: string; name: string; uid: string }) => void,
  ): Reflector<KubeObject> {
    const { transport, clock, rng, onError } = this.#options;
    return new Reflector<KubeObject>({
      transport,
      clock,
      rng,
      path,
      decoder: inlineDecoder((object) => (isObject(object) ? (object as KubeObject) : null)),
      sink: { upsert: (item) => changed(item.object), remove: gone, synced: () => {} },
      ...(onError ? { onError } : {}),
    });
  }

  #nodeChanged(node: KubeObject): void {
    const { cache, queue } = this.#options;
    const before = cache.nodes.get(node.metadata.name)?.node;
    const state = cache.upsertNode(node);
    if (before === undefined) {
      queue.event({ kind: 'node-added', node: state });
      return;
    }
    const changes = nodeChanges(before, node);
    if (changes.size > 0) queue.event({ kind: 'node-updated', node: state, changes });
  }

  #podChanged(pod: KubeObject): void {
    const { cache, queue, isOurs } = this.#options;
    const info = readPodInfo(pod);
    const before = cache.pods.get(info.uid);
    cache.upsertPod(info);
    if (info.node !== '' || info.terminal) {
      queue.remove(info.uid);
      if (info.node !== '' && !(before?.terminal && info.terminal)) {
        const kind = info.terminal ? 'assigned-pod-deleted' : before?.node ? 'assigned-pod-updated' : 'pod-assigned';
        queue.event({ kind, pod: info });
      }
    } else if (info.terminating) {
      queue.remove(info.uid);
    } else if (isOurs(info) && !cache.assumed.has(info.uid)) {
      queue.upsert(info, before ? podChanges(before.pod, pod) : new Set());
    }
    // room that was kept for this pod is free for others
    if (before && before.nominated !== '' && before.nominated !== info.nominated && info.node === '')
      queue.event({ kind: 'assigned-pod-deleted', pod: before });
    if (before === undefined && info.group !== '') queue.recheck((one) => one.group === info.group);
  }

  #podGone(uid: string): void {
    const { cache, queue } = this.#options;
    const info = cache.removePod(uid);
    queue.remove(uid);
    if (info && (info.node !== '' || info.nominated !== '')) queue.event({ kind: 'assigned-pod-deleted', pod: info });
  }
}
