/** Preemption on nodes whose sum of gpu-milli is full: kube-scheduler offers victims by sums, Muster corrects them to a device. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { deviceOf } from './harness/claims.ts';
import { type KubeObject, type Pod, podPath } from './harness/kube.ts';
import { devicesOf } from './harness/nodes.ts';
import { fraction, wholeGpus } from './harness/pods.ts';
import { Stand } from './harness/stand.ts';

let stand: Stand;

beforeAll(async () => {
  stand = await Stand.start({
    nodes: [{ name: 'n1', source: 'annotation', devices: devicesOf(2, 'NVIDIA A100', 40960) }],
  });
  const classes = [
    { name: 'low', value: 10 },
    { name: 'middle', value: 100 },
    { name: 'high', value: 1000 },
    { name: 'meek', value: 1000, preemptionPolicy: 'Never' },
  ];
  for (const { name, ...rest } of classes) {
    const object = { apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name }, ...rest };
    await stand.admin.apply<KubeObject>(object);
  }
});

afterAll(async () => await stand?.stop());

/** with a grace period, so that a victim stays until the kubelet model lets it go */
const priority = (priorityClassName: string) => ({ spec: { priorityClassName, terminationGracePeriodSeconds: 30 } });

async function gone(name: string): Promise<boolean> {
  const found = await stand.admin.find<Pod>(podPath('default', name));
  return found === null || found.metadata.deletionTimestamp !== undefined;
}

test('victims are the pods of one device, of lower priority, and their device goes to the preemptor', async () => {
  // Device X: low + middle, device Y: low + low. In sums any two lows make a whole device; on devices only Y's do.
  await stand.create([fraction('low-1', '0.5', priority('low')), fraction('middle-1', '0.5', priority('middle'))], 1);
  await stand.create([fraction('low-2', '0.5', priority('low')), fraction('low-3', '0.5', priority('low'))], 1);
  const full = await stand.bound(['low-1', 'middle-1', 'low-2', 'low-3']);
  const device = (name: string): number => deviceOf(full.get(name)!).index;
  expect(device('low-1')).toBe(device('middle-1'));
  expect(device('low-2')).toBe(device('low-3'));

  await stand.create([wholeGpus('high-1', 1, priority('high'))]);
  const after = await stand.bound(['high-1']);
  expect(deviceOf(after.get('high-1')!).index).toBe(device('low-2'));
  expect(await Promise.all(['low-1', 'middle-1', 'low-2', 'low-3'].map(gone))).toEqual([false, false, true, true]);
  expect(stand.verbs.count('preempt')).toBeGreaterThan(0);
});

test('a pod whose policy is Never evicts nobody', async () => {
  await stand.create([fraction('meek', '0.5', priority('meek'))]);
  await stand.admin.waitForPod(
    'meek',
    (each) => each.status?.conditions?.some(({ reason }) => reason === 'Unschedulable') ?? false,
    { for: 'a verdict' },
  );
  expect(await Promise.all(['low-1', 'middle-1', 'high-1'].map(gone))).toEqual([false, false, false]);
  await stand.admin.remove(podPath('default', 'meek'), 0);
});

test('while victims are still terminating their device is kept for the preemptor', async () => {
  stand.kubelet.hold('n1');
  await stand.create([fraction('high-2', '0.5', priority('high'))]);
  const nominated = await stand.admin.waitForPod('high-2', (each) => each.status?.nominatedNodeName === 'n1', {
    for: 'a nomination',
    onTimeout: () => stand.logs(),
  });
  expect(nominated.spec.nodeName).toBeUndefined();
  expect(await gone('low-1')).toBe(true);
  await stand.create([fraction('thief', '0.5', priority('low'))]);
  await stand.kubelet.release('n1');
  await stand.bound(['high-2']);
  expect((await stand.admin.pod('thief')).spec.nodeName).toBeUndefined();
});

test('no device was over 100 % while pods came and went', async () => {
  await stand.finish();
});
