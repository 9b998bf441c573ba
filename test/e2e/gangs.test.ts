/**
 * Gangs through a real kube-scheduler: whole or not at all, in every dialect, and with the scheduler's own pod groups. A watch of its own
 * notes when each pod was bound, so what is checked is every observed moment and not only the end.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FOREIGN_GROUPS, foreignDefinition } from '../kit/gang-crds.ts';
import { definitions } from './harness/deploy.ts';
import { follow } from './harness/follow.ts';
import { type KubeObject, objectPath, type Pod } from './harness/kube.ts';
import { devicesOf } from './harness/nodes.ts';
import { fraction, type PodOptions, pod, wholeGpus } from './harness/pods.ts';
import { Stand } from './harness/stand.ts';
import { waitFor } from './harness/wait.ts';

const nodes = ['n1', 'n2', 'n3', 'n4'].map((name) => ({
  name,
  source: 'annotation' as const,
  devices: devicesOf(4, 'NVIDIA-A100-SXM4-40GB', 40960),
  labels: { rack: name < 'n3' ? 'r1' : 'r2' },
}));
const PODS = '/api/v1/namespaces/default/pods';
/** from the first to the last Binding of one gang, ms: the barrier lets all go at once */
const SPREAD_MS = 2_000;

type PodGroup = KubeObject & { status?: { phase?: string; reason?: string; message?: string } };

let stand: Stand;
/** by pod name: when it was first seen bound, ms */
const boundAt = new Map<string, number>();
const ending = new AbortController();
let watching: Promise<void>;

beforeAll(async () => {
  stand = await Stand.start({
    nodes,
    settings: { holdSeconds: 3, gangGraceSeconds: 5 },
    before: [...definitions(), ...FOREIGN_GROUPS.map(foreignDefinition)],
    plane: {
      featureGates: { GenericWorkload: true },
      apiserverArgs: ['--runtime-config=scheduling.k8s.io/v1beta1=true'],
    },
    schedulerArgs: ['--feature-gates=GenericWorkload=true'],
  });
  const version = async (): Promise<string> => (await stand.admin.list<Pod>(PODS)).resourceVersion;
  watching = follow<Pod>(stand.admin, {
    path: PODS,
    from: await version(),
    on: ({ object }) => {
      const { name } = object.metadata;
      if (object.spec.nodeName !== undefined && !boundAt.has(name)) boundAt.set(name, performance.now());
    },
    relist: version,
    signal: ending.signal,
  });
});
afterAll(async () => {
  ending.abort();
  await watching;
  await stand?.stop();
});

const members = (gang: string, count: number): string[] => Array.from({ length: count }, (_, at) => `${gang}-${at}`);
const boundOf = (names: readonly string[]): string[] => names.filter((name) => boundAt.has(name));
/** ms from the first to the last Binding */
function spreadOf(names: readonly string[]): number {
  const times = names.map((name) => boundAt.get(name)!);
  return Math.max(...times) - Math.min(...times);
}
async function remove(names: readonly string[]): Promise<void> {
  for (const name of names) await stand.admin.remove(objectPath(pod(name)));
}
async function whole(names: readonly string[]): Promise<Map<string, Pod>> {
  const pods = await stand.bound(names);
  await waitFor(() => boundOf(names).length === names.length, { for: 'the watch to show them' });
  expect(spreadOf(names)).toBeLessThan(SPREAD_MS);
  return pods;
}

