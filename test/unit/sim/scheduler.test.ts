import { randomUUID } from 'node:crypto';
import { describe } from 'vitest';
import { nodeClock } from '../../../src/kube/node-adapter.ts';
import { connect } from '../../../src/kube/undici-adapter.ts';
import { Api } from '../../../src/sim/api/api.ts';
import { inProcess } from '../../../src/sim/api/in-process.ts';
import { Scheduler } from '../../../src/sim/scheduler/scheduler.ts';
import { seededRng } from '../../../src/sim/seeded-rng.ts';
import { Client } from '../../contract/client.ts';
import { schedulerContract } from '../../contract/scheduler/cases.ts';
import { type Plane, SCHEDULER } from '../../contract/scheduler/plane.ts';
import { podGroupContract } from '../../contract/scheduler/pod-groups.ts';
import { preemptionContract } from '../../contract/scheduler/preemption.ts';

const SECOND_MS = 100;

/** The model, with seconds that are a tenth of one. */
async function model(podGroups: boolean): Promise<Plane> {
  const transport = inProcess(new Api({ clock: nodeClock, newUid: randomUUID }));
  return {
    client: new Client(transport),
    secondMs: SECOND_MS,
    async startScheduler(url, entries) {
      const verbs = await connect({ server: url, component: 'kube-scheduler' });
      const scheduler = new Scheduler({
        transport,
        clock: nodeClock,
        rng: seededRng(1),
        schedulerNames: [SCHEDULER],
        initialBackoffMs: SECOND_MS,
        maxBackoffMs: 10 * SECOND_MS,
        backoffWindowMs: SECOND_MS,
        podGroups,
        extenders: entries.map((entry) => ({
          name: url,
          transport: verbs,
          prefix: '',
          httpTimeoutMs: 5_000,
          ...entry,
          nodeCacheCapable: entry.nodeCacheCapable ?? true,
          managedResources: (entry.managedResources ?? []).map((one) => one.name),
        })),
      });
      await scheduler.start();
      return async () => {
        await scheduler.stop();
        await verbs.close();
      };
    },
  };
}

describe('the model of kube-scheduler', () => {
  schedulerContract(() => model(false));
  preemptionContract(() => model(false));
  podGroupContract(() => model(true));
});
