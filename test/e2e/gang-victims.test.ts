/** Victims for a whole gang, on a real control plane: one of two running gangs gives way, whole, and the one that came starts whole. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { KubeObject, Pod } from './harness/kube.ts';
import { devicesOf } from './harness/nodes.ts';
import { wholeGpus } from './harness/pods.ts';
import { Stand } from './harness/stand.ts';
import { waitFor } from './harness/wait.ts';

const PODS = '/api/v1/namespaces/default/pods';
const nodes = ['v1', 'v2'].map((name) => ({
  name,
  source: 'annotation' as const,
  devices: devicesOf(4, 'Tesla T4', 15360),
}));

const gang = (name: string, count: number, priorityClassName: string): Pod[] =>
  Array.from({ length: count }, (_, at) =>
    wholeGpus(`${name}-${at}`, 1, {
      labels: { 'muster.dev/pod-group': name },
      annotations: { 'muster.dev/min-member': String(count) },
      spec: { priorityClassName },
    }),
  );
const namesOf = (pods: readonly Pod[]): string[] => pods.map(({ metadata }) => metadata.name);

let stand: Stand;
beforeAll(async () => {
  stand = await Stand.start({ nodes, settings: { placer: { enabled: true } } });
  for (const [name, value] of [['low', 10] as const, ['high', 1000] as const])
    await stand.admin.apply<KubeObject>({
      apiVersion: 'scheduling.k8s.io/v1',
      kind: 'PriorityClass',
      metadata: { name },
      value,
    } as KubeObject);
});
afterAll(async () => await stand?.stop());

test('one of two gangs of low priority is evicted, whole, and the gang of high priority starts whole', async () => {
  const [one, two, vip] = [gang('one', 4, 'low'), gang('two', 4, 'low'), gang('vip', 4, 'high')];
  await stand.create(one);
  await stand.bound(namesOf(one));
  await stand.create(two);
  await stand.bound(namesOf(two));
  await stand.create(vip);
  await stand.bound(namesOf(vip), 30_000);
  const left = async (): Promise<string[]> =>
    (await stand.admin.list<Pod>(PODS)).items
      .filter(({ metadata, spec }) => spec.nodeName !== undefined && metadata.deletionTimestamp === undefined)
      .map(({ metadata }) => metadata.name)
      .sort();
  await waitFor(async () => (await left()).length === 8, { for: 'the rest of the gang that gives way to go' });
  const stays = (await left()).includes('one-0') ? one : two;
  expect(await left()).toEqual([...namesOf(stays), ...namesOf(vip)]);
  const report = await stand.finish({ mayMissMoments: true });
  expect(report.peakMilli).toBeLessThanOrEqual(1000);
});
