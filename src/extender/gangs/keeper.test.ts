/** What the deciding extender writes about gangs, into the embedded API: what is there afterwards is what users see. */
import { randomUUID } from 'node:crypto';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { ManualClock } from '../../../test/build/manual-clock.ts';
import { Books } from '../../cluster/books.ts';
import { definitionOf } from '../../cluster/crd/definition.ts';
import { POD_GROUP } from '../../cluster/crd/pod-group.ts';
import { NodeInventory } from '../../cluster/inventory/node-inventory.ts';
import { Picture } from '../../cluster/picture.ts';
import { projectGang } from '../../cluster/projection/gang.ts';
import { projectNode } from '../../cluster/projection/node.ts';
import { projectPod } from '../../cluster/projection/pod.ts';
import type { PodFacts } from '../../core/placement/pod-facts.ts';
import { nodeClock, nodeRng } from '../../kube/node-adapter.ts';
import type { KubeMethod, KubeRequest, Transport } from '../../kube/ports.ts';
import { GangKeeper } from './keeper.ts';

const { Api } = await import('../../sim/api/api.ts');
const { inProcess } = await import('../../sim/api/in-process.ts');

const GRACE_MS = 60_000;
const GROUPS = '/apis/muster.dev/v1alpha1/namespaces/default/podgroups';
const PODS = '/api/v1/namespaces/default/pods';

type Status = {
  phase?: string;
  reason?: string;
  message?: string;
  plan?: string[];
  members?: object;
  conditions?: object[];
};
type Event = { reason: string; message: string; involvedObject: { name: string } };

let clock: ManualClock;
let picture: Picture;
let books: Books;
let keeper: GangKeeper;
let transport: Transport;
/** method and path of what the keeper sent */
let sent: string[];
/** answers of the API server instead of its own */
let failing: (request: KubeRequest) => number | null;

