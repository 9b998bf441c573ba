/** The native pod-group cycle (GenericWorkload, off by default): how an extender meets the members of a gang. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type JsonObject, objectAt } from '../../../src/sim/api/object.ts';
import { condition } from '../client.ts';
import { passAll, podOf } from './answers.ts';
import { eventually, GROUPS, node, type Plane, PODS, pod, type Script, Stand } from './plane.ts';

const NO_PREEMPTION = 'pod group preemption: No preemption victims found for incoming preemptor';

export function podGroupContract(open: () => Promise<Plane>): void {
  let plane: Plane;
  let stand: Stand | null = null;
  let serial = 0;
  beforeAll(async () => {
    plane = await open();
  });
  afterEach(async () => {
    await stand?.stop();
    stand = null;
  });
  afterAll(async () => await plane?.client.close());

  const start = async (script: Script): Promise<Stand> => {
    const entry = { filterVerb: 'filter', prioritizeVerb: 'prioritize', bindVerb: 'bind', weight: 5 };
    const bind = (body: JsonObject): Promise<JsonObject> => stand!.bind(body);
    stand = await Stand.start(plane, [entry], { prioritize: () => [], bind, ...script }, [node('n1'), node('n2')]);
    return stand;
  };
  /** A group of its own for every case: its finalizer keeps the object. */
  const group = async (s: Stand, minCount: number): Promise<string> => {
    serial += 1;
    const name = `gang-${serial}`;
    await s.client.must('POST', GROUPS, {
      apiVersion: 'scheduling.k8s.io/v1beta1',
      kind: 'PodGroup',
      metadata: { name },
      spec: { schedulingPolicy: { gang: { minCount } } },
    });
    return name;
  };
  /** What the group says once it says this; written after its pods are told. */
  const said = (s: Stand, name: string, status: 'True' | 'False'): Promise<JsonObject> =>
    eventually(`${name} says ${status}`, async () => {
      const found = condition((await s.client.get(`${GROUPS}/${name}`)).body, 'PodGroupInitiallyScheduled');
      return found.status === status ? found : null;
    });
  const small = (name: string, of: string): JsonObject => pod(name, { group: of, cpu: '100m' });

  describe('a native pod group', () => {
    it('waits in silence for its group and its members, then meets the extender member by member, and is bound together', async () => {
      const s = await start({ filter: passAll });
      await s.create(small('a1', `gang-${serial + 1}`));
      await s.seconds(2);
      const name = await group(s, 3);
      await s.create(small('a2', name));
      await s.seconds(2);
      expect(s.calls).toHaveLength(0);
      expect((await s.pod('a1')).status?.conditions).toBeUndefined();
      await s.create(small('a3', name));
      for (const one of ['a1', 'a2', 'a3']) await s.bound(one);
      expect(s.calls.map(({ verb, pod: member }) => (verb === 'bind' ? verb : `${verb} ${member}`))).toEqual([
        'filter a1',
        'prioritize a1',
        'filter a2',
        'prioritize a2',
        'filter a3',
        'prioritize a3',
        'bind',
        'bind',
        'bind',
      ]);
      expect(objectAt(objectAt(s.calls[0]!.body, 'Pod'), 'spec').schedulingGroup).toEqual({ podGroupName: name });
      expect(await said(s, name, 'True')).toMatchObject({ status: 'True', reason: 'Scheduled', message: '' });
    });

    it('of which a member is refused is bound by nobody; the extender hears nothing of what was undone', async () => {
      let refused = true;
      const s = await start({
        filter: (body) =>
          refused && podOf(body) === 'b3' ? { NodeNames: [], FailedNodes: { n1: 'full', n2: 'full' } } : passAll(body),
      });
      const name = await group(s, 3);
      for (const one of ['b1', 'b2', 'b3']) await s.create(small(one, name));
      await s.asked('filter', 'b3', 1);
      const count = `minCount (3) cannot be satisfied: 2 scheduled, 0 remaining, ${NO_PREEMPTION}`;
      for (const one of ['b1', 'b2'])
        expect(await s.refused(one)).toMatchObject({
          reason: 'Unschedulable',
          message: `pod group is unschedulable, ${count}`,
        });
      expect(await s.refused('b3')).toMatchObject({ message: '0/2 nodes are available: 2 full.' });
      expect(await said(s, name, 'False')).toMatchObject({ status: 'False', reason: 'Unschedulable', message: count });
      expect(s.called('bind')).toHaveLength(0);
      refused = false;
      await s.client.strategic('/api/v1/nodes/n1', { metadata: { annotations: { wake: String(serial) } } });
      for (const one of ['b1', 'b2', 'b3']) await s.bound(one);
      expect(await said(s, name, 'True')).toMatchObject({ status: 'True' });
    });

    it('stops at the member with which it became hopeless', async () => {
      const s = await start({ filter: () => ({ NodeNames: [], FailedNodes: { n1: 'full', n2: 'full' } }) });
      const name = await group(s, 3);
      for (const one of ['c1', 'c2', 'c3']) await s.create(small(one, name));
      await s.asked('filter', 'c1', 1);
      expect(await s.refused('c3')).toMatchObject({
        message: 'minCount (3) cannot be satisfied: 0 scheduled, 2 remaining',
      });
      expect(s.called('filter', 'c3')).toHaveLength(0);
    });

    it('of which a member meets an error fails whole', async () => {
      const s = await start({ filter: (body) => (podOf(body) === 'd2' ? { Error: 'not synced' } : passAll(body)) });
      const name = await group(s, 2);
      for (const one of ['d1', 'd2']) await s.create(small(one, name));
      const message = 'failed to schedule other pod from a pod group: not synced';
      expect(await s.refused('d1')).toMatchObject({ reason: 'SchedulerError', message });
      expect(await s.refused('d2')).toMatchObject({ reason: 'SchedulerError', message: 'not synced' });
      expect(await said(s, name, 'False')).toMatchObject({ status: 'False', reason: 'SchedulerError', message });
      await s.asked('filter', 'd1', 2);
      expect(s.called('bind')).toHaveLength(0);
    });

    it('that runs takes a further member alone', async () => {
      const s = await start({ filter: passAll });
      const name = await group(s, 2);
      for (const one of ['e1', 'e2']) await s.create(small(one, name));
      for (const one of ['e1', 'e2']) await s.bound(one);
      await s.create(small('e3', name));
      await s.bound('e3');
      expect(s.called('filter')).toHaveLength(3);
      expect((await s.client.get(`${PODS}/e3`)).body.spec?.schedulingGroup).toEqual({ podGroupName: name });
    });
  });
}
