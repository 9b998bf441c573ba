/** A thousand mixed pods at once, the extender killed in the middle, a witness that looks at every device at every event. */
import { afterEach, expect, test } from 'vitest';
import { mixedNodes, mixedPods, wantGpus } from './harness/mixture.ts';
import { Stand } from './harness/stand.ts';
import { waitFor } from './harness/wait.ts';

let stand: Stand | undefined;
afterEach(async () => {
  await stand?.stop();
  stand = undefined;
});

const count = 1000;

test('1,000 mixed pods are all bound, each with what it asked for, and no device is ever over 100 %', async () => {
  stand = await Stand.start({ nodes: mixedNodes() });
  const pods = mixedPods(count);
  const started = performance.now();
  await stand.create(pods, 32);
  const bound = await stand.bound(
    pods.map(({ metadata }) => metadata.name),
    120_000,
  );
  const seconds = (performance.now() - started) / 1000;
  console.log(`burst: ${count} pods in ${seconds.toFixed(1)} s, ${(count / seconds).toFixed(0)} pods/s`);

  const claimed = wantGpus(pods);
  const without = claimed.filter((name) => bound.get(name)?.metadata.annotations?.['muster.dev/claim'] === undefined);
  expect(without).toEqual([]);
  const running = (): boolean => pods.every(({ metadata }) => stand!.kubelet.started.has(`default/${metadata.name}`));
  await waitFor(running, { for: 'the kubelet model to start every pod' });
  expect(await stand.finish()).toMatchObject({ claimed: claimed.length });
}, 300_000);

test('kill -9 of the extender three times in the middle loses no pod and decides nothing twice', async () => {
  stand = await Stand.start({ nodes: mixedNodes() });
  const pods = mixedPods(count);
  const names = pods.map(({ metadata }) => metadata.name);
  // All are admitted before the first kill (a pod that was created while no webhook answered is refused for good, forgery.test.ts),
  // and the scheduler starts after that, so that the kills meet a full line of waiting pods.
  await stand.scheduler.process.killHard();
  await stand.create(pods, 32);
  await stand.killAndRestartScheduler();
  for (const share of [0.1, 0.4, 0.7]) {
    await waitFor(() => stand!.kubelet.started.size >= share * count, {
      for: `${share * 100} % of the pods to run`,
      timeoutMs: 90_000,
      onTimeout: () => stand!.logs(),
    });
    await stand.muster.killAndRestart();
    await stand.muster.ready();
  }
  await stand.bound(names, 180_000);
  expect(await stand.finish()).toMatchObject({ claimed: wantGpus(pods).length });
}, 420_000);

test('kill -9 of kube-scheduler and of the API server in the middle loses no pod', async () => {
  stand = await Stand.start({ nodes: mixedNodes() });
  const pods = mixedPods(300);
  const names = pods.map(({ metadata }) => metadata.name);
  await stand.create(pods, 32);
  await waitFor(() => stand!.kubelet.started.size >= 60, {
    for: 'a fifth of the pods to run',
    onTimeout: () => stand!.logs(),
  });
  await stand.killAndRestartScheduler();
  await stand.bound(names.slice(0, 150), 120_000);
  await stand.plane.killAndRestartApiserver();
  await stand.bound(names, 120_000);
  // A restarted API server no longer knows the moments before it: the witness lists anew, and still sees every change of a claim.
  await stand.finish({ mayMissMoments: true });
}, 420_000);