describe('two gangs that each need 60 % of the cluster', () => {
  const [a, b] = [members('a', 10), members('b', 10)];
  const gang = (name: string): Pod => {
    const group = name.split('-')[0]!;
    return wholeGpus(name, 1, {
      labels: { 'muster.dev/pod-group': group },
      annotations: { 'muster.dev/min-member': '10' },
    });
  };

  test('submitted interleaved: one runs whole, the other waits whole, then runs', async () => {
    await stand.create(a.flatMap((name, at) => [gang(name), gang(b[at]!)]));
    const [first, second] = await waitFor(
      () => (boundOf(a).length === 10 ? [a, b] : boundOf(b).length === 10 ? [b, a] : null),
      { for: 'one of them to run', timeoutMs: 60_000, onTimeout: () => stand.logs() },
    );
    expect(spreadOf(first!)).toBeLessThan(SPREAD_MS);
    await sleep(5_000);
    expect(boundOf(second!)).toEqual([]);
    const { text } = await stand.muster.get(`/explain?gang=default/${second![0]!.split('-')[0]}`);
    expect(text).toContain('waits for room\n');
    expect(text).toContain('room now: for 6 of the 10 members');
    await remove(first!);
    await whole(second!);
    await remove(second!);
  });
});

describe('a gang in every dialect', () => {
  const KOORDINATOR = 'gang.scheduling.koordinator.sh';
  const two = (group: string) => ({ group, spec: { minMember: 2 } });
  const dialects: [string, PodOptions, { group: string; spec: object } | null][] = [
    ['muster', { labels: { 'muster.dev/pod-group': 'NAME' }, annotations: { 'muster.dev/min-member': '2' } }, null],
    ['crd', { labels: { 'muster.dev/pod-group': 'NAME' } }, two('muster.dev/v1alpha1')],
    ['cosched', { labels: { 'scheduling.x-k8s.io/pod-group': 'NAME' } }, two('scheduling.x-k8s.io/v1alpha1')],
    ['older', { labels: { 'pod-group.scheduling.sigs.k8s.io': 'NAME' } }, two('scheduling.sigs.k8s.io/v1alpha1')],
    [
      'light',
      {
        labels: {
          'pod-group.scheduling.sigs.k8s.io/name': 'NAME',
          'pod-group.scheduling.sigs.k8s.io/min-available': '2',
        },
      },
      null,
    ],
    ['volcano', { annotations: { 'scheduling.k8s.io/group-name': 'NAME' } }, two('scheduling.volcano.sh/v1beta1')],
    ['koord', { annotations: { [`${KOORDINATOR}/name`]: 'NAME', [`${KOORDINATOR}/min-available`]: '2' } }, null],
    [
      'kueue',
      {
        labels: { 'kueue.x-k8s.io/pod-group-name': 'NAME' },
        annotations: { 'kueue.x-k8s.io/pod-group-total-count': '2' },
      },
      null,
    ],
    ['kai', { annotations: { 'pod-group-name': 'NAME' } }, two('scheduling.run.ai/v2alpha2')],
    ['kaiann', { annotations: { 'pod-group-name': 'NAME', 'kai.scheduler/batch-min-member': '2' } }, null],
  ];
  const podGroup = (apiVersion: string, name: string, spec: object): KubeObject =>
    ({ apiVersion, kind: 'PodGroup', metadata: { name, namespace: 'default' }, spec }) as KubeObject;

  test.each(dialects)('%s: nobody before both are there, then both', async (name, options, object) => {
    const named = JSON.parse(JSON.stringify(options).replaceAll('NAME', name)) as PodOptions;
    if (object !== null) await stand.admin.create(podGroup(object.group, name, object.spec));
    const names = members(name, 2);
    await stand.create([fraction(names[0]!, '0.25', named)]);
    await sleep(1_500);
    expect(boundOf(names)).toEqual([]);
    await stand.create([fraction(names[1]!, '0.25', named)]);
    await whole(names);
    await remove(names);
  });

  test('our PodGroup: one rack, the status along the way, and what follows a loss', async () => {
    const path = '/apis/muster.dev/v1alpha1/namespaces/default/podgroups/near';
    const phase = (wanted: string) =>
      waitFor(
        async () => {
          const { status } = await stand.admin.get<PodGroup>(path);
          if (status?.phase !== wanted) throw new Error(JSON.stringify(status));
          return status;
        },
        { for: `phase ${wanted}`, onTimeout: () => stand.logs() },
      );
    const spec = { minMember: 6, topology: { required: 'rack' }, onMemberLoss: 'evict' };
    await stand.admin.create(podGroup('muster.dev/v1alpha1', 'near', spec));
    expect(await phase('Pending')).toMatchObject({ reason: 'gang-incomplete', message: '0 of 6 members are there' });
    const names = members('near', 6);
    await stand.create(names.map((name) => wholeGpus(name, 1, { labels: { 'muster.dev/pod-group': 'near' } })));
    const pods = await whole(names);
    const racks = new Set(names.map((name) => (pods.get(name)!.spec.nodeName! < 'n3' ? 'r1' : 'r2')));
    expect(racks.size).toBe(1);
    await phase('Running');
    await remove(names.slice(0, 1));
    expect(await phase('Degraded')).toMatchObject({ reason: 'gang-degraded' });
    await waitFor(
      async () => (await stand.admin.list<Pod>(PODS)).items.every(({ metadata }) => !metadata.name.startsWith('near')),
      { for: 'the others to be evicted', onTimeout: () => stand.logs() },
    );
    const events = await stand.admin.list<KubeObject & { reason: string }>('/api/v1/namespaces/default/events');
    expect(events.items.filter(({ reason }) => reason === 'GangDegraded')).toHaveLength(5);
  });
});

