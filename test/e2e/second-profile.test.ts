/** `muster-scheduler` as a second profile inside an existing kube-scheduler: pods of the other profile must not notice us. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { deviceOf } from './harness/claims.ts';
import { type SchedulerConfiguration, schedulerUser } from './harness/control-plane.ts';
import { schedulerConfigurations } from './harness/deploy.ts';
import { devicesOf } from './harness/nodes.ts';
import { fraction, pod } from './harness/pods.ts';
import { LoopbackProxy } from './harness/proxy.ts';
import { Stand } from './harness/stand.ts';

let stand: Stand;
let verbs: LoopbackProxy;

beforeAll(async () => {
  stand = await Stand.start({
    nodes: [
      { name: 'gpu', source: 'slices', devices: devicesOf(2, 'NVIDIA L4', 23034) },
      { name: 'cpu', source: 'gfd', devices: [], managed: false },
    ],
  });
  await stand.scheduler.process.killHard();
  verbs = await LoopbackProxy.start({ to: stand.muster.url });
  await stand.plane.startScheduler({
    name: 'shared-scheduler',
    config: withDefaultProfile(schedulerConfigurations().profile),
    extenderUrl: verbs.url,
    user: schedulerUser,
    leaderElection: { leaderElect: false },
  });
});

afterAll(async () => {
  await verbs?.stop();
  await stand?.stop();
});

function withDefaultProfile(config: SchedulerConfiguration): SchedulerConfiguration {
  const profiles = config.profiles as { schedulerName: string }[];
  expect(profiles.map(({ schedulerName }) => schedulerName)).toContain('muster-scheduler');
  if (profiles.some(({ schedulerName }) => schedulerName === 'default-scheduler')) return config;
  return { ...config, profiles: [{ schedulerName: 'default-scheduler' }, ...profiles] };
}

test('pods of the other profile are bound without a call to us', async () => {
  const names = Array.from({ length: 20 }, (_, at) => `other-${at}`);
  await stand.create(names.map((name) => pod(name, { schedulerName: 'default-scheduler' })));
  await stand.bound(names);
  expect(verbs.passed).toEqual([]);
});

test('our pods get their devices', async () => {
  await stand.create([fraction('ours', '0.5')]);
  const bound = (await stand.bound(['ours'])).get('ours')!;
  expect([bound.spec.nodeName, deviceOf(bound).milli]).toEqual(['gpu', 500]);
  expect([verbs.count('filter'), verbs.count('bind')]).toEqual([1, 1]);
});

test('with the extender dead the other profile goes on as before, while ours waits and recovers', async () => {
  await stand.muster.process.killHard();
  await stand.create([
    fraction('ours-waits', '0.5', {
      requests: { 'muster.dev/gpu-milli': '500' },
      limits: { 'muster.dev/gpu-milli': '500' },
    }),
  ]);
  const started = performance.now();
  await stand.create([pod('other-goes-on', { schedulerName: 'default-scheduler' })]);
  await stand.bound(['other-goes-on']);
  expect(performance.now() - started).toBeLessThan(5_000);
  await stand.muster.killAndRestart();
  await stand.muster.ready();
  await stand.create([fraction('ours-later', '0.5')]);
  await stand.bound(['ours-later']);
});

/** Number of calls so far, once none came for a second: answers to earlier pods may still be on their way. */
async function quietCalls(): Promise<number> {
  for (let seen = -1; ; ) {
    if (seen === verbs.passed.length) return seen;
    seen = verbs.passed.length;
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
}

test('a hanging extender delays the other profile only while one of our pods is tried, and for one timeout at most', async () => {
  // it was created past the webhook and waits; every pod that is bound wakes it, and then one of ours is tried
  await stand.admin.remove('/api/v1/namespaces/default/pods/ours-waits', 0);
  const before = await quietCalls();
  stand.muster.process.pause();
  try {
    const started = performance.now();
    const others = Array.from({ length: 10 }, (_, at) => `beside-hanging-${at}`);
    await stand.create(others.map((name) => pod(name, { schedulerName: 'default-scheduler' })));
    await stand.bound(others);
    expect(performance.now() - started).toBeLessThan(4_000);
    expect(verbs.passed).toHaveLength(before);

    // the webhook hangs too and is ignored after its 3 s: what it would have written is on the pod already
    await stand.create([
      fraction('ours-hangs', '0.25', {
        requests: { 'muster.dev/gpu-milli': '250' },
        limits: { 'muster.dev/gpu-milli': '250' },
      }),
    ]);
    const tried = performance.now();
    await stand.create([pod('behind-ours', { schedulerName: 'default-scheduler' })]);
    await stand.bound(['behind-ours']);
    // httpTimeout of the shipped entry is 5 s
    expect(performance.now() - tried).toBeLessThan(8_000);
  } finally {
    stand.muster.process.resume();
  }
  await stand.create([fraction('ours-after', '0.25')]);
  await stand.bound(['ours-after']);
});

test('no device was over 100 %', async () => {
  await stand.finish();
});
