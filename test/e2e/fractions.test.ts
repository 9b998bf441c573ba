/** Fractions through a real kube-scheduler: the right device, the env a kubelet would give, every verb really called. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { claimOf, deviceOf, placeOf } from './harness/claims.ts';
import { objectPath, type Pod } from './harness/kube.ts';
import { createNode, devicesOf, uuidOf } from './harness/nodes.ts';
import { fraction, gpushare, hami, kaiFraction, memory, pod, wholeGpus } from './harness/pods.ts';
import { Stand, waitForGpuMilli } from './harness/stand.ts';

const nodes = [
  { name: 'labels', source: 'gfd', devices: devicesOf(2, 'NVIDIA-A100-SXM4-40GB', 40960) },
  { name: 'slices', source: 'slices', devices: devicesOf(2, 'NVIDIA L4', 23034) },
  { name: 'agent', source: 'annotation', devices: devicesOf(4, 'Tesla T4', 15360) },
] as const;

describe('one decision, shortList 1', () => {
  let stand: Stand;
  beforeAll(async () => {
    stand = await Stand.start({ nodes });
  });
  afterAll(async () => await stand?.stop());

  async function place(each: Pod): Promise<Pod> {
    await stand.create([each]);
    const pods = await stand.bound([each.metadata.name]);
    return pods.get(each.metadata.name)!;
  }

  test('two halves are packed on one device, which a third half does not get', async () => {
    const [a, b, c] = [
      await place(fraction('a', '0.5')),
      await place(fraction('b', '0.5')),
      await place(fraction('c', '0.5')),
    ];
    expect(placeOf(b)).toBe(placeOf(a));
    expect(placeOf(c)).not.toBe(placeOf(a));
    expect(deviceOf(a).milli).toBe(500);
  });

  test('the containers see the device that the claim names, and only it', async () => {
    const bound = await place(
      pod('two', {
        annotations: { 'muster.dev/gpu-fraction.worker': '0.25' },
        spec: {
          nodeSelector: { 'kubernetes.io/hostname': 'slices' },
          containers: [
            { name: 'worker', image: 'none' },
            { name: 'logger', image: 'none' },
          ],
        },
      }),
    );
    const [device] = claimOf(bound).worker ?? [];
    await expect.poll(() => stand.kubelet.started.get('default/two')).toBeDefined();
    const { worker, logger } = stand.kubelet.started.get('default/two')!.containers;
    expect(worker?.env.NVIDIA_VISIBLE_DEVICES).toBe(device?.uuid);
    expect([uuidOf('slices', 0), uuidOf('slices', 1)]).toContain(device?.uuid);
    expect(worker?.env.CUDA_DEVICE_MEMORY_LIMIT_0).toMatch(/^\d+m?$/);
    expect(logger?.env.NVIDIA_VISIBLE_DEVICES).toBe('void');
  });

  test('a node without uuids addresses its devices by index', async () => {
    const bound = await place(
      memory('by-index', '1000', { spec: { nodeSelector: { 'kubernetes.io/hostname': 'labels' } } }),
    );
    const device = deviceOf(bound);
    expect([device.uuid, device.mib]).toEqual([null, 1000]);
    await expect.poll(() => stand.kubelet.started.get('default/by-index')).toBeDefined();
    const { main } = stand.kubelet.started.get('default/by-index')!.containers;
    expect(main?.env.NVIDIA_VISIBLE_DEVICES).toBe(String(device.index));
  });

  const t4 = { spec: { nodeSelector: { 'kubernetes.io/hostname': 'agent' } } };
  test.for([
    ['Muster', fraction('as-muster', '0.1', t4), { milli: 100, mib: 1536 }],
    ['KAI and Run:ai', kaiFraction('as-kai', '0.1', t4), { milli: 100, mib: 1536 }],
    ['HAMi', hami('as-hami', 4096, 10, t4), { milli: 100, mib: 4096 }],
    ['Aliyun gpushare', gpushare('as-gpushare', 2, t4), { milli: 0, mib: 2048 }],
    ['plain Kubernetes', wholeGpus('as-kubernetes', 1, t4), { milli: 1000, mib: 15360 }],
  ] as const)('a pod written for %s gets what that dialect means', async ([_, each, share]) => {
    expect(deviceOf(await place(each))).toMatchObject(share);
  });

  test('two whole devices are two different ones', async () => {
    await createNode(stand.admin, { name: 'late', source: 'gfd', devices: devicesOf(2, 'NVIDIA-H100', 81559) });
    const late = { spec: { nodeSelector: { 'kubernetes.io/hostname': 'late' } } };
    await waitForGpuMilli(stand.admin, [{ name: 'late', source: 'gfd', devices: [] }], stand.muster);
    const indexes = claimOf(await place(wholeGpus('pair', 2, late))).main?.map(({ index }) => index);
    expect(indexes?.sort()).toEqual([0, 1]);
  });

  test('a pod that fits nowhere waits with a constant reason, and gets the device as soon as one is free', async () => {
    const late = { spec: { nodeSelector: { 'kubernetes.io/hostname': 'late' } } };
    await stand.create([fraction('waits', '0.3', late)]);
    const pending = await stand.admin.waitForPod(
      'waits',
      (each) => each.status?.conditions?.some(({ reason }) => reason === 'Unschedulable') ?? false,
      { for: 'a verdict', onTimeout: () => stand.logs() },
    );
    expect(pending.spec.nodeName).toBeUndefined();
    await stand.admin.remove(objectPath(wholeGpus('pair', 2)));
    expect(deviceOf((await stand.bound(['waits'])).get('waits')!).milli).toBe(300);
  });

  test('filter and bind were called, prioritize was not needed, and no device was ever over 100 %', async () => {
    expect(stand.verbs.count('filter')).toBeGreaterThan(0);
    expect(stand.verbs.count('bind')).toBeGreaterThan(0);
    expect(stand.verbs.count('prioritize')).toBe(0);
    expect(await stand.finish()).toMatchObject({ peakMilli: 1000 });
  });

  test('a pod without GPUs is bound as well, without a claim', async () => {
    const bound = await place(pod('plain'));
    expect(bound.metadata.annotations?.['muster.dev/claim']).toBeUndefined();
  });
});

describe('a short list of 8', () => {
  let stand: Stand;
  beforeAll(async () => {
    stand = await Stand.start({ nodes, settings: { shortList: 8 } });
  });
  afterAll(async () => await stand?.stop());

  test('lets kube-scheduler ask prioritize, and still packs', async () => {
    const names = ['a', 'b', 'c', 'd'];
    await stand.create(
      names.map((name) => fraction(name, '0.25')),
      1,
    );
    const pods = await stand.bound(names);
    expect(new Set(names.map((name) => placeOf(pods.get(name)!))).size).toBe(1);
    expect(stand.verbs.count('prioritize')).toBeGreaterThan(0);
    await stand.finish();
  });
});
