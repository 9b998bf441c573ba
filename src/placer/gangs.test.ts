/** Gangs through the placer, on virtual time: what their objects say, how the head of the line is shown, what becomes of plans. */
import { afterEach, describe, expect, it } from 'vitest';
import { PlacerStand, type PlacerStandOptions } from '../../test/kit/placer-stand.ts';

const WAITS = { annotations: { 'muster.dev/wait': 'true' } };
let stand: PlacerStand;
const start = async (options: PlacerStandOptions): Promise<PlacerStand> => {
  stand = await PlacerStand.start(options);
  return stand;
};
afterEach(() => stand.stop());

const reason = async (name: string): Promise<string | undefined> => {
  const condition = (await stand.pod(name)).status?.conditions?.find(({ type }) => type === 'muster.dev/Placed');
  return condition === undefined ? undefined : `${condition.status} ${condition.reason}`;
};
const ungated = async (): Promise<string[]> =>
  [...(await stand.pods()).values()]
    .filter(({ spec }) => (spec.schedulingGates ?? []).length === 0)
    .map(({ metadata }) => metadata.name)
    .sort();
const planned = async (): Promise<string[]> =>
  [...(await stand.pods()).values()]
    .filter(({ metadata }) => metadata.annotations?.['muster.dev/plan'] !== undefined)
    .map(({ metadata }) => metadata.name)
    .sort();
const members = (gang: string, count: number): string[] => Array.from({ length: count }, (_, at) => `${gang}-${at}`);
/** members whose PodGroup says how many start together */
async function named(group: string, count: number, gpus = '1', spec: object = {}): Promise<void> {
  for (const name of members(group, count))
    await stand.create(name, gpus, { labels: { 'muster.dev/pod-group': group }, spec });
}
const priorityClass = (name: string, value: number): Promise<unknown> =>
  stand.call('POST', '/apis/scheduling.k8s.io/v1/priorityclasses', { metadata: { name }, value });

describe('what is shown of the head of the line', () => {
  it('is a gang as a whole, and what comes after it has to wait for its turn', async () => {
    await start({ nodes: [1], placer: { exposeHead: 4 } });
    await stand.create('big', '1', WAITS);
    await stand.until(async () => (await stand.bound()).length === 1);
    await stand.gang('g', 3, '1');
    await stand.gang('h', 2, '1');
    await stand.run(5_000);
    expect(await ungated()).toEqual(['big', ...members('g', 3)]);
    expect(await stand.bound()).toEqual(['big']);
  });

  it('is one gang alone where it is larger than all that may be shown', async () => {
    await start({ nodes: [1], placer: { exposeHead: 2 } });
    await stand.create('big', '1', WAITS);
    await stand.until(async () => (await stand.bound()).length === 1);
    await stand.gang('g', 5, '1');
    await stand.create('next', '1', WAITS);
    await stand.run(5_000);
    expect(await ungated()).toEqual(['big', ...members('g', 5)]);
  });

  it('is forgotten when it waits no more, by a placer that shows nobody too', async () => {
    await start({ nodes: [1], placer: { exposeHead: 4 } });
    for (const name of ['big', 'next']) await stand.create(name, '1', WAITS);
    await stand.run(3_000);
    expect(stand.core.placer!.exposed).toBe(1);
    stand.kill();
    stand.begin({ exposeHead: 0 });
    await stand.run(2_000);
    await stand.remove('next');
    await stand.run(2_000);
    expect(stand.core.placer!.exposed).toBe(0);
  });

  it('is nothing of a larger gang while others are shown', async () => {
    await start({ nodes: [1], placer: { exposeHead: 2 } });
    for (const name of ['big', 'first']) await stand.create(name, '1', WAITS);
    await stand.run(3_000);
    await stand.gang('g', 3, '1');
    await stand.create('last', '1', WAITS);
    await stand.run(5_000);
    expect(await ungated()).toEqual(['big', 'first']);
  });

  it.each([1, 2, 3, 4, 5, 6])(
    'killed at write %i while a gang is let through, it is let through whole in the end',
    async (number) => {
      await start({ nodes: [1], placer: { exposeHead: 2 } });
      await stand.create('big', '1', WAITS);
      await stand.until(async () => (await stand.bound()).length === 1);
      let writes = 0;
      stand.dies = ({ path }, when) => path.includes('/g-') && when === 'after' && ++writes === number;
      await stand.gang('g', 3, '1');
      await stand.until(() => stand.dead);
      stand.dies = null;
      stand.begin();
      await stand.run(10_000);
      expect(await ungated()).toEqual(['big', ...members('g', 3)]);
      expect(await stand.bound()).toEqual(['big']);
      await stand.addNode('more', 3);
      await stand.until(async () => (await stand.bound()).length === 4);
    },
  );

  it('never starts in part: room for a part of it starts nobody', async () => {
    await start({ nodes: [2], placer: { exposeHead: 4 } });
    await stand.gang('g', 3, '1');
    await stand.run(2_000);
    expect(await ungated()).toEqual(members('g', 3));
    await stand.create('single', '1', WAITS);
    await stand.until(async () => (await stand.bound()).includes('single'));
    await stand.run(20_000);
    expect(await stand.bound()).toEqual(['single']);
    await stand.remove('single');
    await stand.addNode('more', 1);
    await stand.until(async () => (await stand.bound()).length === 3);
  });

  it('of a gang that runs is each further member by itself', async () => {
    await start({ nodes: [2], placer: { exposeHead: 1 } });
    await stand.gang('g', 4, '1', { annotations: { 'muster.dev/min-member': '2' } });
    await stand.until(async () => (await stand.bound()).length === 2);
    await stand.run(5_000);
    expect((await ungated()).length).toBe(3);
  });
});

