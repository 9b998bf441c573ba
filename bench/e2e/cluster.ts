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

export class Cluster {
  readonly plane: ControlPlane;
  readonly nodes: readonly string[];
  /** as admitted, without a name of its own; the last one wants no GPU */
  readonly #admitted: readonly Pod[];

  private constructor(plane: ControlPlane, nodes: readonly string[], admitted: readonly Pod[]) {
    this.plane = plane;
    this.nodes = nodes;
    this.#admitted = admitted;
  }

  /** Everything of deploy/ is installed; nothing of Muster runs when it resolves. */
  static async start(nodeCount: number, say: (line: string) => void): Promise<Cluster> {
    say('starting etcd and kube-apiserver');
    const plane = await ControlPlane.start({ serviceAccounts: [account] });
    try {
      const nodes = Array.from({ length: nodeCount }, (_, at) => `node-${String(at).padStart(5, '0')}`);
      await inParallel(nodes, (name) => plane.admin.create(nodeObject(name)));
      say(`${nodeCount} nodes made`);
      const muster = await Muster.start(plane, { name: 'muster-webhook', account });
      await install(plane.admin, { webhookPort: muster.webhookPort });
      await muster.ready(180_000);
      await waitForWebhook(plane.admin, muster);
      const admitted = await Promise.all(
        [...SHAPES, PLAIN].map((shape) => plane.admin.expect<Pod>('POST', `${PODS}?dryRun=All`, shape('shape'))),
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
  async fill(count: number, prefix: string, { plainPercent, gated }: { plainPercent: number; gated: boolean }): Promise<Pod[]> {
    const names = Array.from({ length: count }, (_, at) => `${prefix}-${at}`);
    const shapes = this.#admitted.slice(0, -1);
    return await inParallel(names, (name, at) => {
      const plain = Math.floor(((at + 1) * plainPercent) / 100) > Math.floor((at * plainPercent) / 100);
      const made = named(plain ? this.#admitted.at(-1)! : shapes[at % shapes.length]!, name);
      if (gated) made.spec = { ...made.spec, schedulingGates: [{ name: 'muster.dev/placement' }] };
      return this.plane.admin.create(made);
    });
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
function nodeObject(name: string): Node {
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