describe('members that come and go', () => {
  const elastic = (name: string): Pod =>
    wholeGpus(name, 1, {
      labels: { 'muster.dev/pod-group': 'elastic' },
      annotations: { 'muster.dev/min-member': '3' },
    });

  test('those above the minimum follow one by one, and one that is made anew is placed beside the others', async () => {
    const names = members('elastic', 18);
    await stand.create(names.map(elastic));
    // sixteen devices: two wait, and nobody waits for them
    await waitFor(() => boundOf(names).length === 16, { for: 'sixteen to run', onTimeout: () => stand.logs() });
    await sleep(1_000);
    const waiting = names.filter((name) => !boundAt.has(name));
    expect(waiting).toHaveLength(2);
    const [lost] = boundOf(names);
    await remove([lost!]);
    await waitFor(() => boundOf(waiting).length === 1, { for: 'one of the waiting', onTimeout: () => stand.logs() });
    await remove(names);
  });

  test('a member that is made anew is planned beside the others, which stay where they are', async () => {
    const anew = (name: string): Pod =>
      wholeGpus(name, 1, { labels: { 'muster.dev/pod-group': 'anew' }, annotations: { 'muster.dev/min-member': '4' } });
    const names = members('anew', 4);
    await stand.create(names.map(anew));
    const before = await whole(names);
    await remove(['anew-2']);
    boundAt.delete('anew-2');
    await stand.create([anew('anew-2')]);
    const after = await whole(names.filter((name) => name !== 'anew-2')).then(() => stand.bound(names));
    for (const name of names.filter((each) => each !== 'anew-2'))
      expect(after.get(name)!.metadata.uid).toBe(before.get(name)!.metadata.uid);
    await remove(names);
  });
});

