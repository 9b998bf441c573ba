/** The seam between the server and the cached picture: books fed by informers, as the server needs them. */
import { Books } from '../cluster/books.ts';
import { type Condition, conditionOf } from '../cluster/condition.ts';
import type { Decider } from '../cluster/decider.ts';
import { Informers } from '../cluster/informers.ts';
import { Picture } from '../cluster/picture.ts';
import type { Planner } from '../cluster/planner.ts';
import { projectPod, projectPodAliyunMib } from '../cluster/projection/pod.ts';
import type { Device } from '../core/gpu/device.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import type { LeaseFacts } from '../kube/lease.ts';
import type { Clock, Rng, Transport } from '../kube/ports.ts';
import type { DecodeThread } from '../kube/worker-decoder.ts';
import type { ProjectPod } from './codec/requests.ts';
import type { ExtenderConfig } from './config.ts';
import { NodeCapacity } from './node-capacity.ts';
import type { Recorder } from './record/recorder.ts';

export type PictureParts = {
  readonly decider: Decider;
  /** what the placer asks */
  readonly planner: Planner;
  /** what the decider rests on, for audits */
  readonly picture: Picture;
  readonly projectPod: ProjectPod;
  /** resolves when everything was listed once and what must be restored from it is restored */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Lists again; resolves when the picture holds everything that was true when this was called, restored parts included. */
  refresh(): Promise<void>;
  synced(): boolean;
  devices(node: string): readonly Device[];
  /** about once a second: ends holds that are past their deadline */
  sweep(): void;
  /** landed Bindings that no informer shows */
  overdue(): readonly PodFacts[];
  /** refused pods that fit by now and that kube-scheduler does not try by itself */
  toWake(): readonly PodFacts[];
  /** this extender began to decide, or ceased to */
  onDeciding(deciding: boolean): void;
  holdsByCause(): Readonly<Record<string, number>>;
  /** O(nodes): for scrapes and people */
  condition(): Condition;
  waiting(): { pods: number; onlyFragmentation: number };
  cacheAgeSeconds(): ReadonlyMap<string, number>;
  relists(): ReadonlyMap<string, number>;
};

export type PictureOptions = {
  readonly config: ExtenderConfig;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly rng: Rng;
  /** null: decode on this thread (deterministic runs) */
  readonly thread: DecodeThread | null;
  readonly onLease: (lease: LeaseFacts | null) => void;
  readonly mayWrite: () => boolean;
  readonly onProblem: (message: string, details: object) => void;
  /** waiting pods that were refused and have a place since, by a plan of their gang */
  readonly onPlanned: (pods: readonly PodFacts[]) => void;
  readonly record?: Recorder | undefined;
};

export type MakePicture = (options: PictureOptions) => PictureParts;

export const makePicture: MakePicture = (options) => {
  const { config, transport, clock, rng, thread, onProblem, record } = options;
  const picture = new Picture();
  const made = new Books(picture, record?.turnClock ?? clock, {
    nodePolicy: config.nodePolicy,
    devicePolicy: config.devicePolicy,
    holdMs: config.holdSeconds * 1000,
    envGuard: config.envGuard,
    placer: config.placer.enabled,
  });
  made.onPlanned = options.onPlanned;
  const books = record?.books(made) ?? made;
  const project = config.aliyunUnit === 'MiB' ? projectPodAliyunMib : projectPod;
  const informers = new Informers(picture, {
    transport,
    clock,
    rng,
    thread,
    lease: config.leadership === 'lease' ? config.lease : null,
    aliyunUnit: config.aliyunUnit,
    onLease: options.onLease,
    onNode: (name) => capacity.touch(name),
    onError: (kind, { code, message }) => onProblem('informer', { kind, code, message }),
    told: record,
  });
  const capacity = new NodeCapacity({
    transport,
    clock,
    rng,
    inventory: informers.inventory,
    mayWrite: options.mayWrite,
    onFailure: (node, status) => onProblem('gpu-milli not written', { node, status }),
  });
  let restored = false;
  return {
    decider: books,
    planner: books,
    picture,
    projectPod: record?.projectPod(project) ?? project,
    async start() {
      await informers.start();
      books.restorePlans(clock.now());
      books.restoreAwaiting();
      restored = true;
    },
    async refresh() {
      await informers.relist();
      books.restorePlans(clock.now());
      books.restoreAwaiting();
    },
    async stop() {
      capacity.stop();
      await informers.stop();
    },
    synced: () => restored && informers.synced,
    devices: (node) => picture.nodes.get(node)?.facts?.devices ?? [],
    sweep: () => books.sweep(),
    overdue: () => books.overdue(),
    toWake: () => books.toWake(),
    onDeciding(deciding) {
      if (deciding) capacity.touchAll();
    },
    holdsByCause: () => picture.holds.countByCause(),
    condition: () => conditionOf(picture, informers.inventory),
    waiting: () => picture.waiting(),
    cacheAgeSeconds() {
      const now = clock.monotonic();
      const ages = new Map<string, number>();
      for (const [kind, { lastEventMonotonic }] of informers.stats()) {
        if (lastEventMonotonic !== null) ages.set(kind, (now - lastEventMonotonic) / 1000);
      }
      return ages;
    },
    relists: () => new Map([...informers.stats()].map(([kind, { relists }]) => [kind, relists])),
  };
};
