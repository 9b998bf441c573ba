import { afterEach, describe, expect, it } from 'vitest';
import { PlacerStand, type PlacerStandOptions } from '../../test/kit/placer-stand.ts';
import type { Line } from '../extender/record/format.ts';
import { Replay } from '../extender/record/replay.ts';

const WAITS = { annotations: { 'muster.dev/wait': 'true' } };
let stand: PlacerStand;
const start = async (options: PlacerStandOptions): Promise<PlacerStand> => {
  stand = await PlacerStand.start(options);
  return stand;
};
afterEach(() => stand.stop());

const patches = (name: string): string[] =>
  stand.written.filter((line) => line.includes(`/${name}`) && line.startsWith('PATCH'));
const reason = async (name: string): Promise<string | undefined> => {
  const condition = (await stand.pod(name)).status?.conditions?.find(({ type }) => type === 'muster.dev/Placed');
  return condition === undefined ? undefined : `${condition.status} ${condition.reason}`;
};

describe('a pod that waits behind our gate', () => {
  it('is decided, nominated in one write and let through in another, and bound where it was planned', async () => {
    await start({ nodes: [1, 2] });
    await stand.create('a', '0.5', WAITS);
    await stand.until(async () => (await stand.bound()).length === 1);
    expect(patches('a')).toEqual(['PATCH /a/status', 'PATCH /a']);
    expect((await stand.pod('a')).spec.nodeName).toBe('n0');
  });

  it('keeps the gates of others, and is not decided before they are gone', async () => {
    await start({ nodes: [1] });
    await stand.create('a', '1', { ...WAITS, spec: { schedulingGates: [{ name: 'example.org/quota' }] } });
    await stand.run(3_000);
    expect(stand.written).toEqual([]);
    const gates = (await stand.pod('a')).spec.schedulingGates;
    expect(gates).toEqual([{ name: 'example.org/quota' }, { name: 'muster.dev/placement' }]);
  });

  it('comes after those of higher priority and those that came before it', async () => {
    await start({ nodes: [1], scheduler: false, placer: { exposeHead: 0 } });
    await stand.call('POST', '/apis/scheduling.k8s.io/v1/priorityclasses', { metadata: { name: 'high' }, value: 100 });
    await stand.create('first', '1', WAITS);
    await stand.until(() => patches('first').length === 2);
    await stand.create('young', '1', WAITS);
    await stand.run(2_000);
    await stand.create('younger', '1', WAITS);
    await stand.create('urgent', '0.5', { ...WAITS, spec: { priorityClassName: 'high' } });
    await stand.run(1_000);
    await stand.remove('first');
    await stand.run(1_000);
    expect(patches('urgent').filter((line) => line === 'PATCH /urgent').length).toBe(1);
    expect([...patches('young'), ...patches('younger')].filter((line) => !line.endsWith('/status'))).toEqual([]);
  });

  it('gets one reason while it fits nowhere, costs nothing while it waits, and the condition is True when it has a place', async () => {
    await start({ nodes: [1], placer: { exposeHead: 0 } });
    await stand.create('big', '1', WAITS);
    await stand.until(async () => (await stand.bound()).length === 1);
    await stand.create('next', '1', WAITS);
    await stand.until(async () => (await reason('next')) === 'False GpuFull');
    const before = stand.written.length;
    await stand.run(60_000);
    expect(stand.written.length).toBe(before);
    await stand.remove('big');
    await stand.until(async () => (await stand.bound()).includes('next'));
    expect(await reason('next')).toBe('True Placed');
  });

  it('is let through without a place at the head of the line only, so many at a time', async () => {
    await start({ nodes: [1], placer: { exposeHead: 2 } });
    await stand.create('big', '1', WAITS);
    await stand.until(async () => (await stand.bound()).length === 1);
    for (const name of ['a', 'b', 'c']) await stand.create(name, '1', WAITS);
    await stand.run(5_000);
    const gated = [...(await stand.pods()).values()].filter(({ spec }) => (spec.schedulingGates ?? []).length > 0);
    expect(gated.map(({ metadata }) => metadata.name)).toEqual(['c']);
    await stand.remove('big');
    await stand.until(async () => (await stand.bound()).length === 1);
    expect(stand.fullest()).toBe(1000);
  });

  it('that wants no GPU is left to kube-scheduler', async () => {
    await start({ nodes: [1] });
    await stand.call('POST', '/api/v1/namespaces/team/pods', {
      metadata: { name: 'plain', annotations: { 'muster.dev/wait': 'true' } },
      spec: { schedulerName: 'muster-scheduler', containers: [{ name: 'main', image: 'x' }] },
    });
    await stand.until(async () => (await stand.bound()).includes('plain'));
    expect(patches('plain')).toEqual(['PATCH /plain']);
  });

  it.each([409, 429, 503])('is written again when the API server answers %i', async (status) => {
    await start({ nodes: [1] });
    let refusals = 3;
    stand.answers = ({ path }) =>
      path.includes('/pods/') && path.includes('/status') && refusals-- > 0
        ? { status, body: Buffer.from('{}'), retryAfterSeconds: null }
        : null;
    await stand.create('a', '1', WAITS);
    await stand.until(async () => (await stand.bound()).length === 1);
    expect(patches('a').length).toBe(5);
  });
});

