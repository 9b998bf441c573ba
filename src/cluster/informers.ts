/**
 * Feeds the picture from the API server: one reflector per kind. Pods, nodes and ResourceSlices are decoded on the decode
 * thread, the few others here; PodGroups of every CRD that is served: gangs/informers.ts. `whenSynced` is what readiness waits for.
 */
import type { NodeFacts } from '../core/placement/node-facts.ts';
import { backoffMs } from '../kube/backoff.ts';
import { type Decoder, moduleBeside } from '../kube/decoder.ts';
import type { Sink } from '../kube/delivered.ts';
import { ReflectorError } from '../kube/errors.ts';
import { inlineDecoder } from '../kube/inline-decoder.ts';
import { type LeaseFacts, leaseSelector, leasesPath, projectLease } from '../kube/lease.ts';
import type { Clock, Rng, Transport } from '../kube/ports.ts';
import { Reflector, type ReflectorStats } from '../kube/reflector.ts';
import type { DecodeThread } from '../kube/worker-decoder.ts';
import { GangInformers } from './gangs/informers.ts';
import { NodeInventory } from './inventory/node-inventory.ts';
import type { Told } from './kept/kinds.ts';
import { toldCollection } from './kept/telling.ts';
import type { Picture } from './picture.ts';
import { type NodeObject, projectNode } from './projection/node.ts';
import { type PdbObject, projectPdb } from './projection/pdb.ts';
import { projectPod, projectPodAliyunMib } from './projection/pod.ts';
import { GPU_DRIVER, projectSlice, type SliceObject } from './projection/slice.ts';

export type InformerOptions = {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly rng: Rng;
  /** null: everything is decoded on this thread (deterministic runs) */
  readonly thread: DecodeThread | null;
  /** the scheduler's Lease; null when leadership does not follow one */
  readonly lease: { readonly namespace: string; readonly name: string } | null;
  readonly aliyunUnit: 'MiB' | 'GiB';
  readonly onLease: (lease: LeaseFacts | null) => void;
  /** a node's facts or status changed; null: it is gone */
  readonly onNode: (name: string) => void;
  readonly onError: (kind: string, error: ReflectorError) => void;
  /** a recording: hears every object just before the picture does */
  readonly told?: Told | undefined;
};

const SLICES = '/apis/resource.k8s.io/v1';
const DISCOVERY_TIMEOUT_MS = 10_000;

export class Informers {
  readonly inventory: NodeInventory;
  readonly #picture: Picture;
  readonly #options: InformerOptions;
  readonly #reflectors = new Map<string, Reflector<unknown>>();
  readonly #gangs: GangInformers;

  constructor(picture: Picture, options: InformerOptions) {
    this.#picture = picture;
    this.#options = options;
    this.#gangs = new GangInformers(picture, options);
    this.inventory = new NodeInventory((name: string, facts: NodeFacts | null) => {
      picture.nodes.setFacts(name, facts);
      options.onNode(name);
    });
  }

