/** The cluster that is scheduled: nodes of eight devices, and pods of mixed shares as the webhook leaves them. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ControlPlane } from '../../test/e2e/harness/control-plane.ts';
import { install } from '../../test/e2e/harness/deploy.ts';
import { account, waitForWebhook } from '../../test/e2e/harness/installed.ts';
import type { Node, Pod } from '../../test/e2e/harness/kube.ts';
import { Muster } from '../../test/e2e/harness/muster.ts';
import { fraction, memory, type PodOptions, pod } from '../../test/e2e/harness/pods.ts';
import { inParallel } from './in-parallel.ts';

const DEVICES = 8;
const MODEL = 'NVIDIA-A100-SXM4-80GB';
const MIB = 81_920;
const PODS = '/api/v1/namespaces/default/pods';

/** 1 CPU and 1 GiB as in the measurements that the targets come from; the shares are what Muster has to decide on. */
const OPTIONS: PodOptions = { requests: { cpu: '1', memory: '1Gi' } };
const SHAPES: readonly ((name: string) => Pod)[] = [
  (name) => fraction(name, '0.5', OPTIONS),
  (name) => fraction(name, '0.25', OPTIONS),
  (name) => memory(name, '8Gi', OPTIONS),
  (name) => fraction(name, '0.5', OPTIONS),
  (name) => fraction(name, '0.1', OPTIONS),
  (name) => fraction(name, '1', OPTIONS),
  (name) => fraction(name, '0.25', OPTIONS),
];
const PLAIN = (name: string): Pod => pod(name, OPTIONS);
const EIGHT = (name: string): Pod =>
  pod(name, { ...OPTIONS, annotations: { 'muster.dev/gpu-count': String(DEVICES) } });
const GATE = 'muster.dev/placement';
/** nodes that share a value of the label `pool` */
export const POOL = 10;

/** One pod to be made. */
export type Wanted = {
  readonly name: string;
  /** whole nodes, a tenth of a GPU, or one of the mixed shares, by number */
  readonly shape: 'eight' | 'tenth' | number;
  readonly gated?: boolean;
  readonly gang?: { readonly name: string; readonly members: number };
  readonly pool?: string;
};
/** the shape of a tenth among SHAPES */
const TENTH = 4;

export class Cluster {
  readonly plane: ControlPlane;
  readonly nodes: readonly string[];
  /** as admitted, without names of their own */
  readonly #admitted: { readonly shares: readonly Pod[]; readonly plain: Pod; readonly eight: Pod };

  private constructor(plane: ControlPlane, nodes: readonly string[], admitted: readonly Pod[]) {
    this.plane = plane;
    this.nodes = nodes;
    this.#admitted = { shares: admitted.slice(0, -2), plain: admitted.at(-2)!, eight: admitted.at(-1)! };
  }

  /** Everything of deploy/ is installed; nothing of Muster runs when it resolves. */
  static async start(nodeCount: number, say: (line: string) => void): Promise<Cluster> {
    say('starting etcd and kube-apiserver');
    const plane = await ControlPlane.start({ serviceAccounts: [account] });
    try {
      const nodes = Array.from({ length: nodeCount }, (_, at) => `node-${String(at).padStart(5, '0')}`);
      await inParallel(nodes, (name, at) => plane.admin.create(nodeObject(name, Math.floor(at / POOL))));
      say(`${nodeCount} nodes made`);
      const muster = await Muster.start(plane, { name: 'muster-webhook', account });
      await install(plane.admin, { webhookPort: muster.webhookPort });
      await muster.ready(180_000);
      await waitForWebhook(plane.admin, muster);
      const admitted = await Promise.all(
        [...SHAPES, PLAIN, EIGHT].map((shape) => plane.admin.expect<Pod>('POST', `${PODS}?dryRun=All`, shape('shape'))),
      );
      await muster.stop();
      // Pods are made from what it answered, so that making them costs every run the same; the guard stays.
      await plane.admin.remove('/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/muster-webhook');
      return new Cluster(plane, nodes, admitted);
    } catch (error) {
      await plane.stop();
      throw error;
    }
  }

  /** Pods that wait for a kube-scheduler, `plainPercent` of them without GPUs. */
  async fill(
    count: number,
    prefix: string,
    { plainPercent, gated }: { plainPercent: number; gated: boolean },
  ): Promise<Pod[]> {
    const names = Array.from({ length: count }, (_, at) => `${prefix}-${at}`);
    return await inParallel(names, (name, at) => {
      const plain = Math.floor(((at + 1) * plainPercent) / 100) > Math.floor((at * plainPercent) / 100);
      return plain ? this.plane.admin.create(named(this.#admitted.plain, name)) : this.make({ name, shape: at, gated });
    });
  }

  /** As the webhook would have left it: a member of a gang is gated where `gated` says so. */
  make({ name, shape, gated = false, gang, pool }: Wanted): Promise<Pod> {
    const { shares, eight } = this.#admitted;
    const made = named(shape === 'eight' ? eight : shares[shape === 'tenth' ? TENTH : shape % shares.length]!, name);
    if (gang !== undefined) {
      made.metadata.labels = { ...made.metadata.labels, 'muster.dev/pod-group': gang.name };
      made.metadata.annotations = { ...made.metadata.annotations, 'muster.dev/min-member': String(gang.members) };
    }
    const gates = gated ? { schedulingGates: [{ name: GATE }] } : {};
    made.spec = { ...made.spec, ...gates, ...(pool !== undefined && { nodeSelector: { pool } }) };
    return this.plane.admin.create(made);
  }

  /** Deletes all pods and waits until they are gone. */
  async clear(): Promise<void> {
    const kube = this.plane.admin;
    for (;;) {
      const { items } = await kube.list<Pod>(PODS);
      if (items.length === 0) return;
      await inParallel(items, ({ metadata }) => kube.remove(`${PODS}/${metadata.name}`, 0));
      await sleep(100);
    }
  }

  async stop(): Promise<void> {
    await this.plane.stop();
  }
}

/** Pods that must be given devices. */
export const wantsDevices = ({ metadata }: Pod): boolean => metadata.annotations?.['muster.dev/request'] !== undefined;

function named(admitted: Pod, name: string): Pod {
  const { labels, annotations } = admitted.metadata;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', ...(labels && { labels }), ...(annotations && { annotations }) },
    spec: admitted.spec,
  };
}

/** As kubelet registers it and Muster leaves it: its sum of shares is there already. */
function nodeObject(name: string, pool: number): Node {
  const resources = {
    cpu: '64',
    memory: '256Gi',
    pods: '110',
    'ephemeral-storage': '100Gi',
    'muster.dev/gpu-milli': String(1000 * DEVICES),
  };
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: {
        'kubernetes.io/hostname': name,
        pool: `p${pool}`,
        'muster.dev/managed': 'true',
        'nvidia.com/gpu.present': 'true',
        'nvidia.com/gpu.count': String(DEVICES),
        'nvidia.com/gpu.memory': String(MIB),
        'nvidia.com/gpu.product': MODEL,
      },
    },
    status: {
      capacity: resources,
      allocatable: resources,
      conditions: [{ type: 'Ready', status: 'True' }],
    },
  };
}