describe('a gang', () => {
  it('starts whole, and not before it is whole', async () => {
    await start({ nodes: [2, 2] });
    await stand.gang('g', 3, '1', { annotations: { 'muster.dev/min-member': '4' } });
    await stand.run(5_000);
    expect(await stand.bound()).toEqual([]);
    expect(await reason('g-0')).toBe('False GangIncomplete');
    await stand.create('g-3', '1', {
      labels: { 'muster.dev/pod-group': 'g' },
      annotations: { 'muster.dev/min-member': '4' },
    });
    await stand.until(async () => (await stand.bound()).length === 4);
    expect(patches('g-3')).toEqual(['PATCH /g-3/status', 'PATCH /g-3']);
  });

  it('that needs more than there is waits whole while another one runs, then runs', async () => {
    await start({ nodes: [4, 4], placer: { exposeHead: 0 } });
    await stand.gang('a', 5, '1');
    await stand.gang('b', 5, '1');
    await stand.until(async () => (await stand.bound()).length === 5);
    await stand.run(5_000);
    expect(await stand.bound()).toEqual(['a-0', 'a-1', 'a-2', 'a-3', 'a-4']);
    expect(await reason('b-3')).toBe('False GangNoRoom');
    for (let at = 0; at < 5; at++) await stand.remove(`a-${at}`);
    await stand.until(async () => (await stand.bound()).length === 5);
  });
});

describe('a member let through without a place', () => {
  it('hears of its place when the gang has one', async () => {
    await start({ nodes: [2], scheduler: false, placer: { exposeHead: 1 } });
    await stand.gang('g', 3, '1');
    await stand.until(async () => (await stand.pod('g-0')).spec.schedulingGates === undefined);
    expect(await reason('g-0')).toBe('False GangNoRoom');
    await stand.addNode('more', 1);
    await stand.until(async () => (await stand.pod('g-0')).status?.nominatedNodeName !== undefined);
    expect(await reason('g-0')).toBe('True Placed');
  });
});

it('a plan that filter made, asked for the member that was let through, is made known of all its gated members', async () => {
  await start({ nodes: [2], scheduler: false, placer: { exposeHead: 1 } });
  await stand.gang('g', 3, '1');
  await stand.until(async () => (await stand.pod('g-0')).spec.schedulingGates === undefined);
  await stand.addNode('more', 1);
  await stand.until(() => stand.core.parts.picture.nodes.get('more')?.facts?.devices.length === 1, 500);
  const { decider, picture } = stand.core.parts;
  const answer = decider.filter(picture.podNamed('team', 'g-0')!, decider.resolve(['n0', 'more']), 1);
  expect(answer.fits.length).toBe(1);
  await stand.until(() => ['g-1', 'g-2'].every((name) => stand.written.includes(`PATCH /${name}`)), 500);
});

describe('a place that is not what it was', () => {
  const class_ = { metadata: { name: 'high' }, value: 100 };

  it('taken over by a pod of higher priority: its nomination is withdrawn, and it waits again', async () => {
    await start({ nodes: [1], scheduler: false, placer: { exposeHead: 0 } });
    await stand.call('POST', '/apis/scheduling.k8s.io/v1/priorityclasses', class_);
    await stand.create('low', '1', WAITS);
    await stand.until(async () => (await stand.pod('low')).status?.nominatedNodeName === 'n0');
    await stand.create('urgent', '1', { ...WAITS, spec: { priorityClassName: 'high' } });
    await stand.until(async () => (await stand.pod('urgent')).status?.nominatedNodeName === 'n0');
    await stand.until(async () => (await stand.pod('low')).metadata.annotations?.['muster.dev/plan'] === undefined);
    expect((await stand.pod('low')).status?.nominatedNodeName).toBeUndefined();
  });

  it('never asked for: it is withdrawn after its deadline', async () => {
    await start({ nodes: [1], scheduler: false, settings: { holdSeconds: 5 } });
    await stand.create('a', '1', WAITS);
    await stand.until(async () => (await stand.pod('a')).metadata.annotations?.['muster.dev/plan'] !== undefined);
    await stand.until(
      async () => (await stand.pod('a')).metadata.annotations?.['muster.dev/plan'] === undefined,
      10_000,
    );
    expect((await stand.pod('a')).status?.nominatedNodeName).toBeUndefined();
    const before = stand.written.length;
    await stand.run(60_000);
    expect(stand.written.length).toBe(before);
  });

  it('made by evictions where only fragmentation was in the way', async () => {
    await start({ nodes: [2], placer: { exposeHead: 0 } });
    await stand.call('POST', '/apis/scheduling.k8s.io/v1/priorityclasses', class_);
    for (const name of ['a', 'b']) await stand.create(name, '0.6', { spec: { terminationGracePeriodSeconds: 0 } });
    await stand.until(async () => (await stand.bound()).length === 2);
    await stand.create('big', '0.7', { ...WAITS, spec: { priorityClassName: 'high' } });
    await stand.until(async () => (await stand.bound()).includes('big'));
    expect((await stand.bound()).length).toBe(2);
    expect(stand.written.filter((line) => line.endsWith('/eviction')).length).toBe(1);
  });
});

