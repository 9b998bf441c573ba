/**
 * The whole embedded cluster in one place: the API, its nodes, and the parts that keep it alive (kubelets, schedulers, small
 * controllers), each with a connection of its own. Time, chance and every way out come in. Nothing here listens on a port:
 * `api/server.ts` serves `cluster.api`.
 */
import type { Clock, Rng, Transport } from '../kube/ports.ts';
import { readStatus } from '../kube/status-error.ts';
import { Api, type ApiOptions } from './api/api.ts';
import { inProcess } from './api/in-process.ts';
import type { JsonObject } from './api/object.ts';
import type { StartController } from './controllers/controller.ts';
import { startDeployments } from './controllers/deployments.ts';
import { startDisruptionController } from './controllers/disruption.ts';
import { startEventExpiry } from './controllers/event-expiry.ts';
import { startGarbageCollector } from './controllers/garbage-collector.ts';
import { startJobs } from './controllers/jobs.ts';
import { startNamespaceController } from './controllers/namespaces.ts';
import { startNodeLifecycle } from './controllers/node-lifecycle.ts';
import { startPodGc } from './controllers/pod-gc.ts';
import { startReplicaSets } from './controllers/replica-sets.ts';
import { startResourceQuotas } from './controllers/resource-quotas.ts';
import { startRoleAggregation } from './controllers/role-aggregation.ts';
import { startServiceAccounts } from './controllers/service-accounts.ts';
import { startStatefulSets } from './controllers/stateful-sets.ts';
import { EventLog } from './event-log.ts';
import { Kubelet } from './kubelet/kubelet.ts';
import type { NodeObjects } from './nodes.ts';
import type { ExtenderConfig } from './scheduler/extender.ts';
import { Scheduler } from './scheduler/scheduler.ts';

/** One kube-scheduler: the names of its profiles and the extenders it calls. */
export type SchedulerSpec = {
  readonly schedulerNames: readonly string[];
  readonly extenders: readonly ExtenderConfig[];
};

export type ClusterOptions = {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly newUid: () => string;
  readonly nodes: readonly NodeObjects[];
  readonly schedulers: readonly SchedulerSpec[];
  /** false: bound pods stay pending */
  readonly kubelet?: boolean;
  /** false: nothing of kube-controller-manager runs */
  readonly controllers?: boolean;
  /** false: kubelets and controllers write no Events; the scheduler always does */
  readonly events?: boolean;
  readonly api?: Omit<ApiOptions, 'clock' | 'newUid'>;
  /** a connection of a part to the API; default: without sockets */
  readonly connect?: (api: Api, part: string) => Promise<Transport>;
  /** what a part would only log */
  readonly onError: (error: Error) => void;
};

/** kube-controller-manager, as far as it is modelled; the name is the part's User-Agent */
const CONTROLLERS: Readonly<Record<string, StartController>> = {
  'service-account-controller': startServiceAccounts,
  'clusterrole-aggregation-controller': startRoleAggregation,
  'namespace-controller': startNamespaceController,
  'generic-garbage-collector': startGarbageCollector,
  'disruption-controller': startDisruptionController,
  'node-controller': startNodeLifecycle,
  'pod-garbage-collector': startPodGc,
  'replicaset-controller': startReplicaSets,
  'deployment-controller': startDeployments,
  'statefulset-controller': startStatefulSets,
  'job-controller': startJobs,
  'resourcequota-controller': startResourceQuotas,
  'event-expiry': startEventExpiry,
};

/** What runs beside the API. `start` resolves when it knows the cluster. */
type Part = { start(): Promise<void>; stop(): Promise<void> };

const TIMEOUT_MS = 10_000;
const KUBERNETES: JsonObject = {
  metadata: { name: 'kubernetes', labels: { component: 'apiserver', provider: 'kubernetes' } },
  spec: { clusterIP: '10.96.0.1', ports: [{ name: 'https', port: 443, targetPort: 6443 }] },
};
/** containers heed SIGTERM, and the work of a Job is short: what their pods do not say otherwise */
const LIFE = { heartbeats: true, stopMs: 1_000, jobRunMs: 3_000 } as const;

export class Cluster {
  readonly api: Api;
  readonly #options: ClusterOptions;
  readonly #stops: (() => Promise<void>)[] = [];

  /** Only the API yet: the place for `restore`. */
  constructor(options: ClusterOptions) {
    this.#options = options;
    this.api = new Api({ ...options.api, clock: options.clock, newUid: options.newUid });
  }

  /** Creates the nodes that are not there, then starts all parts. When one does not start, what had started is stopped. */
  async start(): Promise<void> {
    const { clock, rng, onError, schedulers, kubelet = true, controllers = true, events = true } = this.#options;
    try {
      const shared = async (part: string) => {
        const transport = await this.#connect(part);
        if (!events) return { transport, clock, rng, onError };
        const log = new EventLog({ transport, clock, component: part });
        this.#stops.push(() => log.drain());
        return { transport, clock, rng, onError, tell: log.tell };
      };
      await this.#createFirst(await this.#connect('cluster'));
      if (controllers) {
        for (const [part, start] of Object.entries(CONTROLLERS)) {
          const controller = await start(await shared(part));
          this.#stops.push(() => controller.stop());
        }
      }
      for (const spec of schedulers) await this.startScheduler(spec);
      if (kubelet) await this.#run(new Kubelet({ ...(await shared('kubelet')), ...LIFE }));
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** One more kube-scheduler: for extenders that need the API before they can be asked. */
  async startScheduler(spec: SchedulerSpec): Promise<void> {
    const { clock, rng, onError } = this.#options;
    const transport = await this.#connect('kube-scheduler');
    await this.#run(new Scheduler({ transport, clock, rng, onError, ...spec }));
  }

  /** In the opposite order of starting. */
  async stop(): Promise<void> {
    for (const stop of this.#stops.splice(0).toReversed()) await stop();
  }

  async #run(part: Part): Promise<void> {
    this.#stops.push(() => part.stop());
    await part.start();
  }

  async #connect(part: string): Promise<Transport> {
    const transport = await (this.#options.connect?.(this.api, part) ?? inProcess(this.api, part));
    this.#stops.push(() => transport.close());
    return transport;
  }

  /** The nodes, and the Service by which pods find the API. */
  async #createFirst(transport: Transport): Promise<void> {
    const create = async (path: string, body: JsonObject) => {
      const answer = await transport.request({ method: 'POST', path, body, timeoutMs: TIMEOUT_MS });
      // a restored cluster has them already
      if (answer.status >= 300 && answer.status !== 409) throw new Error(`POST ${path}: ${readStatus(answer).message}`);
    };
    await create('/api/v1/namespaces/default/services', KUBERNETES);
    for (const { node, slices } of this.#options.nodes) {
      await create('/api/v1/nodes', node);
      for (const slice of slices) await create('/apis/resource.k8s.io/v1/resourceslices', slice);
    }
  }
}
