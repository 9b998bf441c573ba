import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { Client, condition, items } from '../../../test/contract/client.ts';
import { nodeClock } from '../../kube/node-adapter.ts';
import type { Transport } from '../../kube/ports.ts';
import { connect } from '../../kube/undici-adapter.ts';
import { Api } from '../api/api.ts';
import { inProcess } from '../api/in-process.ts';
import { type JsonObject, type KubeObject, objectAt, textAt } from '../api/object.ts';
import { seededRng } from '../seeded-rng.ts';
import { nodesToFind } from './cycle.ts';
import type { ExtenderConfig } from './extender.ts';
import { Scheduler, type SchedulerOptions } from './scheduler.ts';

type Call = { verb: string; body: JsonObject };
type Reply = unknown;
/** What the extender under test answers, by verb; a number is a status without a body. */
type Script = Partial<
  Record<'filter' | 'prioritize' | 'preempt' | 'bind', (body: JsonObject, calls: readonly Call[]) => Reply>
>;

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A real HTTP extender that follows a script and keeps what it was asked. */
async function extender(script: Script): Promise<{ calls: Call[]; transport: Transport }> {
  const calls: Call[] = [];
  const server: Server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const verb = (request.url ?? '').slice(1) as keyof Script;
    const body = JSON.parse(Buffer.concat(chunks).toString()) as JsonObject;
    const reply = script[verb]?.(body, calls);
    calls.push({ verb, body });
    if (typeof reply === 'number') response.writeHead(reply).end();
    else response.end(typeof reply === 'string' ? reply : JSON.stringify(reply));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const transport = await connect({ server: `http://127.0.0.1:${port}`, component: 'test' });
  cleanups.push(async () => {
    await transport.close();
    await new Promise((resolve) => server.close(resolve));
  });
  return { calls, transport };
}

const MILLI = 'muster.dev/gpu-milli';

async function cluster(
  options: { nodes?: number; milli?: string } & Partial<Pick<SchedulerOptions, 'percentageOfNodesToScore'>>,
  extenders: Partial<ExtenderConfig>[],
) {
  const api = new Api({ clock: nodeClock, newUid: randomUUID });
  const transport = inProcess(api);
  const client = new Client(transport);
  for (let at = 0; at < (options.nodes ?? 2); at += 1) {
    const resources = { cpu: '4', memory: '8Gi', pods: '10', ...(options.milli ? { [MILLI]: options.milli } : {}) };
    await client.must('POST', '/api/v1/nodes', {
      metadata: { name: `n${at + 1}` },
      status: { allocatable: resources, capacity: resources },
    });
  }
  const errors: string[] = [];
  const scheduler = new Scheduler({
    transport,
    clock: nodeClock,
    rng: seededRng(1),
    schedulerNames: ['muster-scheduler'],
    initialBackoffMs: 20,
    maxBackoffMs: 80,
    onError: (error) => errors.push(error.message),
    ...(options.percentageOfNodesToScore === undefined
      ? {}
      : { percentageOfNodesToScore: options.percentageOfNodesToScore }),
    extenders: extenders.map(
      (one, at) =>
        ({ name: `e${at}`, prefix: '', nodeCacheCapable: true, httpTimeoutMs: 2000, ...one }) as ExtenderConfig,
    ),
  });
  cleanups.push(async () => {
    await scheduler.stop();
    await client.close();
  });
  await scheduler.start();
  return { client, scheduler, errors };
}

const PODS = '/api/v1/namespaces/default/pods';
const pod = (name: string, { cpu = '1', milli, priority, ...spec }: JsonObject = {}) => ({
  metadata: { name },
  spec: {
    schedulerName: 'muster-scheduler',
    ...(priority ? { priorityClassName: priority } : {}),
    containers: [{ name: 'main', image: 'x', resources: { requests: { cpu, ...(milli ? { [MILLI]: milli } : {}) } } }],
    ...spec,
  },
});

