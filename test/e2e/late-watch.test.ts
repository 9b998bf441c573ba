/**
 * kube-scheduler sees a device freed before our watch does: it tries the waiting pod, we still refuse, and nothing happens in the
 * cluster after that. The pod must not wait for kube-scheduler's own flush, minutes later.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { objectPath } from './harness/kube.ts';
import { devicesOf } from './harness/nodes.ts';
import { fraction } from './harness/pods.ts';
import { Stand } from './harness/stand.ts';

let stand: Stand;
beforeAll(async () => {
  stand = await Stand.start({
    nodes: [{ name: 'one', source: 'slices', devices: devicesOf(2, 'NVIDIA L4', 23034) }],
    apiProxy: true,
  });
});
afterAll(async () => await stand?.stop());

test('a pod that was refused because our watch was late is bound seconds later, in a cluster where nothing else happens', async () => {
  // six tenths on each device: the sum has room for seven tenths more, so kube-scheduler asks us, but no device has
  const [first] = await stand.create([fraction('first', '0.6')]);
  await stand.create([fraction('second', '0.6')]);
  await stand.bound(['first', 'second']);
  await stand.create([fraction('waits', '0.7')]);
  await expect.poll(() => stand.verbs.count('filter'), { timeout: 20_000 }).toBeGreaterThan(2);
  const before = stand.verbs.count('filter');
  stand.api!.delayWatches(3_000);
  await stand.admin.expect('DELETE', `${objectPath(first!)}?gracePeriodSeconds=0`);
  await expect.poll(() => stand.verbs.count('filter'), { timeout: 20_000 }).toBeGreaterThan(before);
  expect((await stand.bound(['waits'], 30_000)).get('waits')!.metadata.annotations?.['muster.dev/woken']).toBeDefined();
  stand.api!.delayWatches(0);
  await stand.finish();
});