  /** Starts everything; resolves when every kind has been listed once. */
  async start(): Promise<void> {
    const { inventory } = this;
    const podProjection = this.#options.aliyunUnit === 'MiB' ? projectPodAliyunMib : projectPod;
    const { lease } = this.#options;
    this.#add<NodeObject>('nodes', '/api/v1/nodes', this.#threaded('projection/node', 'projectNode', projectNode), {
      upsert: ({ object }) => inventory.upsertNode(object),
      remove: ({ name }) => inventory.removeNode(name),
    });
    this.#add('pods', '/api/v1/pods', this.#threaded('projection/pod', podProjection.name, podProjection), {
      upsert: ({ object, resourceVersion }) => this.#picture.upsertPod(object, resourceVersion),
      remove: ({ uid }) => this.#picture.removePod(uid),
    });
    this.#add<PdbObject>('poddisruptionbudgets', '/apis/policy/v1/poddisruptionbudgets', inlineDecoder(projectPdb), {
      upsert: ({ object }) => this.#picture.upsertBudget(object),
      remove: ({ namespace, name }) => this.#picture.removeBudget(namespace, name),
    });
    if (lease !== null) {
      this.#add<LeaseFacts>(
        'leases',
        leasesPath(lease.namespace),
        inlineDecoder(projectLease),
        {
          upsert: ({ object }) => this.#options.onLease(object),
          remove: () => this.#options.onLease(null),
        },
        leaseSelector(lease.name),
      );
    }
    if (await this.#servesSlices()) {
      this.#add<SliceObject>(
        'resourceslices',
        `${SLICES}/resourceslices`,
        this.#threaded('projection/slice', 'projectSlice', projectSlice),
        {
          upsert: ({ object }) => inventory.upsertSlice(object),
          remove: ({ name }) => inventory.removeSlice(name),
        },
        `spec.driver=${GPU_DRIVER}`,
      );
    }
    await Promise.all([
      this.#gangs.start(),
      ...[...this.#reflectors.values()].map((reflector) => reflector.whenSynced()),
    ]);
  }

  get synced(): boolean {
    return this.#reflectors.size > 0 && [...this.#reflectors.values()].every((reflector) => reflector.hasSynced);
  }

  /** Lists again what decisions rest on; resolves when the picture shows everything that was true when this was called. */
  async relist(): Promise<void> {
    const kinds = ['nodes', 'pods', 'resourceslices', 'poddisruptionbudgets'];
    await Promise.all(kinds.map((kind) => this.#reflectors.get(kind)?.relist()));
  }

  stats(): ReadonlyMap<string, ReflectorStats> {
    return new Map([
      ...[...this.#reflectors].map(([kind, { stats }]) => [kind, stats] as const),
      ...this.#gangs.stats(),
    ]);
  }

  async stop(): Promise<void> {
    await Promise.all([this.#gangs.stop(), ...[...this.#reflectors.values()].map((reflector) => reflector.stop())]);
  }

  #add<T>(
    kind: string,
    path: string,
    decoder: Decoder<T>,
    sink: Omit<Sink<T>, 'synced'>,
    fieldSelector?: string,
  ): void {
    const { transport, clock, rng, onError, told, thread, aliyunUnit } = this.#options;
    const heard = { ...sink, synced: () => {} };
    const shared = {
      transport,
      clock,
      rng,
      path,
      onError: (error: ReflectorError) => onError(kind, error),
      ...(fieldSelector !== undefined && { fieldSelector }),
    };
    const recorded = told === undefined ? null : toldCollection(kind, heard, told, { thread, aliyunUnit });
    const reflector =
      recorded === null
        ? new Reflector<T>({ ...shared, decoder, sink: heard })
        : new Reflector({ ...shared, ...recorded });
    this.#reflectors.set(kind, reflector as Reflector<unknown>);
    reflector.start();
  }

  #threaded<T>(module: string, name: string, project: (object: unknown) => T | null): Decoder<T> {
    const { thread } = this.#options;
    if (thread === null) return inlineDecoder(project);
    return thread.decoder<T>({ module: moduleBeside(import.meta.url, `./${module}`), name });
  }

  /** Clusters without DRA have no such kind; asking for it for ever would never sync. */
  async #servesSlices(): Promise<boolean> {
    for (let failures = 0; ; failures++) {
      try {
        const { status } = await this.#options.transport.request({
          method: 'GET',
          path: SLICES,
          timeoutMs: DISCOVERY_TIMEOUT_MS,
        });
        // 401 and 403 may pass (a token just renewed, a webhook away); devices must not be missed for good because of them
        if (status === 200 || status === 404) return status === 200;
        const message = `cannot tell whether ${SLICES} is served: HTTP status ${status}`;
        this.#options.onError('resourceslices', new ReflectorError('status', message));
      } catch {
        // the reflectors report that the server cannot be reached; here only the answer counts
      }
      await new Promise<void>((resolve) =>
        this.#options.clock.after(backoffMs(failures + 1, null, this.#options.rng), resolve),
      );
    }
  }
}