describe('what a PodGroup says', () => {
  it('counts when it comes after its pods', async () => {
    await start({ nodes: [2], podGroups: true });
    await named('g', 2);
    await stand.run(5_000);
    expect(await reason('g-0')).toBe('False GangIncomplete');
    await stand.podGroup('g', { minMember: 2 });
    await stand.until(async () => (await stand.bound()).length === 2);
  });

  it('priorityClassName: its place in the line, whatever the pods say', async () => {
    await start({ nodes: [2], podGroups: true, placer: { exposeHead: 0 } });
    await priorityClass('low', 10);
    await priorityClass('high', 100);
    await stand.gang('now', 2, '1', { spec: { priorityClassName: 'high' } });
    await stand.until(async () => (await stand.bound()).length === 2);
    await stand.podGroup('important', { minMember: 2, priorityClassName: 'high' });
    await stand.gang('first', 2, '1', { spec: { priorityClassName: 'low' } });
    await stand.run(2_000);
    await named('important', 2);
    await stand.run(2_000);
    for (const name of members('now', 2)) await stand.remove(name);
    await stand.until(async () => (await stand.bound()).length === 2);
    expect(await stand.bound()).toEqual(members('important', 2));
  });

  it('priorityClassName: takes over what a pod of lower priority only holds', async () => {
    await start({ nodes: [2], podGroups: true, scheduler: false, placer: { exposeHead: 0 } });
    await priorityClass('high', 100);
    await stand.create('single', '1', WAITS);
    await stand.until(async () => (await planned()).length === 1);
    await stand.podGroup('g', { minMember: 1, priorityClassName: 'high' });
    await named('g', 1, '2');
    await stand.run(1_000);
    await stand.until(async () => (await planned()).join() === 'g-0', 10_000);
    await priorityClass('middle', 50);
    await stand.create('middling', '1', { ...WAITS, spec: { priorityClassName: 'middle' } });
    await stand.run(1_000);
    expect(await planned()).toEqual(['g-0']);
  });

  it('priorityClassName that does not exist: it waits and says so, until there is such a class', async () => {
    await start({ nodes: [2], podGroups: true });
    await stand.podGroup('g', { minMember: 2, priorityClassName: 'missing' });
    await named('g', 2);
    await stand.until(async () => (await reason('g-1')) === 'False GangInvalid');
    await stand.run(5_000);
    expect(await stand.bound()).toEqual([]);
    const events = (await stand.call('GET', '/api/v1/namespaces/team/events')) as { items: { message: string }[] };
    expect(events.items.map(({ message }) => message)).toContain(
      'gang team/g: PodGroup team/g names the PriorityClass missing, which does not exist; create it or correct the name',
    );
    await priorityClass('missing', 1);
    await stand.until(async () => (await stand.bound()).length === 2);
  });

  it('scheduleTimeoutSeconds: the plan ends whole, with a reason, gives way to others, and comes again', async () => {
    await start({
      nodes: [3],
      podGroups: true,
      scheduler: false,
      placer: { exposeHead: 0 },
      settings: { holdSeconds: 60 },
    });
    await stand.podGroup('g', { minMember: 3, scheduleTimeoutSeconds: 5, queue: 'team-a' });
    await named('g', 3);
    await stand.until(async () => (await planned()).length === 3);
    const since = stand.time.now;
    await stand.create('small', '1', WAITS);
    await stand.until(async () => (await reason('g-0')) === 'False GangLate');
    expect(stand.time.now - since).toBeLessThan(7_000);
    await stand.until(async () => (await planned()).join() === 'small');
    const { status } = (await stand.call('GET', '/apis/muster.dev/v1alpha1/namespaces/team/podgroups/g')) as {
      status: object;
    };
    expect(status).toMatchObject({ phase: 'Pending', reason: 'gang-late', queue: 'team-a', priority: 0 });
    await stand.remove('small');
    await stand.until(async () => (await planned()).length === 3, 10_000);
    expect(await reason('g-0')).toBe('True Placed');
  });
});