beforeEach(async () => {
  clock = new ManualClock();
  picture = new Picture();
  books = new Books(picture, clock, { nodePolicy: 'pack', devicePolicy: 'pack', holdMs: 300_000, envGuard: false });
  const api = inProcess(new Api({ clock: nodeClock, newUid: randomUUID }));
  sent = [];
  failing = () => null;
  transport = api;
  await call('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definitionOf(POD_GROUP));
  await vi.waitFor(() => call('GET', GROUPS));
  const spied: Transport = {
    ...api,
    async request(request) {
      sent.push(`${request.method} ${request.path.split('/').slice(-2).join('/')}`);
      const status = failing(request);
      return status === null
        ? await api.request(request)
        : { status, body: Buffer.from('{}'), retryAfterSeconds: null };
    },
  };
  keeper = new GangKeeper({
    picture,
    decider: books,
    transport: spied,
    clock,
    rng: nodeRng,
    mayWrite: () => true,
    schedulers: ['muster-scheduler'],
    graceMs: GRACE_MS,
  });
});

async function call<T>(method: KubeMethod, path: string, body?: unknown): Promise<T> {
  const answer = await transport.request({ method, path, timeoutMs: 1_000, ...(body !== undefined && { body }) });
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.body}`);
  return JSON.parse(answer.body.toString()) as T;
}
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

async function group(spec: object): Promise<void> {
  await call('POST', GROUPS, { apiVersion: 'muster.dev/v1alpha1', kind: 'PodGroup', metadata: { name: 'g' }, spec });
  await seeGroup();
}
async function seeGroup(): Promise<void> {
  const object = await call<object>('GET', `${GROUPS}/g`);
  picture.gangs.upsertObject(projectGang({ ...object, apiVersion: 'muster.dev/v1alpha1' })!);
}

type Over = { node?: string; annotations?: object; labels?: object; scheduler?: string; phase?: string; gpu?: string };
async function member(name: string, over: Over = {}): Promise<PodFacts> {
  const pod = await call<{ metadata: object; spec: object }>('POST', PODS, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      labels: { 'muster.dev/pod-group': 'g', ...over.labels },
      annotations: { 'muster.dev/gpu-fraction': over.gpu ?? '0.5', ...over.annotations },
    },
    spec: {
      schedulerName: over.scheduler ?? 'muster-scheduler',
      containers: [{ name: 'c', image: 'x' }],
      ...(over.node !== undefined && { nodeName: over.node }),
    },
  });
  const facts = projectPod({ ...pod, status: { ...(over.phase !== undefined && { phase: over.phase }) } })!;
  picture.upsertPod(facts);
  return facts;
}
/** one GPU */
function node(name: string): void {
  const inventory = new NodeInventory((of, facts) => picture.nodes.setFacts(of, facts));
  inventory.upsertNode(
    projectNode({
      metadata: {
        uid: name,
        name,
        labels: { 'muster.dev/managed': 'true', 'nvidia.com/gpu.count': '1', 'nvidia.com/gpu.memory': '81559' },
      },
      status: {
        conditions: [{ type: 'Ready', status: 'True' }],
        allocatable: { cpu: '8', memory: '32Gi', pods: '110', 'muster.dev/gpu-milli': '1000' },
      },
    })!,
  );
}
async function round(ms = 1_000): Promise<void> {
  clock.advance(ms);
  keeper.round();
  await settle();
}
const status = async (): Promise<Status> => (await call<{ status?: Status }>('GET', `${GROUPS}/g`)).status ?? {};
const events = async (): Promise<string[]> =>
  (await call<{ items: Event[] }>('GET', '/api/v1/namespaces/default/events')).items
    .map(({ reason, message, involvedObject }) => `${involvedObject.name} ${reason}: ${message}`)
    .sort();
const leaving = async (): Promise<string[]> => {
  const left = (await call<{ items: { metadata: { name: string; deletionTimestamp?: string } }[] }>('GET', PODS)).items;
  const there = left
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .map(({ metadata }) => metadata.name);
  return there.sort();
};

describe('the status of a PodGroup', () => {
  it('says what it waits for, step by step, until it runs and ends', async () => {
    await group({ minMember: 2 });
    await round();
    expect(await status()).toMatchObject({
      phase: 'Pending',
      reason: 'gang-incomplete',
      message: '0 of 2 members are there',
    });
    const a = await member('a');
    await round(3_000);
    expect(await status()).toMatchObject({ message: '1 of 2 members are there', members: { waiting: 1, bound: 0 } });
    await member('b');
    books.filter(a, books.resolve([]), 1);
    await round();
    expect(await status()).toMatchObject({
      phase: 'Pending',
      reason: 'gang-no-room',
      message: expect.stringContaining('0 of the 2 members'),
    });
    node('n1');
    books.filter(a, books.resolve(['n1']), 1);
    await round();
    expect(await status()).toMatchObject({ phase: 'Planned', plan: ['n1'], members: { planned: 2, waiting: 0 } });
    expect((await status()).reason).toBeUndefined();
    for (const pod of [...picture.gangs.get('default/g')!.members.values()])
      picture.upsertPod({ ...pod, nodeName: 'n1' });
    await round();
    expect(await status()).toMatchObject({
      phase: 'Running',
      members: { needed: 2, bound: 2 },
      conditions: [{ type: 'Started', status: 'True' }],
    });
    expect((await status()).plan).toBeUndefined();
    for (const pod of [...picture.gangs.get('default/g')!.members.values()])
      picture.upsertPod({ ...pod, terminal: true, succeeded: true });
    await round();
    expect(await status()).toMatchObject({ phase: 'Finished' });
    await seeGroup();
    for (const { uid } of [...picture.gangs.get('default/g')!.members.values()]) picture.removePod(uid);
    await round();
    expect(await status()).toMatchObject({ phase: 'Finished' });
    expect(await events()).toEqual([]);
  });

  it('is written once per change, and again with back-off where that failed', async () => {
    await group({ minMember: 2 });
    failing = () => 500;
    await round();
    await round(10);
    expect(sent).toEqual(['PATCH g/status']);
    failing = () => null;
    await round(60_000);
    for (let times = 0; times < 20; times++) await round();
    expect(sent).toEqual(['PATCH g/status', 'PATCH g/status']);
    expect(await status()).toMatchObject({ phase: 'Pending' });
  });
});

describe('a declaration that can never start', () => {
  it.each<[string, () => Promise<unknown>, string]>([
    [
      'two groups on one pod',
      () => member('a', { annotations: { 'pod-group-name': 'other' } }),
      'GangInvalid: gang default/g: label muster.dev/pod-group: "g" and annotation pod-group-name: "other" name different gangs; keep one of them',
    ],
    [
      'a minimum of zero',
      () => member('a', { annotations: { 'muster.dev/min-member': '0' } }),
      'write a whole number from 1',
    ],
    [
      'object and annotation disagree',
      () => member('a', { annotations: { 'muster.dev/min-member': '5' } }),
      'keep one of them',
    ],
    ['an unknown sub-group', () => member('a', { labels: { 'muster.dev/sub-group': 'x' } }), 'is in sub-group x'],
    [
      'two schedulers',
      async () => {
        await member('a');
        await member('b', { scheduler: 'other' });
      },
      'must name the same one',
    ],
  ])('%s: an event on the pod, once', async (_, arrive, message) => {
    await group({ minMember: 2 });
    await arrive();
    await round();
    await round();
    keeper.beginAnew();
    await round();
    expect(await events()).toEqual([expect.stringMatching(/^a GangInvalid: gang default\/g: /)]);
    expect((await events())[0]).toContain(message);
    expect(await status()).toMatchObject({ phase: 'Pending', reason: 'gang-invalid' });
  });
});

describe('a gang that lost members', () => {
  const cases: [string, object, string[], string][] = [
    ['keep', { onMemberLoss: 'keep' }, ['a', 'b', 'late'], 'it stays as it is'],
    ['nothing said', {}, ['a', 'b', 'late'], 'it stays as it is'],
    ['restart', { onMemberLoss: 'restart' }, [], 'it is evicted'],
    ['evict', { onMemberLoss: 'evict' }, ['late'], 'it is evicted'],
  ];
  it.each(cases)('%s', async (_, spec, remain, does) => {
    await group({ minMember: 3, ...spec });
    const pods = [
      await member('a', { node: 'n1' }),
      await member('b', { node: 'n1' }),
      await member('c', { node: 'n1' }),
    ];
    await round();
    expect(await status()).toMatchObject({ phase: 'Running' });
    picture.removePod(pods[2]!.uid);
    await call('DELETE', `${PODS}/c`, { gracePeriodSeconds: 0 });
    await member('late');
    await round(GRACE_MS - 1_000);
    await round(500);
    expect(await leaving()).toEqual(['a', 'b', 'late']);
    expect(await events()).toEqual([]);
    await round(GRACE_MS);
    await round();
    expect(await status()).toMatchObject({ phase: 'Degraded', reason: 'gang-degraded' });
    expect(await leaving()).toEqual(remain);
    const told = await events();
    expect(told.slice(0, 2)).toEqual([
      expect.stringContaining(`a GangDegraded: gang default/g: `),
      expect.stringContaining('b GangDegraded'),
    ]);
    expect(told.every((text) => text.includes(does))).toBe(true);
  });

  it('is left alone when they come back in time, and when it is another scheduler’s', async () => {
    const a = await member('a', { node: 'n1', annotations: { 'muster.dev/min-member': '2' } });
    await round();
    await round(GRACE_MS / 2);
    const b = await member('b', { node: 'n1', annotations: { 'muster.dev/min-member': '2' } });
    await round(GRACE_MS);
    for (const pod of [a, b]) picture.upsertPod({ ...pod, schedulerName: 'other' });
    picture.removePod(b.uid);
    await round();
    await round(2 * GRACE_MS);
    expect(await events()).toEqual([]);
  });

  it('tries again what a disruption budget refuses', async () => {
    await group({ minMember: 2, onMemberLoss: 'evict' });
    await member('a', { node: 'n1' });
    failing = ({ path }) => (path.endsWith('/eviction') ? 429 : null);
    await round();
    await round(GRACE_MS);
    await round(10);
    expect(await leaving()).toEqual(['a']);
    expect(sent.filter((line) => line.endsWith('/eviction'))).toHaveLength(1);
    failing = () => null;
    await round(60_000);
    expect(await leaving()).toEqual([]);
  });

  it.each([
    ['only ever bound in part gives up what it has', 0, ['b']],
    ['once whole is left to whoever made it', 1, ['a', 'b']],
  ])('a native pod group that was %s', async (_, before, left) => {
    picture.gangs.upsertObject({
      ...projectGang({
        apiVersion: 'scheduling.k8s.io/v1beta1',
        metadata: { uid: 'u', namespace: 'default', name: 'n' },
        spec: { schedulingPolicy: { gang: { minCount: 2 } } },
      })!,
    });
    const native = (facts: PodFacts): PodFacts => ({
      ...facts,
      gangSaid: { ...facts.gangSaid!, key: 'default/n', dialect: 'native' },
    });
    const a = await member('a', { node: 'n1' });
    picture.upsertPod({ ...native(a), startedMs: a.createdMs + 5_000 });
    const b = native(await member('b'));
    picture.upsertPod(before > 0 ? { ...b, nodeName: 'n1' } : b);
    await round();
    picture.upsertPod(b);
    await round();
    await round(GRACE_MS);
    expect(await leaving()).toEqual(left);
  });

  it.each([
    ['ours', false],
    ['kube-scheduler’s own, which goes on binding the rest', true],
  ])('bound in part and larger than what is evicted at a time goes whole: %s', async (_, isNative) => {
    const [count, minMember] = [45, 48];
    if (isNative)
      picture.gangs.upsertObject(
        projectGang({
          apiVersion: 'scheduling.k8s.io/v1beta1',
          metadata: { uid: 'u', namespace: 'default', name: 'g' },
          spec: { schedulingPolicy: { gang: { minCount: minMember } } },
        })!,
      );
    const annotations = isNative ? {} : { 'muster.dev/min-member': String(minMember) };
    const put = (facts: PodFacts): void =>
      picture.upsertPod(isNative ? { ...facts, gangSaid: { ...facts.gangSaid!, dialect: 'native' } } : facts);
    for (let at = 0; at < count; at++) {
      const facts = await member(`m-${at}`, { node: 'n1', annotations });
      put({ ...facts, startedMs: facts.createdMs + 5_000 });
    }
    const late = await Promise.all(['a', 'b', 'c'].map((name) => member(name, { annotations })));
    for (const facts of late) put(facts);
    await round();
    await round(GRACE_MS);
    // who was evicted is gone, and some of the rest is bound meanwhile
    for (let times = 0; times < 5; times++) {
      const there = new Set(await leaving());
      for (const { uid, name } of [...picture.pods()]) if (!there.has(name)) picture.removePod(uid);
      if (isNative && times === 0) for (const facts of late) put({ ...facts, nodeName: 'n1' });
      await round(2_000);
    }
    expect(await leaving()).toEqual(isNative ? [] : ['a', 'b', 'c']);
  });

  it('that was only ever bound in part gives up what it has', async () => {
    const two = { annotations: { 'muster.dev/min-member': '2' } };
    const a = await member('a', { node: 'n1', ...two });
    picture.upsertPod({ ...a, startedMs: a.createdMs + 5_000 });
    await member('b', two);
    await round();
    await round(GRACE_MS);
    expect(await leaving()).toEqual(['b']);
  });
});
