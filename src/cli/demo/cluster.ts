/**
 * The demo's cluster, all on loopback: the embedded cluster, the same that `muster cluster` serves, and the real extender beside it. Who
 * uses kubectl on it finds Deployments, Jobs and everything else at work.
 */
import { randomUUID } from 'node:crypto';
import { mutatePod } from '../../admission/mutate.ts';
import { SCHEDULER_NAME } from '../../core/names.ts';
import { DEFAULT_DIALECT_OPTIONS } from '../../dialects/reading.ts';
import { nodeClock, nodeRng } from '../../kube/node-adapter.ts';
import type { Clock, Timer, Transport } from '../../kube/ports.ts';
import { readStatus } from '../../kube/status-error.ts';
import { connect } from '../../kube/undici-adapter.ts';
import { ApiError } from '../../sim/api/errors.ts';
import type { JsonObject, KubeObject } from '../../sim/api/object.ts';
import { applyPatchOf, JSON_PATCH } from '../../sim/api/patch.ts';
import { type ApiServer, listen } from '../../sim/api/server.ts';
import type { Admission } from '../../sim/api/writes.ts';
import { Cluster } from '../../sim/cluster.ts';
import { GPU_MODELS, type NodeObjects } from '../../sim/nodes.ts';
import { shippedExtenders } from '../../sim/scheduler/shipped-extenders.ts';
import { Elector, LEASE } from '../../sim/world/elector.ts';
import type { ExtenderChange } from './events.ts';
import type { RunningExtender, StartExtender } from './extender-process.ts';
import { writeKubeconfig } from './kubeconfig.ts';

const TIMEOUT_MS = 10_000;
/** the host that runs kube-scheduler and, beside it, the extender */
const SCHEDULER_HOST = 'demo-control-plane';

const LARGEST_DEVICE_MIB = Math.max(...Object.values(GPU_MODELS).map((model) => model.mib));

/** What the webhook does, as the function that stands for admission in the embedded API. */
const admitPods: Admission = async ({ operation, route, object }) => {
  if (operation !== 'CREATE' || route.resource.kind !== 'Pod' || route.subresource !== '') return object;
  const mutation = mutatePod(object, route.namespace ?? '', {
    schedulerNames: [SCHEDULER_NAME],
    runtimeClassName: null,
    runtimeClassExists: () => false,
    largestDeviceMib: LARGEST_DEVICE_MIB,
    dialects: DEFAULT_DIALECT_OPTIONS,
  });
  if (mutation.kind === 'refused') throw new ApiError('Forbidden', mutation.message);
  return mutation.kind === 'patched' ? (applyPatchOf(JSON_PATCH, object, mutation.patch) as KubeObject) : object;
};

export type ClusterOptions = {
  readonly nodes: readonly NodeObjects[];
  readonly startExtender: StartExtender;
  /** where the kubeconfig and the extender's configuration are written */
  readonly folder: string;
  readonly onExtender: (change: ExtenderChange) => void;
  readonly onError: (error: Error) => void;
};

export class DemoCluster {
  readonly #stops: (() => Promise<void>)[];
  /** the user's connection */
  readonly user: Transport;
  /** for the independent watch */
  readonly watching: Transport;
  readonly url: string;
  /** a file for kubectl */
  readonly kubeconfig: string;
  readonly extender: RunningExtender;

  private constructor(
    parts: Pick<DemoCluster, 'user' | 'watching' | 'url' | 'kubeconfig' | 'extender'>,
    stops: (() => Promise<void>)[],
  ) {
    this.user = parts.user;
    this.watching = parts.watching;
    this.url = parts.url;
    this.kubeconfig = parts.kubeconfig;
    this.extender = parts.extender;
    this.#stops = stops;
  }

  /** Throws when a part does not start; what had started is stopped. */
  static async start({ nodes, startExtender, folder, onExtender, onError }: ClusterOptions): Promise<DemoCluster> {
    const stops: (() => Promise<void>)[] = [];
    try {
      const cluster = new Cluster({
        clock: nodeClock,
        rng: nodeRng,
        newUid: randomUUID,
        nodes,
        // what a user of kubectl creates without thinking of GPUs
        schedulers: [{ schedulerNames: ['default-scheduler'], extenders: [] }],
        api: { admit: admitPods },
        onError,
      });
      const server: ApiServer = await listen(cluster.api);
      stops.push(() => server.close());
      stops.push(() => cluster.stop());
      await cluster.start();
      const kubeconfig = writeKubeconfig(folder, server.url);
      const open = async (url: string, component: string): Promise<Transport> => {
        const transport = await connect({ server: url, component });
        stops.push(() => transport.close());
        return transport;
      };
      const user = await open(server.url, 'demo');
      const electing = await open(server.url, 'kube-scheduler');
      const clock = new EndingClock();
      stops.push(async () => clock.end());
      await new Promise<void>((resolve) => {
        const elector = new Elector({
          transport: electing,
          clock,
          identity: SCHEDULER_HOST,
          onLeading: resolve,
          onLost: () => onError(new Error('the scheduler lost its Lease')),
        });
        void elector.run();
      });
      const leader = { identity: SCHEDULER_HOST, ...LEASE };
      const extender = await startExtender({ apiServer: server.url, kubeconfig, folder, leader, onChange: onExtender });
      stops.push(() => extender.close());
      const verbs = await open(extender.url, 'kube-scheduler');
      await cluster.startScheduler({ schedulerNames: [SCHEDULER_NAME], extenders: shippedExtenders(verbs) });
      // before the extender ends; what is stopped stays so
      stops.push(() => cluster.stop());
      const watching = await open(server.url, 'demo-watch');
      return new DemoCluster({ user, watching, url: server.url, kubeconfig, extender }, stops);
    } catch (error) {
      await stopAll(stops);
      throw error;
    }
  }

  /** Throws with the server's words when it refuses. */
  create(path: string, object: JsonObject): Promise<void> {
    return create(this.user, path, object);
  }

  /** Pods that ended are removed, as a job controller would. */
  async removeEnded(namespace: string): Promise<void> {
    const path = `/api/v1/namespaces/${namespace}/pods?fieldSelector=${encodeURIComponent('status.phase=Succeeded')}`;
    await this.user.request({ method: 'DELETE', path, timeoutMs: TIMEOUT_MS });
  }

  async stop(): Promise<void> {
    await stopAll(this.#stops);
  }
}

async function create(transport: Transport, path: string, object: JsonObject): Promise<void> {
  const answer = await transport.request({ method: 'POST', path, body: object, timeoutMs: TIMEOUT_MS });
  if (answer.status >= 300) throw new Error(`POST ${path}: ${readStatus(answer).message}`);
}

/** The elector runs for ever; its time ends with the cluster. */
class EndingClock implements Clock {
  readonly #timers = new Set<Timer>();
  #ended = false;

  now(): number {
    return nodeClock.now();
  }

  monotonic(): number {
    return nodeClock.monotonic();
  }

  after(ms: number, run: () => void): Timer {
    if (this.#ended) return { cancel() {} };
    const timer = nodeClock.after(ms, () => {
      this.#timers.delete(timer);
      run();
    });
    this.#timers.add(timer);
    return timer;
  }

  end(): void {
    this.#ended = true;
    for (const timer of this.#timers) timer.cancel();
  }
}

/** In the opposite order of starting. */
async function stopAll(stops: readonly (() => Promise<void>)[]): Promise<void> {
  for (const stop of stops.toReversed()) await stop();
}
