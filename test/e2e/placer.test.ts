/** Decided before kube-scheduler looks: gated pods and gangs through the real one, with the shipped configuration. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { placeOf } from './harness/claims.ts';
import { objectPath, type Pod } from './harness/kube.ts';
import { devicesOf } from './harness/nodes.ts';
import { fraction } from './harness/pods.ts';
import { Stand } from './harness/stand.ts';
import { waitFor } from './harness/wait.ts';

const nodes = ['a', 'b', 'c', 'd'].map((name) => ({
  name,
  source: 'annotation' as const,
  devices: devicesOf(4, 'Tesla T4', 15360),
}));
const waits = { annotations: { 'muster.dev/wait': 'true' } };

const gang = (name: string, count: number, share: string): Pod[] =>
  Array.from({ length: count }, (_, at) =>
    fraction(`${name}-${at}`, share, {
      labels: { 'muster.dev/pod-group': name },
      annotations: { 'muster.dev/min-member': String(count) },
    }),
  );
const namesOf = (pods: readonly Pod[]): string[] => pods.map(({ metadata }) => metadata.name);
const placed = ({ status }: Pod) => status?.conditions?.find(({ type }) => type === 'muster.dev/Placed');

describe('the placer', () => {
  let stand: Stand;
  beforeAll(async () => {
    stand = await Stand.start({ nodes, settings: { placer: { enabled: true } } });
  });
  afterAll(async () => await stand?.stop());

  const end = async (pods: readonly Pod[]): Promise<void> => {
    for (const each of pods) await stand.admin.remove(objectPath(each));
  };

  test('pods that wait behind its gate are nominated and bound where they were planned', async () => {
    const pods = Array.from({ length: 8 }, (_, at) => fraction(`single-${at}`, '0.5', waits));
    const created = await stand.create(pods);
    expect(created[0]!.spec.schedulingGates).toEqual([{ name: 'muster.dev/placement' }]);
    const bound = await stand.bound(namesOf(pods));
    for (const name of namesOf(pods)) {
      const plan = JSON.parse(bound.get(name)!.metadata.annotations!['muster.dev/plan']!) as { node: string };
      expect(bound.get(name)!.spec.nodeName).toBe(plan.node);
    }
    expect(new Set(namesOf(pods).map((name) => placeOf(bound.get(name)!))).size).toBe(4);
    await end(pods);
  });

  test('a gang of eight starts whole, and a second one that does not fit beside it waits whole', async () => {
    const [one, two] = [gang('one', 8, '1'), gang('two', 12, '1')];
    await stand.create(one);
    await stand.bound(namesOf(one));
    await stand.create(two);
    const waiting = await stand.admin.waitForPod('two-11', (each) => placed(each)?.status === 'False', {
      for: 'its reason',
      onTimeout: () => stand.logs(),
    });
    expect(placed(waiting)).toMatchObject({
      reason: 'GangNoRoom',
      message: 'not all members of the gang fit at the same time',
    });
    const pods = (await stand.admin.list<Pod>('/api/v1/namespaces/default/pods')).items;
    expect(pods.filter(({ metadata, spec }) => metadata.name.startsWith('two-') && spec.nodeName)).toEqual([]);
    await end(one);
    // the barrier in bind gives up after ten: whoever has a place must not be left behind its gate
    const bound = await stand.bound(namesOf(two), 9_000);
    expect(placed(bound.get('two-11')!)?.status).toBe('True');
    await end(two);
  });

  test('the gates of others stay, and such a pod is not decided', async () => {
    const [held] = await stand.create([
      fraction('held', '0.5', { ...waits, spec: { schedulingGates: [{ name: 'example.org/quota' }] } }),
    ]);
    const free = fraction('free', '0.5', waits);
    await stand.create([free]);
    await stand.bound(['free']);
    const now = await stand.admin.expect<Pod>('GET', objectPath(held!));
    expect(now.spec.schedulingGates).toEqual([{ name: 'example.org/quota' }, { name: 'muster.dev/placement' }]);
    expect(now.metadata.annotations?.['muster.dev/plan']).toBeUndefined();
    await end([held!, free]);
  });

  test('killed by -9 in the middle, it goes on from what stands on the pods', async () => {
    const pods = [
      ...gang('big', 8, '0.5'),
      ...Array.from({ length: 12 }, (_, at) => fraction(`more-${at}`, '0.5', waits)),
    ];
    const creating = stand.create(pods, 4);
    await waitFor(
      async () => {
        const { items } = await stand.admin.list<Pod>('/api/v1/namespaces/default/pods');
        return items.some(({ metadata }) => metadata.annotations?.['muster.dev/plan'] !== undefined);
      },
      { for: 'the first plan', everyMs: 5 },
    );
    await stand.muster.killAndRestart();
    await creating;
    // the webhook was away for some: those are ours only if they were created before or after
    await stand.muster.ready();
    const { items } = await stand.admin.list<Pod>('/api/v1/namespaces/default/pods');
    const prepared = items.filter(({ metadata }) => metadata.annotations?.['muster.dev/request'] !== undefined);
    const singles = namesOf(prepared).filter((name) => name.startsWith('more-'));
    const members = namesOf(prepared).filter((name) => name.startsWith('big-'));
    expect(singles.length + members.length).toBeGreaterThan(0);
    await stand.bound([...singles, ...(members.length === 8 ? members : [])], 90_000);
    const report = await stand.finish({ mayMissMoments: true });
    expect(report.peakMilli).toBeLessThanOrEqual(1000);
  });
});

describe('a placer that is switched off later', () => {
  let stand: Stand;
  beforeAll(async () => {
    stand = await Stand.start({ nodes, settings: { placer: { enabled: true, exposeHead: 0 } } });
  });
  afterAll(async () => await stand?.stop());

  test('leaves nobody behind its gate, and a gang still starts whole', async () => {
    const [big, later] = [gang('fill', 14, '1'), gang('later', 4, '1')];
    await stand.create(big);
    await stand.bound(namesOf(big));
    const single = fraction('alone', '0.5', { ...waits, spec: { schedulingGates: [{ name: 'example.org/quota' }] } });
    await stand.create([...later, single]);
    await stand.admin.waitForPod('later-3', (each) => placed(each)?.status === 'False', { for: 'its reason' });
    await stand.muster.process.killHard();
    stand.muster.reconfigure({ placer: { enabled: false } });
    await stand.muster.killAndRestart();
    await stand.muster.ready();
    const ours = ({ spec }: Pod): boolean =>
      (spec.schedulingGates ?? []).every(({ name }) => name !== 'muster.dev/placement');
    for (const name of [...namesOf(later), 'alone'])
      await stand.admin.waitForPod(name, ours, { for: 'its gate to be lifted', onTimeout: () => stand.logs() });
    const held = await stand.admin.expect<Pod>('GET', objectPath(single));
    expect(held.spec.schedulingGates).toEqual([{ name: 'example.org/quota' }]);
    // there is room for two of the four
    await sleep(3_000);
    const { items } = await stand.admin.list<Pod>('/api/v1/namespaces/default/pods');
    expect(items.filter(({ metadata, spec }) => metadata.name.startsWith('later-') && spec.nodeName)).toEqual([]);
    for (const each of big.slice(0, 4)) await stand.admin.remove(objectPath(each));
    const bound = await stand.bound(namesOf(later), 60_000);
    expect(bound.size).toBeGreaterThanOrEqual(4);
    await stand.admin.waitForPod('later-3', (each) => placed(each)?.status === 'True', {
      for: 'the end of its reason',
    });
    expect(stand.muster.process.log().match(/no placer runs here/g)).toHaveLength(1);
    const report = await stand.finish();
    expect(report.peakMilli).toBeLessThanOrEqual(1000);
  });
});

describe('with the default sampling of kube-scheduler', () => {
  let stand: Stand;
  beforeAll(async () => {
    const many = Array.from({ length: 130 }, (_, at) => ({
      name: `s${at}`,
      source: 'annotation' as const,
      devices: devicesOf(1, 'Tesla T4', 15360),
    }));
    stand = await Stand.start({ nodes: many, sampling: true, settings: { placer: { enabled: true } } });
  }, 120_000);
  afterAll(async () => await stand?.stop());

  test('pods are packed as if every node had been offered', async () => {
    const pods = Array.from({ length: 20 }, (_, at) => fraction(`p${at}`, '0.25'));
    for (const each of pods) {
      await stand.create([each]);
      await stand.bound(namesOf([each]));
    }
    const bound = await stand.bound(namesOf(pods));
    expect(new Set(namesOf(pods).map((name) => bound.get(name)!.spec.nodeName)).size).toBe(5);
    expect(namesOf(pods).some((name) => bound.get(name)!.metadata.annotations?.['muster.dev/plan'])).toBe(true);
    await stand.finish();
  });
});