describe('a backlog without gates', () => {
  it('is nominated where cluster and backlog are large enough, the last in line first', async () => {
    await start({
      nodes: Array.from({ length: 10 }, () => 4),
      scheduler: false,
      placer: { minNodes: 10, minBacklog: 5 },
    });
    for (let at = 0; at < 4; at++) await stand.create(`p${at}`, '1');
    await stand.run(2_000);
    expect(stand.written).toEqual([]);
    for (let at = 4; at < 8; at++) await stand.create(`p${at}`, '1');
    await stand.run(1_000);
    const order = stand.written
      .filter((line) => line.startsWith('PATCH'))
      .map((line) => line.slice('PATCH /p'.length, -'/status'.length));
    expect(order.length).toBeGreaterThanOrEqual(5);
    expect(order.slice(0, 5)).toEqual([...order.slice(0, 5)].sort().reverse());
  });
});

describe('killed at a write', () => {
  const CASES = [1, 2, 3, 4, 5, 6, 7, 8].flatMap((count) =>
    (['before', 'after'] as const).map((when) => [when, count] as const),
  );
  it.each(CASES)(
    '%s number %i of a gang of four and a pod, it ends as if nothing had happened',
    async (when, count) => {
      await start({ nodes: [2, 3] });
      stand.dies = (_, at, number) => number === count && at === when;
      await stand.create('single', '1', WAITS);
      await stand.gang('g', 4, '1');
      await stand.until(() => stand.dead);
      stand.dies = null;
      await stand.run(300);
      stand.begin();
      await stand.until(async () => (await stand.bound()).length === 5, 120_000);
      expect(stand.fullest()).toBe(1000);
      const pods = [...(await stand.pods()).values()];
      expect(pods.flatMap(({ spec }) => spec.schedulingGates ?? [])).toEqual([]);
    },
  );
});

/** Replays a life; the decisions compared, and that its books end as they were. */
async function replayed(lines: readonly string[]): Promise<number> {
  const [header, ...rest] = lines.map((line) => JSON.parse(line) as Line);
  const { config } = header as unknown as { config: ConstructorParameters<typeof Replay>[0] };
  const replay = new Replay(config, true);
  for (const line of rest) if (!('end' in line)) expect(await replay.feed(line)).toBeNull();
  return replay.decisions;
}

describe('sampling', () => {
  const sampled = { nodes: Array.from({ length: 120 }, () => 1), percentageOfNodesToScore: 20 };

  it('packs as if every node had been offered: what was not offered is nominated', async () => {
    await start({ ...sampled, record: true });
    for (let at = 0; at < 24; at++) {
      await stand.create(`p${at}`, '0.25');
      await stand.until(async () => (await stand.bound()).length === at + 1);
    }
    const pods = [...(await stand.pods()).values()];
    expect(new Set(pods.map(({ spec }) => spec.nodeName)).size).toBe(6);
    expect(pods.some(({ metadata }) => metadata.annotations?.['muster.dev/plan'] !== undefined)).toBe(true);
    for (const recorder of stand.recorders) expect(await replayed(recorder.lines())).toBeGreaterThan(24);
  }, 20_000);

  it('never calls a pod unschedulable because the sample missed the one node with room', async () => {
    await start({ ...sampled, settings: { nodePolicy: 'spread' } });
    await stand.addNode('the-one', 2);
    await stand.run(500);
    await stand.create('pair', '2');
    await stand.until(async () => (await stand.bound()).includes('pair'), 5_000);
  });
});

describe('a recording of it', () => {
  it('replays bit for bit, over a crash', async () => {
    await start({ nodes: [2, 3], record: true });
    stand.dies = (_, when, number) => number === 4 && when === 'after';
    await stand.create('single', '1', WAITS);
    await stand.gang('g', 4, '1');
    await stand.until(() => stand.dead);
    stand.dies = null;
    stand.begin();
    await stand.gang('h', 4, '1');
    await stand.until(async () => (await stand.bound()).length === 5, 120_000);
    await stand.run(5_000);
    let decisions = 0;
    for (const recorder of stand.recorders) decisions += await replayed(recorder.lines());
    expect(decisions).toBeGreaterThan(5);
  });
});
