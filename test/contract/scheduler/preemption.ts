/** Preemption with an extender, as releases up to 1.37 do it. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { arrayAt, type JsonObject, objectAt, textAt } from '../../../src/sim/api/object.ts';
import { condition } from '../client.ts';
import { passAll } from './answers.ts';
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

const ENTRY: Entry = { filterVerb: 'filter', preemptVerb: 'preempt' };

const offeredVictims = (body: JsonObject): [string, JsonObject][] =>
  Object.entries(objectAt(body, 'NodeNameToMetaVictims')) as [string, JsonObject][];
const uidsOf = (victims: JsonObject): string[] => arrayAt(victims, 'Pods').map((one) => textAt(one, 'UID'));

export function preemptionContract(open: () => Promise<Plane>): void {
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

  /** One node, full of two pods without priority. */
  async function full(script: Script, entry: Entry = ENTRY, graceSeconds = 0): Promise<Stand> {
    stand = await Stand.start(plane, [entry], { filter: passAll, ...script }, [node('n1', { [MILLI]: '1000' })]);
    for (const name of ['low-1', 'low-2']) {
      await stand.create(pod(name, { milli: '500', graceSeconds, labels: { app: 'low' } }));
      await stand.bound(name);
    }
    return stand;
  }

  const agree = (body: JsonObject): JsonObject => ({ NodeNameToMetaVictims: body.NodeNameToMetaVictims });

  describe('preemption', () => {
    it('evicts what the extender corrected the victims to, with condition and event, and then places the preemptor', async () => {
      let chosen = '';
      const s = await full({
        preempt: (body) => {
          const [[where, victims]] = offeredVictims(body) as [[string, JsonObject]];
          const offered = uidsOf(victims);
          chosen = lows.find((uid) => !offered.includes(uid))!;
          return { NodeNameToMetaVictims: { [where]: { Pods: [{ UID: chosen }], NumPDBViolations: 0 } } };
        },
      });
      const lows = await Promise.all(['low-1', 'low-2'].map(async (name) => (await s.pod(name)).metadata.uid));
      const high = await s.create(pod('high', { milli: '500', priority: 'high' }));
      expect(await s.bound('high')).toBe('n1');
      const call = s.called('preempt')[0]!.body;
      expect(Object.keys(call)).toEqual(['Pod', 'NodeNameToVictims', 'NodeNameToMetaVictims']);
      expect(call.NodeNameToVictims).toBeNull();
      expect(s.called('filter', 'high').map((one) => one.nodes)).toEqual([['n1']]);
      const victim = chosen === lows[0] ? 'low-1' : 'low-2';
      await s.gone(victim);
      const [event] = await s.notes(victim, 'Preempted');
      expect(event).toMatchObject({
        note: `Preempted by pod ${high.metadata.uid} on node n1`,
        type: 'Normal',
        action: 'Preempting',
      });
      expect((await s.notes('high', 'FailedScheduling'))[0]).toMatchObject({
        note: `0/1 nodes are available: 1 Insufficient ${MILLI}. preemption: found a potential placement for pod on node n1, preempting 1 victims`,
      });
    });

    it('nominates while its victims end; others respect that, and it may not preempt again meanwhile', async () => {
      const s = await full({ preempt: agree }, ENTRY, 30);
      await s.create(pod('high', { milli: '500', priority: 'high' }));
      await s.refused('high');
      const call = s.called('preempt')[0]!;
      const victim = uidsOf(offeredVictims(call.body)[0]![1])[0];
      const name = (await s.pod('low-1')).metadata.uid === victim ? 'low-1' : 'low-2';
      expect(condition(await s.pod(name), 'DisruptionTarget')).toMatchObject({
        status: 'True',
        reason: 'PreemptionByScheduler',
        message: `${SCHEDULER}: preempting to accommodate a higher priority pod`,
      });
      expect((await s.pod('high')).status?.nominatedNodeName).toBe('n1');
      await s.client.strategic(`${PODS}/high`, { metadata: { annotations: { a: 'b' } } });
      await s.client.strategic('/api/v1/nodes/n1', { metadata: { labels: { a: 'b' } } });
      await s.seconds(3);
      expect(s.called('preempt')).toHaveLength(1);
      await s.client.call('DELETE', `${PODS}/${name}`, { gracePeriodSeconds: 0 });
      expect(await s.bound('high')).toBe('n1');
      expect((await s.pod('high')).status?.nominatedNodeName).toBeUndefined();
    });

    it('shows whole pods to an extender without a cache', async () => {
      const s = await full(
        {
          filter: (body) => ({ Nodes: body.Nodes }),
          preempt: (body) => ({
            NodeNameToMetaVictims: Object.fromEntries(
              Object.entries(objectAt(body, 'NodeNameToVictims')).map(([where, victims]) => [
                where,
                { Pods: arrayAt(victims, 'Pods').map((one) => ({ UID: textAt(objectAt(one, 'metadata'), 'uid') })) },
              ]),
            ),
          }),
        },
        { ...ENTRY, nodeCacheCapable: false },
      );
      await s.create(pod('high', { milli: '500', priority: 'high' }));
      expect(await s.bound('high')).toBe('n1');
      const { NodeNameToVictims, NodeNameToMetaVictims } = s.called('preempt')[0]!.body;
      expect(NodeNameToMetaVictims).toBeNull();
      const [victim] = arrayAt(objectAt(NodeNameToVictims, 'n1'), 'Pods');
      expect(textAt(objectAt(victim, 'spec'), 'nodeName')).toBe('n1');
    });

    it('counts the budgets that victims would break, and is not stopped by them', async () => {
      const s = await full({ preempt: agree });
      const path = '/apis/policy/v1/namespaces/default/poddisruptionbudgets';
      await s.client.must('POST', path, {
        apiVersion: 'policy/v1',
        kind: 'PodDisruptionBudget',
        metadata: { name: 'low' },
        spec: { minAvailable: 2, selector: { matchLabels: { app: 'low' } } },
      });
      await s.seconds(1);
      await s.create(pod('high', { milli: '500', priority: 'high' }));
      expect(await s.bound('high')).toBe('n1');
      expect(offeredVictims(s.called('preempt')[0]!.body)).toEqual([
        ['n1', { Pods: [{ UID: expect.any(String) }], NumPDBViolations: 1 }],
      ]);
    });

    it.each<[string, unknown, (url: string) => string]>([
      [
        'an unknown uid',
        { NodeNameToMetaVictims: { n1: { Pods: [{ UID: 'nobody' }] } } },
        (url) =>
          `extender: ${url} claims to preempt pod (UID: &{nobody}) on node: n1, but the pod is not found on that node`,
      ],
      [
        'an unknown node',
        { NodeNameToMetaVictims: { n9: { Pods: [{ UID: 'nobody' }] } } },
        () => 'nodeinfo not found for node name "n9"',
      ],
      [
        'no victims',
        { NodeNameToMetaVictims: { n1: { Pods: [] } } },
        () => 'expected at least one victim pod on node "n1"',
      ],
      ['no nodes', { NodeNameToMetaVictims: {} }, () => 'no candidate node for preemption'],
      ['status 500', 500, (url) => `failed preempt with extender at URL ${url}/preempt, code 500`],
    ])('that the extender answers with %s evicts nobody and is told on the pod', async (_what, reply, message) => {
      const s = await full({ preempt: () => reply });
      await s.create(pod('high', { milli: '500', priority: 'high' }));
      expect(await s.refused('high')).toMatchObject({
        reason: 'Unschedulable',
        message: `0/1 nodes are available: 1 Insufficient ${MILLI}. preemption: ${message(s.url)}`,
      });
      await s.seconds(1);
      expect([await s.bound('low-1'), await s.bound('low-2')]).toEqual(['n1', 'n1']);
    });

    it('goes on without an ignorable extender that fails', async () => {
      const s = await full({ preempt: () => 500 }, { ...ENTRY, ignorable: true });
      await s.create(pod('high', { milli: '500', priority: 'high' }));
      expect(await s.bound('high')).toBe('n1');
    });

    it('is never asked for when resources fit and only the extender refuses', async () => {
      const s = await full({
        filter: (body) =>
          textAt(objectAt(objectAt(body, 'Pod'), 'metadata'), 'name') === 'high'
            ? { NodeNames: [], FailedNodes: { n1: 'fragmented' } }
            : passAll(body),
        preempt: agree,
      });
      await s.create(pod('high', { priority: 'high' }));
      await s.refused('high');
      await s.seconds(1);
      expect(s.called('preempt')).toHaveLength(0);
    });

    it('is not tried for a pod whose class forbids it', async () => {
      const s = await full({ preempt: agree });
      await s.create(pod('never', { milli: '500', priority: 'never' }));
      expect((await s.refused('never')).message).toBe(
        `0/1 nodes are available: 1 Insufficient ${MILLI}. preemption: not eligible due to preemptionPolicy=Never.`,
      );
      expect(s.called('preempt')).toHaveLength(0);
    });
  });
}
