/** The status of ResourceQuotas: what is allowed, and what the pods of the namespace use of it. New pods are charged by the API itself. */
import { isDeepStrictEqual } from 'node:util';
import { inlineDecoder } from '../../kube/inline-decoder.ts';
import { Reflector } from '../../kube/reflector.ts';
import { arrayAt, isObject, type KubeObject, objectAt } from '../api/object.ts';
import { amountText, enforced, isCharged, summed } from '../api/quota.ts';
import { absentWhenGone, CallError, Calls } from './calls.ts';
import type { StartController } from './controller.ts';
import { keyOf, Mirror } from './mirror.ts';
import { WorkQueue } from './work-queue.ts';
import { merge } from './workload-calls.ts';

/** many pods that end at once are one count */
const GATHER_MS = 200;

/** all that is kept of a pod */
type Charge = { readonly charged: boolean };

export const startResourceQuotas: StartController = async (options) => {
  const calls = new Calls(options.transport);
  const due = new Set<string>();
  const queue = new WorkQueue({ ...options, work: count });
  const quotas = new Mirror(options, '/api/v1/resourcequotas', (quota, gone) => {
    if (!gone) queue.add(keyOf(quota));
  });
  const freed = (namespace: string): void => {
    for (const quota of quotas.all()) {
      const key = keyOf(quota);
      if (quota.metadata.namespace !== namespace || due.has(key)) continue;
      due.add(key);
      queue.addAfter(key, GATHER_MS);
    }
  };
  const { transport, clock, rng, onError } = options;
  const pods = new Reflector<Charge>({
    transport,
    clock,
    rng,
    path: '/api/v1/pods',
    decoder: inlineDecoder((pod) => (isObject(pod) ? { charged: isCharged(pod as KubeObject) } : null)),
    sink: {
      upsert: ({ namespace, object }) => {
        if (!object.charged) freed(namespace);
      },
      remove: ({ namespace }) => freed(namespace),
      synced: () => {},
    },
    ...(onError ? { onError } : {}),
  });

  async function count(key: string): Promise<void> {
    due.delete(key);
    const known = quotas.get(key);
    if (known === undefined) return;
    const { namespace, name } = known.metadata;
    const path = `/api/v1/namespaces/${namespace}/resourcequotas/${name}`;
    // read before the pods: one that is charged meanwhile moves its version, and the count is made again
    const quota = await absentWhenGone(calls.call('GET', path));
    if (quota === null) return;
    const hard = enforced(quota);
    const names = Object.keys(hard);
    const list = await calls.call('GET', `/api/v1/namespaces/${namespace}/pods`);
    const total = summed(arrayAt(list, 'items') as KubeObject[], names);
    const used = Object.fromEntries([...total].map(([one, value]) => [one, amountText(one, value)]));
    const status = { hard, used };
    const before = { hard: objectAt(quota.status, 'hard'), used: objectAt(quota.status, 'used') };
    if (isDeepStrictEqual(before, status)) return;
    const gone = (field: 'hard' | 'used') =>
      Object.fromEntries(
        Object.keys(before[field])
          .filter((one) => !(one in hard))
          .map((one) => [one, null]),
      );
    const { resourceVersion } = quota.metadata;
    const body = {
      metadata: { resourceVersion },
      status: { hard: { ...gone('hard'), ...hard }, used: { ...gone('used'), ...used } },
    };
    try {
      quotas.put(await merge(calls, `${path}/status`, body));
    } catch (error) {
      if (!(error instanceof CallError) || error.code !== 409) throw error;
      queue.addAfter(key, GATHER_MS);
    }
  }

  pods.start();
  await Promise.all([quotas.start(), pods.whenSynced()]);
  queue.begin();
  return {
    async stop() {
      await queue.stop();
      await Promise.all([quotas.stop(), pods.stop()]);
    },
  };
};