describe('a declaration that can never start', () => {
  const label = { 'muster.dev/pod-group': 'bad' };
  const KOORDINATOR = 'gang.scheduling.koordinator.sh';
  const cases: [string, PodOptions[], string][] = [
    ['zero', [{ labels: label, annotations: { 'muster.dev/min-member': '0' } }], 'write a whole number from 1'],
    [
      'larger',
      [
        {
          annotations: {
            [`${KOORDINATOR}/name`]: 'bad',
            [`${KOORDINATOR}/min-available`]: '3',
            [`${KOORDINATOR}/total-number`]: '2',
          },
        },
      ],
      'the gang can never be complete',
    ],
    [
      'schedulers',
      [
        { labels: label, annotations: { 'muster.dev/min-member': '2' } },
        { labels: label, annotations: { 'muster.dev/min-member': '2' }, schedulerName: 'somebody-else' },
      ],
      'members of a gang must name the same one',
    ],
    [
      'disagree',
      [
        { labels: label, annotations: { 'muster.dev/min-member': '2' } },
        { labels: label, annotations: { 'muster.dev/min-member': '3' } },
      ],
      'write the same number',
    ],
  ];
  type Event = KubeObject & { reason: string; message: string; involvedObject: { name: string } };

  test('two groups on one pod: refused at admission, with both lines', async () => {
    const two = fraction('twogroups', '0.25', {
      labels: label,
      annotations: { 'muster.dev/min-member': '1', 'pod-group-name': 'other' },
    });
    await expect(stand.create([two])).rejects.toThrow(
      /muster\.dev\/pod-group: "bad" contradicts annotation pod-group-name: "other"/,
    );
  });

  test.each(cases)('%s: an event on the pod, a constant reason, and nobody starts', async (name, pods, text) => {
    const names = pods.map((_, at) => `${name}-${at}`);
    await stand.create(pods.map((options, at) => fraction(names[at]!, '0.25', options)));
    const event = await waitFor(
      async () => {
        const { items } = await stand.admin.list<Event>('/api/v1/namespaces/default/events');
        return items.find(({ reason, involvedObject }) => reason === 'GangInvalid' && involvedObject.name === names[0]);
      },
      { for: 'the event', onTimeout: () => stand.logs() },
    );
    expect(event.message).toContain(text);
    const waiting = await stand.admin.waitForPod(
      names[0]!,
      ({ status }) => status?.conditions?.some(({ type }) => type === 'PodScheduled') ?? false,
      { for: 'what kube-scheduler says' },
    );
    const said = waiting.status?.conditions?.find(({ type }) => type === 'PodScheduled')?.message;
    expect(said).toContain('4 the gang is declared in a way that can never start');
    expect(boundOf(names)).toEqual([]);
    await remove(names);
  });
});

test('with the extender killed by -9 again and again, every gang becomes whole', async () => {
  const gangs = Array.from({ length: 8 }, (_, at) => members(`killed${at}`, 4));
  const all = gangs.flat();
  const group = (name: string): Pod =>
    fraction(name, '0.5', {
      labels: { 'muster.dev/pod-group': name.split('-')[0]! },
      annotations: { 'muster.dev/min-member': '4' },
    });
  // the webhook is in the same process: who is created while it is away is not prepared, so all are there before
  await stand.create(all.map(group), 32);
  for (let kill = 0; kill < 3; kill++) {
    await stand.muster.killAndRestart();
    await stand.muster.ready();
    await sleep(200 * kill);
  }
  await stand.bound(all, 90_000);
  await remove(all);
});

describe('native pod groups', () => {
  const GROUPS = '/apis/scheduling.k8s.io/v1beta1/namespaces/default/podgroups';
  const group = (name: string, minCount: number) =>
    stand.admin.expect('POST', GROUPS, {
      apiVersion: 'scheduling.k8s.io/v1beta1',
      kind: 'PodGroup',
      metadata: { name },
      spec: { schedulingPolicy: { gang: { minCount } } },
    });
  const native = (name: string, of: string): Pod =>
    wholeGpus(name, 1, { spec: { schedulingGroup: { podGroupName: of } } as Partial<Pod['spec']> });

  test('one that fits is bound whole', async () => {
    await group('fits', 3);
    const names = members('fits', 3);
    await stand.create(names.map((name) => native(name, 'fits')));
    await whole(names);
    await remove(names);
  });

  test('one that does not fit binds nobody, and what was tried for it is free again for others', async () => {
    await group('vast', 17);
    const names = members('vast', 17);
    await stand.create(names.map((name) => native(name, 'vast')));
    await waitFor(async () => (await stand.muster.get('/explain?pod=default/vast-0')).text.includes('waits'), {
      for: 'its members to be known',
    });
    await sleep(3_000);
    const others = members('others', 16);
    await stand.create(others.map((name) => wholeGpus(name, 1)));
    await stand.bound(others, 90_000);
    expect(boundOf(names)).toEqual([]);
    await remove([...names, ...others]);
  });
});

test('no device was ever over 100 %, and no moment was missed', async () => {
  const report = await stand.finish();
  expect(report.peakMilli).toBeLessThanOrEqual(1000);
});
