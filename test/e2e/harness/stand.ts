/**
 * A whole installation in one call: control plane, everything deploy/ ships, nodes, Muster as its own service account, one
 * kube-scheduler before it, the kubelet model and the audit. Scenario tests say only what is special about theirs.
 */
import { expect } from 'vitest';
import { Audit, type AuditReport } from './audit.ts';
import { ControlPlane, type ControlPlaneOptions, type Scheduler, type SchedulerOptions } from './control-plane.ts';
import { install, schedulerConfigurations } from './deploy.ts';
import { account, waitForGpuMilli, waitForWebhook } from './installed.ts';
import type { Kube, KubeObject, Pod } from './kube.ts';
import { Kubelet } from './kubelet.ts';
import { Muster } from './muster.ts';
import { createNode, type NodeSpec } from './nodes.ts';
import { runningProcesses } from './process.ts';
import { LoopbackProxy } from './proxy.ts';
import { waitFor } from './wait.ts';

export { account, waitForGpuMilli, waitForWebhook };

export type StandOptions = {
  nodes: readonly NodeSpec[];
  /** extender settings of this scenario, e.g. {shortList: 8} */
  settings?: Record<string, unknown>;
  plane?: ControlPlaneOptions;
  /** false: annotations alone, no webhook is waited for (with `envGuard: false` in the settings) */
  webhook?: boolean;
  /** kube-scheduler looks at a part of the nodes, as it does by default */
  sampling?: boolean;
  /** puts a proxy between Muster and the API server */
  apiProxy?: boolean;
  /** further kube-scheduler flags */
  schedulerArgs?: readonly string[];
  /** what the cluster has before Muster starts, e.g. CRDs of others */
  before?: readonly KubeObject[];
};

export class Stand {
  readonly plane: ControlPlane;
  readonly muster: Muster;
  scheduler: Scheduler;
  /** between kube-scheduler and Muster: what was really called */
  readonly verbs: LoopbackProxy;
  readonly api: LoopbackProxy | null;
  readonly kubelet: Kubelet;
  readonly audit: Audit;
  #audited: AuditReport | null = null;

  private constructor(
    parts: Omit<Stand, 'admin' | 'finish' | 'stop' | 'create' | 'bound' | 'logs' | 'killAndRestartScheduler'>,
  ) {
    this.plane = parts.plane;
    this.muster = parts.muster;
    this.scheduler = parts.scheduler;
    this.verbs = parts.verbs;
    this.api = parts.api;
    this.kubelet = parts.kubelet;
    this.audit = parts.audit;
  }

  static async start(options: StandOptions): Promise<Stand> {
    const plane = await ControlPlane.start({
      ...options.plane,
      serviceAccounts: [account, ...(options.plane?.serviceAccounts ?? [])],
    });
    try {
      for (const object of options.before ?? []) await plane.admin.create(object);
      for (const node of options.nodes) await createNode(plane.admin, node);
      const api = options.apiProxy === true ? await LoopbackProxy.start({ to: plane.url, ca: plane.ca }) : null;
      const muster = await Muster.start(plane, {
        name: 'muster-a',
        account,
        ...(api === null ? {} : { server: api.url }),
        ...(options.settings === undefined ? {} : { settings: options.settings }),
      });
      await install(plane.admin, { webhookPort: muster.webhookPort });
      await muster.ready();
      const managed = options.nodes.filter((node) => node.managed ?? true);
      await waitForGpuMilli(plane.admin, managed, muster);
      if (options.webhook ?? true) await waitForWebhook(plane.admin, muster);
      const verbs = await LoopbackProxy.start({ to: muster.url });
      const scheduler = await plane.startScheduler({
        ...ownScheduler(verbs, options.sampling),
        args: options.schedulerArgs ?? [],
      });
      const kubelet = await Kubelet.start(plane.admin);
      const audit = await Audit.start(plane.admin);
      return new Stand({ plane, muster, scheduler, verbs, api, kubelet, audit });
    } catch (error) {
      for (const each of runningProcesses()) if (each.name.startsWith('muster')) await each.killHard();
      await plane.stop();
      throw error;
    }
  }

  get admin(): Kube {
    return this.plane.admin;
  }

  async killAndRestartScheduler(): Promise<void> {
    await this.scheduler.process.killHard();
    this.scheduler = await this.plane.startScheduler(ownScheduler(this.verbs));
  }

  /** Creates pods, `parallel` calls at a time. */
  async create(pods: readonly Pod[], parallel = 16): Promise<Pod[]> {
    const created: Pod[] = [];
    for (let at = 0; at < pods.length; at += parallel) {
      created.push(...(await Promise.all(pods.slice(at, at + parallel).map((pod) => this.admin.create(pod)))));
    }
    return created;
  }

  /** Waits until all these pods have a node; gives them as they are then. */
  async bound(names: readonly string[], timeoutMs = 60_000): Promise<Map<string, Pod>> {
    let missing: string[] = [];
    return await waitFor(
      async () => {
        const { items } = await this.admin.list<Pod>('/api/v1/namespaces/default/pods');
        const pods = new Map(items.map((pod) => [pod.metadata.name, pod]));
        missing = names.filter((name) => pods.get(name)?.spec.nodeName === undefined);
        if (missing.length > 0) throw new Error(`${missing.length} without a node: ${missing.slice(0, 5).join(', ')}`);
        return pods;
      },
      { for: `${names.length} pods to be bound`, timeoutMs, everyMs: 250, onTimeout: () => this.logs() },
    );
  }

  logs(): string {
    return `${this.muster.process.tail()}\n${this.plane.tails()}`;
  }

  /** Ends the audit and the kubelet and holds them to what every scenario promises. */
  async finish({ mayMissMoments = false } = {}): Promise<AuditReport> {
    this.#audited ??= await this.audit.stop();
    expect(this.#audited).toMatchObject({ violations: [], ...(mayMissMoments ? {} : { gaps: 0 }) });
    expect(this.kubelet.unresolved).toEqual([]);
    return this.#audited;
  }

  async stop(): Promise<void> {
    if (this.#audited === null) await this.audit.stop().catch(() => undefined);
    await this.kubelet.stop();
    await this.muster.stop();
    await this.verbs.stop();
    await this.api?.stop();
    await this.plane.stop();
  }
}

/** the shipped configuration for a process of its own */
function ownScheduler(verbs: LoopbackProxy, sampling = false): SchedulerOptions {
  const { own: shipped } = schedulerConfigurations();
  const { percentageOfNodesToScore: _all, ...sampled } = shipped;
  const own = sampling ? sampled : shipped;
  // Its own dead instance is the only other candidate: a short lease makes the tests quick and changes nothing else.
  const leaderElection = { leaseDuration: '6s', renewDeadline: '4s', retryPeriod: '1s' };
  return { name: 'kube-scheduler', config: own, extenderUrl: verbs.url, user: account, leaderElection };
}