async function eventually<T>(read: () => Promise<T | null | false | undefined>): Promise<T> {
  for (let attempt = 0; attempt < 400; attempt += 1) {
    const value = await read();
    if (value) return value;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('it did not happen within 4 s');
}

const bound = (client: Client, name: string) =>
  eventually(async () => {
    const { body } = await client.get(`${PODS}/${name}`);
    return textAt(body.spec, 'nodeName') || null;
  });
const refused = (client: Client, name: string) =>
  eventually(async () => {
    const found = condition((await client.get(`${PODS}/${name}`)).body, 'PodScheduled');
    return found.status === 'False' ? found : null;
  });

const namesOf = (body: JsonObject) => (Array.isArray(body.NodeNames) ? body.NodeNames.map(String) : []);
const passOne = (node: string) => () => ({ NodeNames: [node], FailedNodes: {} });

/** Binds as an extender does: one Binding call of its own. */
const binder = (client: () => Client) => (body: JsonObject) => {
  const { PodName, PodNamespace, PodUID, Node } = body as Record<string, string>;
  void client().must('POST', `/api/v1/namespaces/${PodNamespace}/pods/${PodName}/binding`, {
    metadata: { name: PodName, uid: PodUID, annotations: { 'muster.dev/claim': 'c' } },
    target: { kind: 'Node', name: Node },
  });
  return { Error: '' };
};

describe('the scheduler model and its extender', () => {
  it('asks with every key of Go, takes the one node of the answer, skips prioritize, and lets the extender bind', async () => {
    let client: Client;
    const { calls, transport } = await extender({
      filter: passOne('n2'),
      prioritize: () => [],
      bind: binder(() => client),
    });
    const made = await cluster({}, [
      { transport, filterVerb: 'filter', prioritizeVerb: 'prioritize', bindVerb: 'bind', weight: 5 },
    ]);
    client = made.client;
    const created = await client.must('POST', PODS, pod('one'));
    expect(await bound(client, 'one')).toBe('n2');
    expect(calls.map((call) => call.verb)).toEqual(['filter', 'bind']);
    expect(Object.keys(calls[0]!.body)).toEqual(['Pod', 'Nodes', 'NodeNames']);
    expect(calls[0]!.body.Nodes).toBeNull();
    expect(calls[0]!.body.NodeNames).toEqual(['n1', 'n2']);
    expect(objectAt(calls[0]!.body, 'Pod').kind).toBeUndefined();
    expect(calls[1]!.body).toEqual({
      PodName: 'one',
      PodNamespace: 'default',
      PodUID: created.metadata.uid,
      Node: 'n2',
    });
  });

  it('sends whole nodes to an extender without a cache, and reads only Nodes of its answer', async () => {
    const { calls, transport } = await extender({
      filter: (body) => {
        const list = objectAt(body, 'Nodes').items as KubeObject[];
        return { Nodes: { items: list.filter((node) => node.metadata.name === 'n1') }, NodeNames: ['n2'] };
      },
    });
    const { client } = await cluster({}, [{ transport, filterVerb: 'filter', nodeCacheCapable: false }]);
    await client.must('POST', PODS, pod('one'));
    expect(await bound(client, 'one')).toBe('n1');
    expect(calls[0]!.body.NodeNames).toBeNull();
  });

  it('adds prioritize × weight × 10 and takes the best node', async () => {
    const { transport } = await extender({
      filter: (body) => ({ NodeNames: namesOf(body) }),
      prioritize: () => [
        { Host: 'n1', Score: 0 },
        { Host: 'n2', Score: 10 },
        { Host: 'n9', Score: 10 },
      ],
    });
    const { client } = await cluster({}, [
      { transport, filterVerb: 'filter', prioritizeVerb: 'prioritize', weight: 200 },
    ]);
    await client.must('POST', PODS, pod('one'));
    expect(await bound(client, 'one')).toBe('n2');
  });

  it.each([
    ['null for names and nodes', { NodeNames: null, Nodes: null }, 'Unschedulable', /0\/2 nodes are available\.$/],
    [
      'a reason per node',
      { NodeNames: [], FailedNodes: { n1: 'GPU devices are full', n2: 'GPU devices are full' } },
      'Unschedulable',
      /: 2 GPU devices are full\.$/,
    ],
    ['keys in lower case', { nodenames: [], failednodes: { n1: 'full' } }, 'Unschedulable', /: 1 full\.$/],
    ['a node that was not offered', { NodeNames: ['n7'] }, 'SchedulerError', /"n7" which is not found/],
    ['an error text', { NodeNames: ['n1'], Error: 'not synced' }, 'SchedulerError', /not synced/],
    ['status 500', 500, 'SchedulerError', /status 500/],
    ['no JSON', 'oops', 'SchedulerError', /not JSON/],
  ])('%s as filter answer', async (_what, reply, reason, message) => {
    const { transport } = await extender({ filter: () => reply });
    const { client } = await cluster({}, [{ transport, filterVerb: 'filter' }]);
    await client.must('POST', PODS, pod('one'));
    const found = await refused(client, 'one');
    expect(found).toMatchObject({ reason, message: expect.stringMatching(message) });
  });

  it('retries an error by itself, without any event', async () => {
    const { transport } = await extender({
      filter: (_body, calls) => (calls.length === 0 ? 500 : { NodeNames: ['n1'] }),
    });
    const { client } = await cluster({}, [{ transport, filterVerb: 'filter' }]);
    await client.must('POST', PODS, pod('one'));
    expect(await bound(client, 'one')).toBe('n1');
  });

  it('goes on without an ignorable extender that fails', async () => {
    const { transport } = await extender({ filter: () => 500, bind: () => 500 });
    const { client } = await cluster({}, [{ transport, filterVerb: 'filter', bindVerb: 'bind', ignorable: true }]);
    await client.must('POST', PODS, pod('one'));
    expect(await bound(client, 'one')).toMatch(/^n[12]$/);
  });

  it('does not call an extender for pods without its managed resource', async () => {
    const { calls, transport } = await extender({ filter: passOne('n1') });
    const { client } = await cluster({ milli: '8000' }, [
      { transport, filterVerb: 'filter', managedResources: [MILLI] },
    ]);
    await client.must('POST', PODS, pod('plain'));
    await bound(client, 'plain');
    expect(calls).toHaveLength(0);
    await client.must('POST', PODS, pod('gpu', { milli: '500' }));
    await bound(client, 'gpu');
    expect(calls).toHaveLength(1);
  });

  it('tries a pod whose bind failed again', async () => {
    let client: Client;
    const { calls, transport } = await extender({
      filter: passOne('n1'),
      bind: (body, earlier) =>
        earlier.some((call) => call.verb === 'bind') ? binder(() => client)(body) : { Error: 'conflict' },
    });
    const made = await cluster({}, [{ transport, filterVerb: 'filter', bindVerb: 'bind' }]);
    client = made.client;
    await client.must('POST', PODS, pod('one'));
    expect(await bound(client, 'one')).toBe('n1');
    expect(calls.map((call) => call.verb)).toEqual(['filter', 'bind', 'filter', 'bind']);
  });

  it('offers only the nominated node, and all nodes when that one is refused', async () => {
    const { calls, transport } = await extender({
      filter: (body) => ({ NodeNames: namesOf(body).length === 1 ? [] : ['n1'], FailedNodes: {} }),
    });
    const { client } = await cluster({}, [{ transport, filterVerb: 'filter' }]);
    await client.must('POST', PODS, pod('one', { schedulingGates: [{ name: 'x.dev/wait' }] }));
    await client.strategic(`${PODS}/one/status`, { status: { nominatedNodeName: 'n2' } });
    await client.strategic(`${PODS}/one`, { spec: { schedulingGates: [{ $patch: 'delete', name: 'x.dev/wait' }] } });
    expect(await bound(client, 'one')).toBe('n1');
    expect(calls.map((call) => namesOf(call.body))).toEqual([['n2'], ['n1', 'n2']]);
  });

  it('wakes a pod that the extender rejected when a bound pod goes', async () => {
    let free = true;
    const { transport } = await extender({
      filter: () => (free ? { NodeNames: ['n1'] } : { NodeNames: [], FailedNodes: { n1: 'full' } }),
    });
    const { client } = await cluster({ nodes: 1 }, [{ transport, filterVerb: 'filter' }]);
    await client.must('POST', PODS, pod('first'));
    await bound(client, 'first');
    free = false;
    await client.must('POST', PODS, pod('second'));
    await refused(client, 'second');
    free = true;
    await client.must('DELETE', `${PODS}/first`, { gracePeriodSeconds: 0 });
    expect(await bound(client, 'second')).toBe('n1');
  });

  it('keeps CPU of the node for pods it has assumed, and tells which resource is short', async () => {
    const { client } = await cluster({ nodes: 1 }, []);
    for (const name of ['a', 'b', 'c']) await client.must('POST', PODS, pod(name, { cpu: '2' }));
    const found = await refused(client, 'c');
    expect(found.message).toBe('0/1 nodes are available: 1 Insufficient cpu.');
    const placed = items((await client.get(PODS)).body).filter((one) => textAt(one.spec, 'nodeName') !== '');
    expect(placed.map((one) => one.metadata.name)).toEqual(['a', 'b']);
  });
});

describe('preemption', () => {
  async function full(script: Script) {
    const { calls, transport } = await extender({ filter: (body) => ({ NodeNames: namesOf(body) }), ...script });
    const made = await cluster({ nodes: 1, milli: '1000' }, [
      { transport, filterVerb: 'filter', preemptVerb: 'preempt' },
    ]);
    const { client } = made;
    await client.must('POST', '/apis/scheduling.k8s.io/v1/priorityclasses', {
      metadata: { name: 'high' },
      value: 1000,
    });
    for (const name of ['low-1', 'low-2']) {
      await client.must('POST', PODS, pod(name, { milli: '500', terminationGracePeriodSeconds: 0 }));
      await bound(client, name);
    }
    return { ...made, calls };
  }

  it('evicts what the extender corrected the victims to, and then places the preemptor', async () => {
    let chosen = '';
    const { client, calls } = await full({
      preempt: (body) => {
        const [node, victims] = Object.entries(objectAt(body, 'NodeNameToMetaVictims'))[0]!;
        chosen = textAt((victims as { Pods: JsonObject[] }).Pods[0], 'UID');
        return { NodeNameToMetaVictims: { [node]: { Pods: [{ UID: chosen }], NumPDBViolations: 0 } } };
      },
    });
    await client.must('POST', PODS, pod('high', { milli: '500', priority: 'high' }));
    expect(await bound(client, 'high')).toBe('n1');
    const left = items((await client.get(PODS)).body).map((one) => one.metadata.uid);
    expect(left).toHaveLength(2);
    expect(left).not.toContain(chosen);
    expect(calls.filter((call) => call.verb === 'preempt')[0]!.body.NodeNameToVictims).toBeNull();
  });

  it.each([
    ['null victims of a node, which would crash the real one', { NodeNameToMetaVictims: { n1: null } }, /is null/],
    ['an unknown uid', { NodeNameToMetaVictims: { n1: { Pods: [{ UID: 'nobody' }] } } }, /where it is not/],
    ['no victims', { NodeNameToMetaVictims: { n1: { Pods: [] } } }, /at least one victim/],
    ['an unknown node', { NodeNameToMetaVictims: { n9: { Pods: [] } } }, /not in the snapshot/],
  ])('%s is an error and evicts nobody', async (_what, reply, text) => {
    const { client, errors } = await full({ preempt: () => reply });
    await client.must('POST', PODS, pod('high', { milli: '500', priority: 'high' }));
    await eventually(async () => errors.some((message) => text.test(message)));
    expect(items((await client.get(PODS)).body).filter((one) => textAt(one.spec, 'nodeName') !== '')).toHaveLength(2);
  });

  it('is never asked for when resources fit and only the extender refuses', async () => {
    const { calls, transport } = await extender({
      filter: () => ({ NodeNames: [], FailedNodes: { n1: 'fragmented' } }),
      preempt: () => ({}),
    });
    const { client } = await cluster({ nodes: 1 }, [{ transport, filterVerb: 'filter', preemptVerb: 'preempt' }]);
    await client.must('POST', PODS, pod('one'));
    await refused(client, 'one');
    expect(calls.some((call) => call.verb === 'preempt')).toBe(false);
  });
});

describe('sampling', () => {
  it.each([
    [12, 0, 12],
    [99, 10, 99],
    [1000, 0, 420],
    [5000, 0, 500],
    [5000, 100, 5000],
    [6000, 0, 300],
    [200, 10, 100],
  ])('of %i nodes at %i %% looks for %i', (all, percentage, expected) => {
    expect(nodesToFind(all, percentage)).toBe(expected);
  });
});
