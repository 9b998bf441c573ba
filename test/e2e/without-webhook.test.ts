/** Annotations alone, as where no webhook is wanted: kube-scheduler and the extender do the whole decision. */
import { afterEach, expect, test } from 'vitest';
import { deviceOf, placeOf } from './harness/claims.ts';
import { mixedNodes } from './harness/mixture.ts';
import { fraction, memory } from './harness/pods.ts';
import { Stand } from './harness/stand.ts';
import { waitFor } from './harness/wait.ts';

let stand: Stand | undefined;
afterEach(async () => {
  await stand?.stop();
  stand = undefined;
});

const options = { nodes: mixedNodes(), webhook: false, settings: { envGuard: false } };

test('fractions are packed on the right device', async () => {
  stand = await Stand.start(options);
  await stand.create([fraction('a', '0.5'), fraction('b', '0.5'), fraction('c', '0.5'), memory('d', '1Gi')], 1);
  const pods = await stand.bound(['a', 'b', 'c', 'd']);
  expect(placeOf(pods.get('b')!)).toBe(placeOf(pods.get('a')!));
  expect(placeOf(pods.get('c')!)).not.toBe(placeOf(pods.get('a')!));
  expect(deviceOf(pods.get('d')!)).toMatchObject({ mib: 1024, milli: 0 });
  expect([stand.verbs.count('filter'), stand.verbs.count('bind')]).toEqual([4, 4]);
  await stand.finish();
});

test('400 pods fill 400 tenths of devices, over a kill -9 of the extender', async () => {
  stand = await Stand.start(options);
  const pods = Array.from({ length: 400 }, (_, at) => fraction(`p-${at}`, '0.1'));
  const started = performance.now();
  await stand.create(pods, 32);
  await waitFor(() => stand!.kubelet.started.size >= 100, {
    for: 'a quarter of the pods to run',
    timeoutMs: 60_000,
    onTimeout: () => stand!.logs(),
  });
  await stand.muster.killAndRestart();
  await stand.muster.ready();
  await stand.bound(
    pods.map(({ metadata }) => metadata.name),
    120_000,
  );
  console.log(`without webhook: 400 pods in ${((performance.now() - started) / 1000).toFixed(1)} s, one kill`);
  expect(await stand.finish()).toMatchObject({ claimed: 400 });
});