describe('a nomination that became wrong', () => {
  const setup = async (): Promise<void> => {
    await start({ nodes: [3], scheduler: false, placer: { exposeHead: 0 }, settings: { holdSeconds: 600 } });
    await stand.gang('g', 2, '1');
    await stand.create('single', '0.5', WAITS);
    await stand.until(async () => (await planned()).length === 3);
  };

  it('because its node is gone is withdrawn, the gang’s whole', async () => {
    await setup();
    await stand.call('DELETE', '/api/v1/nodes/n0');
    await stand.until(async () => (await planned()).length === 0, 5_000);
    expect((await stand.pod('g-0')).status?.nominatedNodeName).toBeUndefined();
    await stand.addNode('n1', 3);
    // whom kube-scheduler has in its queue by himself, filter decides
    await stand.until(async () => (await planned()).length === 2, 5_000);
  });

  it('because a device fell ill is withdrawn, and it is planned elsewhere if there is room', async () => {
    await setup();
    const node = (await stand.call('GET', '/api/v1/nodes/n0')) as { metadata: { annotations: Record<string, string> } };
    const said = JSON.parse(node.metadata.annotations['muster.dev/devices']!) as
      | { healthy?: boolean }[]
      | { devices: { healthy?: boolean }[] };
    const devices = Array.isArray(said) ? said : said.devices;
    // the gang has the first two
    devices[1]!.healthy = false;
    await stand.call('PATCH', '/api/v1/nodes/n0', {
      metadata: { annotations: { 'muster.dev/devices': JSON.stringify(said) } },
    });
    await stand.until(async () => (await planned()).join() === 'single', 5_000);
    expect(await reason('g-0')).toBe('False GangNoRoom');
    await stand.addNode('n1', 2);
    await stand.until(async () => (await planned()).length === 3, 5_000);
  });

  it('because kube-scheduler refused the node is not made again there, and the reason is written once', async () => {
    await start({ nodes: [1, 1], scheduler: false, placer: { exposeHead: 0 } });
    await stand.create('a', '1', WAITS);
    await stand.until(async () => (await planned()).length === 1);
    const { decider, picture } = stand.core.parts;
    const node = async (): Promise<string | undefined> => (await stand.pod('a')).status?.nominatedNodeName;
    expect(await node()).toBe('n0');
    await stand.until(() => picture.podNamed('team', 'a')!.nominatedNode === 'n0');
    // its own filters left n0 out
    expect(decider.filter(picture.podNamed('team', 'a')!, decider.resolve(['n1']), 1).fits).toEqual(['n1']);
    picture.dropHold(picture.podNamed('team', 'a')!.uid);
    const outcome = stand.core.parts.planner.planPod(picture.podNamed('team', 'a')!.uid);
    expect(outcome).toMatchObject({ kind: 'planned', hold: { node: 'n1' } });
  });
});

describe('a placer that was switched off', () => {
  it('leaves nobody behind its gate: plans that stand are used, others are taken back, gangs start whole', async () => {
    await start({ nodes: [4], placer: { exposeHead: 0 } });
    await stand.create('big', '1', WAITS);
    await stand.until(async () => (await stand.bound()).length === 1);
    await stand.gang('g', 4, '1');
    await stand.create('single', '1', WAITS);
    await stand.create('held', '0.5', { ...WAITS, spec: { schedulingGates: [{ name: 'example.org/quota' }] } });
    await stand.until(async () => (await reason('g-3')) === 'False GangNoRoom');
    stand.kill();
    stand.begin({ enabled: false });
    await stand.until(async () => (await ungated()).length === 6);
    const gates = (await stand.pod('held')).spec.schedulingGates;
    expect(gates).toEqual([{ name: 'example.org/quota' }]);
    await stand.run(5_000);
    expect((await stand.bound()).filter((name) => name.startsWith('g-'))).toEqual([]);
    await stand.remove('big');
    await stand.until(async () => (await stand.bound()).includes('single'));
    await stand.remove('single');
    await stand.until(async () => (await stand.bound()).filter((name) => name.startsWith('g-')).length === 4);
    await stand.until(async () => (await reason('g-3')) === 'True Placed');
    expect(stand.fullest()).toBe(1000);
  });

  it('comes again: a gate that is put on meanwhile is taken off too, bounded and again where that failed', async () => {
    await start({ nodes: [8], placer: { enabled: false, concurrency: 2 } });
    let refusals = 2;
    stand.answers = ({ method }) =>
      method === 'PATCH' && refusals-- > 0 ? { status: 503, body: Buffer.from('{}'), retryAfterSeconds: null } : null;
    await stand.gang('g', 8, '1');
    await stand.until(async () => (await stand.bound()).length === 8);
    expect(stand.written.filter((line) => line.startsWith('PATCH'))).toHaveLength(10);
  });
});
