/**
 * Nodes whose kubelet fell silent: Ready turns Unknown, taints keep pods away and, after each pod's tolerationSeconds, send them off. A
 * node without a Lease is left alone: it has no kubelet that could fall silent.
 */
import { arrayAt, isObject, type JsonObject, type KubeObject, numberAt, textAt, timestamp } from '../api/object.ts';
import { Calls } from './calls.ts';
import type { StartController } from './controller.ts';
import { keyOf, Mirror, slimPod } from './mirror.ts';
import { WorkQueue } from './work-queue.ts';
import { merge, remove, strategic } from './workload-calls.ts';
import { isFinished, podsPath } from './workload-pods.ts';

/** node-monitor-grace-period; a Lease that says it stands longer is believed */
const GRACE_MS = 50_000;
const NOT_READY = 'node.kubernetes.io/not-ready';
const UNREACHABLE = 'node.kubernetes.io/unreachable';
const OURS = new Set([NOT_READY, UNREACHABLE]);

function readiness(node: KubeObject): string {
  const ready = arrayAt(node.status, 'conditions').find((one) => textAt(one, 'type') === 'Ready');
  return textAt(ready, 'status');
}

export const startNodeLifecycle: StartController = async (options) => {
  const calls = new Calls(options.transport);
  const queue = new WorkQueue({ ...options, work: reconcile });
  const nodes = new Mirror(options, '/api/v1/nodes', (node, gone) => {
    if (!gone) queue.add(keyOf(node));
  });
  /** node → when its Lease was last seen to be renewed, by our own clock */
  const renewed = new Map<string, { time: string; at: number; graceMs: number }>();
  const leases = new Mirror(
    options,
    '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases',
    (lease, gone) => {
      const { name } = lease.metadata;
      if (gone) {
        renewed.delete(name);
        return;
      }
      const time = textAt(lease.spec, 'renewTime');
      if (renewed.get(name)?.time === time) return;
      const stands = (numberAt(lease.spec, 'leaseDurationSeconds') ?? 0) * 1000;
      renewed.set(name, { time, at: options.clock.monotonic(), graceMs: Math.max(GRACE_MS, stands) });
      queue.add(`/${name}`);
    },
  );
  const pods = new Mirror(
    options,
    '/api/v1/pods',
    (pod, gone) => {
      const node = textAt(pod.spec, 'nodeName');
      if (!gone && node !== '' && isTainted(nodes.get(`/${node}`))) queue.add(`/${node}`);
    },
    slimPod,
  );

  async function reconcile(key: string): Promise<void> {
    const node = nodes.get(key);
    if (node === undefined) return;
    const { name } = node.metadata;
    const heard = renewed.get(name);
    const silentMs = heard ? options.clock.monotonic() - heard.at : 0;
    let state = readiness(node);
    if (heard && silentMs >= heard.graceMs && state !== 'Unknown') {
      await silence(name);
      state = 'Unknown';
    } else if (heard && silentMs < heard.graceMs) queue.addAfter(key, heard.graceMs - silentMs);
    await taint(nodes.get(key) ?? node, state);
    await evict(key, heard && silentMs < heard.graceMs ? heard.graceMs - silentMs : null);
  }

  async function silence(name: string): Promise<void> {
    const now = timestamp(options.clock.now());
    const conditions = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure']
      .filter(
        (type) =>
          type === 'Ready' ||
          arrayAt(nodes.get(`/${name}`)?.status, 'conditions').some((one) => textAt(one, 'type') === type),
      )
      .map((type) => ({
        type,
        status: 'Unknown',
        reason: 'NodeStatusUnknown',
        message: 'Kubelet stopped posting node status.',
        lastTransitionTime: now,
      }));
    nodes.put(await strategic(calls, `/api/v1/nodes/${name}/status`, { status: { conditions } }));
  }

  async function taint(node: KubeObject, state: string): Promise<void> {
    const wanted = state === 'False' ? NOT_READY : state === 'Unknown' ? UNREACHABLE : null;
    // nodes that never had a kubelet and say nothing of Ready are not touched
    if (!renewed.has(node.metadata.name) && !isTainted(node)) return;
    const known = arrayAt(node.spec, 'taints').filter(isObject);
    const mine = known.filter((one) => OURS.has(textAt(one, 'key')));
    if (mine.length === (wanted === null ? 0 : 2) && mine.every((one) => one.key === wanted)) return;
    const timeAdded = timestamp(options.clock.now());
    const added: JsonObject[] =
      wanted === null
        ? []
        : [
            { key: wanted, effect: 'NoSchedule' },
            { key: wanted, effect: 'NoExecute', timeAdded },
          ];
    const taints = [...known.filter((one) => !OURS.has(textAt(one, 'key'))), ...added];
    const { name, resourceVersion } = node.metadata;
    nodes.put(
      await merge(calls, `/api/v1/nodes/${name}`, {
        metadata: { resourceVersion },
        spec: { taints: taints.length > 0 ? taints : null },
      }),
    );
  }

  /** @param againMs when this node is looked at anyway; null: not */
  async function evict(key: string, againMs: number | null): Promise<void> {
    const node = nodes.get(key);
    const taints = arrayAt(node?.spec, 'taints').filter((one) => textAt(one, 'effect') === 'NoExecute');
    if (node === undefined || taints.length === 0) return;
    let soonest = againMs;
    for (const pod of pods.all()) {
      if (textAt(pod.spec, 'nodeName') !== node.metadata.name || pod.metadata.deletionTimestamp !== undefined) continue;
      if (isFinished(pod)) continue;
      const left = staysFor(pod, taints, options.clock.now());
      if (left === null) continue;
      if (left > 0) soonest = Math.min(soonest ?? left, left);
      else await remove(calls, podsPath(pod.metadata.namespace, pod.metadata.name), pod.metadata.uid);
    }
    if (soonest !== null) queue.addAfter(key, soonest);
  }

  await Promise.all([nodes.start(), leases.start(), pods.start()]);
  queue.begin();
  return {
    async stop() {
      await queue.stop();
      await Promise.all([nodes.stop(), leases.stop(), pods.stop()]);
    },
  };
};

function isTainted(node: KubeObject | undefined): boolean {
  return arrayAt(node?.spec, 'taints').some((one) => OURS.has(textAt(one, 'key')));
}

/** ms that a pod may stay under these taints; null: for ever. */
export function staysFor(pod: KubeObject, taints: readonly unknown[], now: number): number | null {
  let left: number | null = null;
  for (const taint of taints) {
    const bears = arrayAt(pod.spec, 'tolerations').find((one) => {
      const key = textAt(one, 'key');
      const effect = textAt(one, 'effect');
      return (key === '' || key === textAt(taint, 'key')) && (effect === '' || effect === 'NoExecute');
    });
    if (bears === undefined) return 0;
    const seconds = numberAt(bears, 'tolerationSeconds');
    if (seconds === null) continue;
    const since = Date.parse(textAt(taint, 'timeAdded')) || now;
    left = Math.min(left ?? Number.POSITIVE_INFINITY, Math.max(0, since + seconds * 1000 - now));
  }
  return left;
}
