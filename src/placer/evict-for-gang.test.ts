import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PlacerStand } from '../../test/kit/placer-stand.ts';
import type { Line } from '../extender/record/format.ts';
import { Replay } from '../extender/record/replay.ts';

const HIGH = { spec: { priorityClassName: 'high' } };
const SLOW = { spec: { terminationGracePeriodSeconds: 20 } };
let stand: PlacerStand;
beforeEach(async () => {
  stand = await PlacerStand.start({ nodes: [2, 2], placer: { exposeHead: 0 }, record: true });
  await stand.call('POST', '/apis/scheduling.k8s.io/v1/priorityclasses', { metadata: { name: 'high' }, value: 100 });
});
afterEach(() => stand.stop());

const evictions = (): string[] => stand.written.filter((line) => line.endsWith('/eviction'));
const reason = async (name: string): Promise<string | undefined> =>
  (await stand.pod(name)).status?.conditions?.find(({ type }) => type === 'muster.dev/Placed')?.reason;
const budget = async (gang: string, allowed: number): Promise<void> => {
  const path = '/apis/policy/v1/namespaces/team/poddisruptionbudgets';
  const body = {
    metadata: { name: gang },
    spec: { maxUnavailable: allowed, selector: { matchLabels: { 'muster.dev/pod-group': gang } } },
  };
  const created = (await stand.call('POST', path, body)) as object;
  const status = { disruptionsAllowed: allowed, currentHealthy: 4, desiredHealthy: 4 - allowed, expectedPods: 4 };
  await stand.call('PUT', `${path}/${gang}/status`, { ...created, status });
};

describe('a gang that pods of lower priority keep waiting', () => {
  it('has exactly one of two gangs evicted, whole, and starts whole', async () => {
    await stand.gang('one', 2, '1', { spec: { terminationGracePeriodSeconds: 0 } });
    await stand.gang('two', 2, '1', { spec: { terminationGracePeriodSeconds: 0 } });
    await stand.until(async () => (await stand.bound()).length === 4);
    await stand.gang('vip', 2, '1', HIGH);
    await stand.until(async () => (await stand.bound()).includes('vip-1'));
    await stand.run(15_000);
    const left = (await stand.bound()).map((name) => name.slice(0, 3));
    expect(left.filter((name) => name === 'vip').length).toBe(2);
    expect(new Set(left).size).toBe(2);
    expect(evictions().length).toBe(2);
    expect(stand.fullest()).toBe(1000);
    const [header, ...lines] = stand.recorders[0]!.lines().map((line) => JSON.parse(line) as Line);
    const { config } = header as unknown as { config: ConstructorParameters<typeof Replay>[0] };
    const replay = new Replay(config, true);
    for (const line of lines) if (!('end' in line)) expect(await replay.feed(line)).toBeNull();
    expect(lines.filter((line) => 'keepRoom' in line)).toHaveLength(1);
  });

  it('gets the room that was made for it, whoever else comes while the victims end', async () => {
    await stand.gang('one', 4, '1', SLOW);
    await stand.until(async () => (await stand.bound()).length === 4);
    await stand.gang('vip', 4, '1', HIGH);
    await stand.until(() => evictions().length === 4);
    for (const name of ['early', 'late']) await stand.create(name, '0.5');
    await stand.remove('one-0');
    await stand.until(async () => (await reason('vip-0')) === 'VictimsTerminating');
    await stand.run(5_000);
    expect((await stand.bound()).filter((name) => !name.startsWith('one'))).toEqual([]);
    for (const at of [1, 2, 3]) await stand.remove(`one-${at}`);
    await stand.until(async () => (await stand.bound()).length === 4);
    expect(await stand.bound()).toEqual(['vip-0', 'vip-1', 'vip-2', 'vip-3']);
  });

  it('keeps what is made for it for longer than half a minute, while they end', async () => {
    await stand.gang('one', 4, '1', { spec: { terminationGracePeriodSeconds: 300 } });
    await stand.until(async () => (await stand.bound()).length === 4);
    await stand.gang('vip', 4, '1', HIGH);
    await stand.until(() => evictions().length === 4);
    await stand.remove('one-0');
    await stand.run(100_000);
    expect(stand.core.parts.picture.holds.countByCause().awaiting).toBe(4);
    expect(evictions().length).toBe(4);
  });

  it('has nobody evicted when it would not start even then, or budgets forbid it', async () => {
    await budget('one', 0);
    await stand.gang('one', 2, '1');
    await stand.create('a', '1');
    await stand.create('b', '1');
    await stand.until(async () => (await stand.bound()).length === 4);
    await stand.gang('vip', 3, '1', HIGH);
    await stand.gang('huge', 5, '1', HIGH);
    await stand.run(60_000);
    expect(evictions()).toEqual([]);
    expect(await reason('vip-0')).toBe('GangNoRoom');
  });

  it('evicts nobody where its pods may not preempt', async () => {
    await stand.call('POST', '/apis/scheduling.k8s.io/v1/priorityclasses', {
      metadata: { name: 'meek' },
      value: 100,
      preemptionPolicy: 'Never',
    });
    await stand.gang('one', 4, '1');
    await stand.until(async () => (await stand.bound()).length === 4);
    await stand.gang('vip', 2, '1', { spec: { priorityClassName: 'meek', preemptionPolicy: 'Never' } });
    await stand.run(20_000);
    expect(evictions()).toEqual([]);
  });

  it('gives up before anybody goes, and lets go of the room, when a budget refuses after all', async () => {
    await budget('one', 4);
    await stand.gang('one', 4, '1', SLOW);
    await stand.until(async () => (await stand.bound()).length === 4);
    stand.answers = ({ path }) =>
      path.endsWith('/eviction') ? { status: 429, body: Buffer.from('{}'), retryAfterSeconds: null } : null;
    await stand.gang('vip', 4, '1', HIGH);
    await stand.until(async () => (await stand.pod('vip-0')).status?.nominatedNodeName !== undefined);
    await stand.until(() => stand.core.parts.picture.holds.countByCause().awaiting === 0, 120_000);
    await stand.run(200);
    expect(evictions().length).toBe(6);
    expect((await stand.pod('vip-0')).status?.nominatedNodeName).toBeUndefined();
    expect((await stand.bound()).length).toBe(4);
  });

  it('goes on after the extender died among the evictions, and starts whole', async () => {
    await stand.gang('one', 4, '1', { spec: { terminationGracePeriodSeconds: 0 } });
    await stand.until(async () => (await stand.bound()).length === 4);
    let left = 2;
    stand.dies = ({ path }, when) => path.endsWith('/eviction') && when === 'after' && --left === 0;
    await stand.gang('vip', 4, '1', HIGH);
    await stand.until(() => stand.dead);
    stand.dies = null;
    stand.begin();
    await stand.until(async () => (await stand.bound()).filter((name) => name.startsWith('vip')).length === 4, 120_000);
    expect(stand.fullest()).toBe(1000);
  });
});
