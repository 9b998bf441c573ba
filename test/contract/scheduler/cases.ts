/** What an extender, a user and an autoscaler see of a scheduler. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { arrayAt, type JsonObject, objectAt, textAt } from '../../../src/sim/api/object.ts';
import { condition } from '../client.ts';
import { names, passAll, podOf, refuseAll } from './answers.ts';
import {
  createPriorities,
  type Entry,
  MILLI,
  node,
  type Plane,
  PODS,
  pod,
  SCHEDULER,
  type Script,
  Stand,
} from './plane.ts';

const FILTER: Entry = { filterVerb: 'filter' };
const ALL: Entry = { ...FILTER, prioritizeVerb: 'prioritize', preemptVerb: 'preempt', bindVerb: 'bind', weight: 5 };
const TWO = [node('n1'), node('n2')];
const NO_VICTIMS = (all: number): string =>
  `preemption: 0/${all} nodes are available: ${all} No preemption victims found for incoming pod.`;

export function schedulerContract(open: () => Promise<Plane>): void {
  let plane: Plane;
  let stand: Stand | null = null;
  beforeAll(async () => {
    plane = await open();
    await createPriorities(plane.client);
  });
  afterEach(async () => {
    await stand?.stop();
    stand = null;
  });
  afterAll(async () => await plane?.client.close());

  const start = async (
    entries: readonly Entry[],
    script: Script,
    nodes: readonly JsonObject[] = TWO,
  ): Promise<Stand> => {
    stand = await Stand.start(plane, entries, script, nodes);
    return stand;
  };

  describe('one pod', () => {
    it('is asked for with every key of Go, skips prioritize when one node is left, and is bound by the extender', async () => {
      const s: Stand = await start([ALL], {
        filter: () => ({ NodeNames: ['n2'], FailedNodes: {} }),
        prioritize: () => [],
        bind: (body) => s.bind(body),
      });
      const created = await s.create(pod('one'));
      expect(await s.bound('one')).toBe('n2');
      expect(s.calls.map(({ verb, nodes }) => [verb, nodes])).toEqual([
        ['filter', ['n1', 'n2']],
        ['bind', ['n2']],
      ]);
      const [filter, bind] = s.calls;
      expect(Object.keys(filter!.body)).toEqual(['Pod', 'Nodes', 'NodeNames']);
      expect(filter!.body.Nodes).toBeNull();
      expect(objectAt(filter!.body, 'Pod').kind).toBeUndefined();
      const { uid } = created.metadata;
      expect(bind!.body).toEqual({ PodName: 'one', PodNamespace: 'default', PodUID: uid, Node: 'n2' });
      const [event] = await s.notes('one', 'Scheduled');
      expect(event).toMatchObject({
        note: 'Successfully assigned default/one to n2',
        type: 'Normal',
        action: 'Binding',
        reportingController: SCHEDULER,
        regarding: { kind: 'Pod', namespace: 'default', name: 'one', uid, apiVersion: 'v1' },
      });
    });

    it('goes to the node with the best prioritize × weight, whatever else is listed', async () => {
      const s = await start([ALL], {
        filter: passAll,
        prioritize: () => [
          { Host: 'n1', Score: 0 },
          { Host: 'n2', Score: 10 },
          { Host: 'n9', Score: 10 },
        ],
        bind: (body) => s.bind(body),
      });
      await s.create(pod('one'));
      expect(await s.bound('one')).toBe('n2');
      expect(s.calls.map((call) => call.verb)).toEqual(['filter', 'prioritize', 'bind']);
      expect(s.called('prioritize')[0]!.nodes).toEqual(['n1', 'n2']);
    });

    it('is bound even if prioritize fails', async () => {
      const s = await start([{ ...ALL, bindVerb: '' }], { filter: passAll, prioritize: () => 500 });
      await s.create(pod('one'));
      expect(await s.bound('one')).toMatch(/^n[12]$/);
    });

    it('is shown with whole nodes to an extender without a cache, and only Nodes of its answer count', async () => {
      const s = await start([{ ...FILTER, nodeCacheCapable: false }], {
        filter: (body) => ({
          Nodes: {
            items: arrayAt(body.Nodes, 'items').filter((one) => textAt(objectAt(one, 'metadata'), 'name') === 'n1'),
          },
          NodeNames: ['n2'],
        }),
      });
      await s.create(pod('one'));
      expect(await s.bound('one')).toBe('n1');
      expect(s.calls[0]!.body.NodeNames).toBeNull();
      expect(s.calls[0]!.nodes).toEqual(['n1', 'n2']);
    });

    it('meets the second extender with what the first one left', async () => {
      const s = await start([FILTER, { filterVerb: 'second' }], {
        filter: () => ({ NodeNames: ['n1'], FailedNodes: { n2: 'full' } }),
        second: (body) => refuseAll(body, 'broken'),
      });
      await s.create(pod('one'));
      expect((await s.refused('one')).message).toBe(`0/2 nodes are available: 1 broken, 1 full. ${NO_VICTIMS(2)}`);
      expect(s.called('second')[0]!.nodes).toEqual(['n1']);
    });

    it('does not meet an extender whose resources it does not ask for', async () => {
      const s = await start(
        [{ ...FILTER, managedResources: [{ name: MILLI }] }],
        { filter: () => ({ NodeNames: ['n1'] }) },
        [node('n1', { [MILLI]: '8000' })],
      );
      await s.create(pod('plain'));
      await s.bound('plain');
      expect(s.calls).toHaveLength(0);
      await s.create(pod('gpu', { milli: '500' }));
      await s.bound('gpu');
      expect(s.calls).toHaveLength(1);
    });

    it('goes on without an ignorable extender that fails, at filter and at bind', async () => {
      const s = await start([{ ...FILTER, bindVerb: 'bind', ignorable: true }], { filter: () => 500, bind: () => 500 });
      await s.create(pod('one'));
      expect(await s.bound('one')).toMatch(/^n[12]$/);
    });
  });

  describe('a pod that is refused', () => {
    it.each<[string, unknown, string]>([
      [
        'null for names and nodes',
        { NodeNames: null, Nodes: null },
        ' preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.',
      ],
      ['a text per node', { NodeNames: [], FailedNodes: { n1: 'full', n2: 'full' } }, ` 2 full. ${NO_VICTIMS(2)}`],
      [
        'one node that may become possible and one that never will',
        { NodeNames: [], FailedNodes: { n1: 'full' }, FailedAndUnresolvableNodes: { n2: 'never' } },
        ' 1 full, 1 never. preemption: 0/2 nodes are available: 1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling.',
      ],
      [
        'a node in both maps',
        { NodeNames: [], FailedNodes: { n1: 'full', n2: 'full' }, FailedAndUnresolvableNodes: { n2: 'never' } },
        ' 1 full, 1 never. preemption: 0/2 nodes are available: 1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling.',
      ],
      [
        'keys in lower case and one node unlisted',
        { nodenames: [], failednodes: { n1: 'full' } },
        ' 1 full. preemption: 0/2 nodes are available: 1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling.',
      ],
    ])('by %s says so, in its condition and an event', async (_what, reply, text) => {
      const s = await start([FILTER], { filter: () => reply });
      await s.create(pod('one'));
      const message = `0/2 nodes are available:${text}`;
      expect(await s.refused('one')).toMatchObject({ reason: 'Unschedulable', message });
      const [event] = await s.notes('one', 'FailedScheduling');
      expect(event).toMatchObject({ note: message, type: 'Warning', action: 'Scheduling' });
    });

    it('is asked for once more because of its own condition, and then not again without an event', async () => {
      const s = await start([FILTER], { filter: (body) => refuseAll(body) });
      await s.create(pod('one'));
      await s.asked('filter', 'one', 2);
      await s.seconds(3);
      expect(s.called('filter')).toHaveLength(2);
    });

    it('spins while its text changes', async () => {
      let turn = 0;
      const s = await start([FILTER], { filter: (body) => refuseAll(body, `free: ${turn++}`) });
      await s.create(pod('one'));
      await s.asked('filter', 'one', 5);
    });

    it.each<[string, unknown, (url: string) => string]>([
      ['an error text', { NodeNames: ['n1'], Error: 'not synced' }, () => 'not synced'],
      ['status 500', 500, (url) => `failed filter with extender at URL ${url}/filter, code 500`],
      [
        'a node that was not offered',
        { NodeNames: ['n7'] },
        (url) => `extender "${url}" claims a filtered node "n7" which is not found in the input node list`,
      ],
    ])('by %s is a SchedulerError, and tried again by itself after its backoff', async (_what, reply, message) => {
      const s = await start([{ ...FILTER, preemptVerb: 'preempt' }], {
        filter: (body, calls) => (calls.length < 2 ? reply : passAll(body)),
      });
      const began = performance.now();
      await s.create(pod('one'));
      expect(await s.refused('one')).toMatchObject({ reason: 'SchedulerError', message: message(s.url) });
      await s.bound('one');
      // 1 s and 2 s, each to the end of its second
      expect(performance.now() - began).toBeGreaterThan(2.9 * s.secondMs);
      expect(s.calls.map((call) => call.verb)).toEqual(['filter', 'filter', 'filter']);
    });

    it.each<[string, (s: Stand) => Promise<unknown>]>([
      ['a bound pod goes', (s) => s.client.call('DELETE', `${PODS}/first`, { gracePeriodSeconds: 0 })],
      ['a bound pod changes', (s) => s.client.strategic(`${PODS}/first`, { metadata: { labels: { a: 'b' } } })],
      ['a node is annotated', (s) => s.client.strategic('/api/v1/nodes/n1', { metadata: { annotations: { a: 'b' } } })],
      ['a node comes', (s) => s.addNode(node('n3'))],
      ['it is annotated itself', (s) => s.client.strategic(`${PODS}/one`, { metadata: { annotations: { a: 'b' } } })],
      [
        'somebody nominates a node for it',
        (s) => s.client.strategic(`${PODS}/one/status`, { status: { nominatedNodeName: 'n1' } }),
      ],
    ])('is asked for again when %s', async (_what, happens) => {
      const s = await start([FILTER], {
        filter: (body) => (podOf(body) === 'first' ? passAll(body) : refuseAll(body)),
      });
      await s.create(pod('first'));
      await s.bound('first');
      await s.create(pod('one'));
      await s.asked('filter', 'one', 2);
      await s.seconds(3);
      const before = s.called('filter', 'one').length;
      expect(before).toBe(2);
      await happens(s);
      await s.asked('filter', 'one', before + 1);
    });

    it('is not asked for again when another waiting pod changes or a node only sends a heartbeat', async () => {
      const s = await start([FILTER], { filter: (body) => refuseAll(body) });
      await s.create(pod('one'));
      await s.create(pod('other', { gates: ['example.com/wait'] }));
      await s.asked('filter', 'one', 2);
      await s.seconds(3);
      await s.client.strategic(`${PODS}/other`, { metadata: { annotations: { a: 'b' } } });
      const lastHeartbeatTime = '2026-01-01T00:00:00Z';
      await s.client.strategic('/api/v1/nodes/n1/status', {
        status: { conditions: [{ type: 'Ready', lastHeartbeatTime }] },
      });
      await s.seconds(3);
      expect(s.called('filter', 'one')).toHaveLength(2);
    });

    it('in tree is never shown to the extender, and names all that is short', async () => {
      const tainted = node('n2', {}, { spec: { taints: [{ key: 'k', value: 'v', effect: 'NoSchedule' }] } });
      const cordoned = node('n3', {}, { spec: { unschedulable: true } });
      const s = await start([FILTER], { filter: passAll }, [node('n1'), tainted, cordoned]);
      await s.create(pod('one', { cpu: '9', milli: '500' }));
      expect((await s.refused('one')).message).toBe(
        `0/3 nodes are available: 1 Insufficient cpu, 1 Insufficient ${MILLI}, 1 node(s) had untolerated taint(s), 1 node(s) were unschedulable. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.`,
      );
      await s.create(pod('two', { nodeSelector: { a: 'b' } }));
      expect((await s.refused('two')).message).toContain("1 node(s) didn't match Pod's node affinity/selector");
      expect(s.calls).toHaveLength(0);
    });

    it('where there are no nodes says that', async () => {
      const s = await start([FILTER], { filter: passAll }, []);
      await s.create(pod('one'));
      expect(await s.refused('one')).toMatchObject({
        reason: 'Unschedulable',
        message: 'no nodes available to schedule pods',
      });
    });
  });

  describe('order', () => {
    it('pods of higher priority come first, then older ones; a gated pod keeps its age', async () => {
      let open = false;
      const s: Stand = await start([FILTER], {
        filter: async (body) => {
          if (podOf(body) === 'first') while (!open) await new Promise((resolve) => setTimeout(resolve, 10));
          return passAll(body);
        },
      });
      await s.create(pod('gated', { cpu: '100m', gates: ['example.com/wait'] }));
      await s.create(pod('first', { cpu: '100m' }));
      await s.asked('filter', 'first', 1);
      for (const [name, priority] of [
        ['young', undefined],
        ['mid', 'mid'],
        ['high', 'high'],
        ['mid-2', 'mid'],
      ] as const)
        await s.create(pod(name, { cpu: '100m', ...(priority ? { priority } : {}) }));
      await s.liftGate('gated', 'example.com/wait');
      await s.seconds(1);
      open = true;
      await s.asked('filter', 'young', 1);
      expect(s.called('filter').map((call) => call.pod)).toEqual(['first', 'high', 'mid', 'mid-2', 'gated', 'young']);
    });

    it('a gated pod is not asked for, and its condition says why', async () => {
      const s = await start([FILTER], { filter: passAll });
      await s.create(pod('one', { gates: ['example.com/a', 'example.com/b'] }));
      expect(condition(await s.pod('one'), 'PodScheduled')).toMatchObject({
        status: 'False',
        reason: 'SchedulingGated',
        message: 'Scheduling is blocked due to non-empty scheduling gates',
      });
      await s.liftGate('one', 'example.com/a');
      await s.seconds(2);
      expect(s.calls).toHaveLength(0);
      await s.liftGate('one', 'example.com/b');
      await s.bound('one');
      expect(condition(await s.pod('one'), 'PodScheduled')).toMatchObject({ status: 'True' });
    });

    it('the next pod is filtered before the last one is bound, and sees its CPU taken', async () => {
      const s: Stand = await start(
        [{ ...FILTER, bindVerb: 'bind' }],
        {
          filter: passAll,
          bind: async (body) => {
            if (body.PodName === 'a') await s.asked('filter', 'b', 1);
            return s.bind(body);
          },
        },
        [node('n1'), node('n2', { cpu: '2' })],
      );
      await s.create(pod('a', { cpu: '4' }));
      await s.create(pod('b', { cpu: '2' }));
      await s.create(pod('c', { cpu: '2' }));
      expect(await s.bound('a')).toBe('n1');
      expect(await s.bound('b')).toBe('n2');
      expect(s.called('filter', 'b')[0]!.nodes).toEqual(['n2']);
      expect((await s.refused('c')).message).toBe(`0/2 nodes are available: 2 Insufficient cpu. ${NO_VICTIMS(2)}`);
    });

    it('a bind that is refused undoes the assumption, says so, and is tried again after a backoff', async () => {
      const s: Stand = await start([{ ...FILTER, bindVerb: 'bind' }], {
        filter: () => ({ NodeNames: ['n1'] }),
        bind: (body, calls) => (calls.some((one) => one.verb === 'bind') ? s.bind(body) : { Error: 'conflict' }),
      });
      const began = performance.now();
      await s.create(pod('one', { cpu: '4' }));
      expect(await s.refused('one')).toMatchObject({ reason: 'SchedulerError', message: 'conflict' });
      expect(await s.bound('one')).toBe('n1');
      expect(performance.now() - began).toBeGreaterThan(0.95 * s.secondMs);
      expect(s.calls.map((call) => call.verb)).toEqual(['filter', 'bind', 'filter', 'bind']);
      expect((await s.notes('one', 'FailedScheduling')).map((one) => one.note)).toEqual(['conflict']);
    });
  });

  describe('a nominated pod', () => {
    const nominated = async (s: Stand, name: string, where: string): Promise<void> => {
      await s.create(pod(name, { gates: ['example.com/wait'] }));
      await s.client.strategic(`${PODS}/${name}/status`, { status: { nominatedNodeName: where } });
      await s.liftGate(name, 'example.com/wait');
    };

    it('is offered that node only', async () => {
      const s = await start([ALL], { filter: passAll, prioritize: () => [], bind: (body) => s.bind(body) });
      await nominated(s, 'one', 'n2');
      expect(await s.bound('one')).toBe('n2');
      expect(s.calls.map(({ verb, nodes }) => [verb, nodes])).toEqual([
        ['filter', ['n2']],
        ['bind', ['n2']],
      ]);
      expect((await s.pod('one')).status?.nominatedNodeName).toBeUndefined();
    });

    it.each<[string, unknown]>([
      ['refused', { NodeNames: [], FailedNodes: { n2: 'full' } }],
      ['answered with an error', { Error: 'not synced' }],
    ])('is offered all nodes when that one is %s', async (_what, reply) => {
      const s = await start([FILTER], { filter: (body) => (names(body).length === 1 ? reply : { NodeNames: ['n1'] }) });
      await nominated(s, 'one', 'n2');
      expect(await s.bound('one')).toBe('n1');
      expect(s.calls.map(({ nodes }) => nodes)).toEqual([['n2'], ['n1', 'n2']]);
    });

    it.each<[string, JsonObject]>([
      ['could become possible', { NodeNames: [], FailedNodes: { n1: 'full', n2: 'full' } }],
      ['never will be', { NodeNames: [], FailedAndUnresolvableNodes: { n1: 'never', n2: 'never' } }],
    ])('loses its nomination when nothing %s, whoever made it', async (_what, reply) => {
      const s = await start([FILTER], { filter: () => reply });
      await nominated(s, 'one', 'n2');
      await s.refused('one');
      await s.seconds(1);
      expect((await s.pod('one')).status?.nominatedNodeName).toBeUndefined();
    });

    it('keeps CPU from pods of no higher priority, gated as it is, and not from those of higher', async () => {
      const s = await start([FILTER], { filter: passAll }, [node('n1')]);
      await s.create(pod('one', { cpu: '3', priority: 'mid', gates: ['example.com/wait'] }));
      await s.client.strategic(`${PODS}/one/status`, { status: { nominatedNodeName: 'n1' } });
      await s.seconds(1);
      await s.create(pod('low', { cpu: '2' }));
      expect((await s.refused('low')).message).toContain('1 Insufficient cpu');
      await s.create(pod('high', { cpu: '2', priority: 'high' }));
      expect(await s.bound('high')).toBe('n1');
    });

    it.each<[string, Script]>([
      ['filter', { filter: () => ({ Error: 'not synced' }) }],
      ['bind', { filter: passAll, bind: () => ({ Error: 'not synced' }) }],
    ])('loses its nomination by an error of %s', async (_what, script) => {
      const s = await start([{ ...FILTER, bindVerb: 'bind' }], { bind: () => ({}), ...script });
      await nominated(s, 'one', 'n2');
      expect(await s.refused('one')).toMatchObject({ reason: 'SchedulerError' });
      expect((await s.pod('one')).status?.nominatedNodeName).toBeUndefined();
    });
  });
}
