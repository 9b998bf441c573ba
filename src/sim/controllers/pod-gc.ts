/**
 * Pods that nobody will end any more: bound to a node that has been away for a while (they fail, then go), or deleted before they had a
 * node.
 */
import { type KubeObject, textAt, timestamp } from '../api/object.ts';
import { Calls } from './calls.ts';
import type { StartController } from './controller.ts';
import { keyOf, Mirror, slimPod } from './mirror.ts';
import { WorkQueue } from './work-queue.ts';
import { remove, strategic } from './workload-calls.ts';
import { isFinished, podsPath } from './workload-pods.ts';

/** a node that came back in time loses nothing */
const QUARANTINE_MS = 40_000;

export const startPodGc: StartController = async (options) => {
  const calls = new Calls(options.transport);
  const queue = new WorkQueue({ ...options, work: reconcile });
  /** node → since when it is known to be away, ms of the monotonic clock */
  const away = new Map<string, number>();
  const nodes = new Mirror(options, '/api/v1/nodes', (node, gone) => {
    if (!gone) {
      away.delete(node.metadata.name);
      return;
    }
    for (const pod of pods.all()) if (textAt(pod.spec, 'nodeName') === node.metadata.name) queue.add(keyOf(pod));
  });
  const pods = new Mirror(
    options,
    '/api/v1/pods',
    (pod, gone) => {
      if (!gone) queue.add(keyOf(pod));
    },
    slimPod,
  );

  async function reconcile(key: string): Promise<void> {
    const pod = pods.get(key);
    if (pod === undefined) return;
    const node = textAt(pod.spec, 'nodeName');
    if (node === '') {
      if (pod.metadata.deletionTimestamp !== undefined) await end(pod);
      return;
    }
    if (nodes.get(`/${node}`)) return;
    const now = options.clock.monotonic();
    const since = away.get(node) ?? now;
    away.set(node, since);
    if (now - since < QUARANTINE_MS) queue.addAfter(key, QUARANTINE_MS - (now - since));
    else await fail(pod);
  }

  async function fail(pod: KubeObject): Promise<void> {
    const { namespace, name, uid } = pod.metadata;
    if (!isFinished(pod)) {
      const condition = {
        type: 'DisruptionTarget',
        status: 'True',
        reason: 'DeletionByPodGC',
        message: 'PodGC: node no longer exists',
        lastTransitionTime: timestamp(options.clock.now()),
      };
      const status = { phase: 'Failed', conditions: [condition] };
      await strategic(calls, `${podsPath(namespace, name)}/status`, { metadata: { uid }, status });
    }
    await end(pod);
  }

  async function end(pod: KubeObject): Promise<void> {
    const { namespace, name, uid } = pod.metadata;
    await remove(calls, podsPath(namespace, name), uid, { gracePeriodSeconds: 0 });
  }

  await Promise.all([nodes.start(), pods.start()]);
  queue.begin();
  return {
    async stop() {
      await queue.stop();
      await Promise.all([nodes.stop(), pods.stop()]);
    },
  };
};
