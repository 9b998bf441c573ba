/**
 * Gangs of all sizes in every way in which they reach Muster: behind the placer's gate, through the webhook alone, by annotations alone,
 * and as kube-scheduler's own pod groups. Two that exclude each other, many at random, and many with the extender killed in between.
 * Smaller by default; a hundred gangs each with MUSTER_E2E_FULL=1.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GangWatch, median } from './harness/gang-watch.ts';
import { objectPath, type Pod } from './harness/kube.ts';
import { devicesOf } from './harness/nodes.ts';
import { fraction } from './harness/pods.ts';
import { Stand, type StandOptions } from './harness/stand.ts';
import { waitFor } from './harness/wait.ts';

const FULL = process.env.MUSTER_E2E_FULL === '1';
const [MANY, KILLED, KILLS] = FULL ? [100, 60, 12] : [25, 16, 3];
/** from the first to the last Binding of a gang: the barrier lets all go at once, and each is one call */
const mostSpread = (size: number): number => 1_500 + 40 * size;
/**
 * Bound in part at the restart, a gang is whole so long after the restarted extender answers /readyz: it has listed everything by then, and decides
 * one call deadline (4 s) after its start, when no call of whoever ended can arrive any more.
 */
const COMPLETE_MS = 5_000;
/**
 * Nobody but kube-scheduler binds the rest of a native group, and it comes back to it after its back-off, up to 10 s; an extender decides 4 s
 * after its start. A group is whole then, or was given up when the grace was over, about then too.
 */
const NATIVE_MS = 18_000;
const GRACE_S = 8;

const nodes = Array.from({ length: 8 }, (_, at) => ({
  name: `n${at}`,
  source: 'annotation' as const,
  devices: devicesOf(8, 'NVIDIA-A100-SXM4-40GB', 40960),
  cpu: '256',
  pods: '500',
}));

type Mode = { readonly name: string; readonly stand: Omit<StandOptions, 'nodes'>; readonly native: boolean };
const settings = { gangGraceSeconds: GRACE_S };
const MODES: readonly Mode[] = [
  { name: 'with the placer', native: false, stand: { settings: { ...settings, placer: { enabled: true } } } },
  { name: 'with the webhook', native: false, stand: { settings } },
  { name: 'without the webhook', native: false, stand: { webhook: false, settings: { ...settings, envGuard: false } } },
  {
    name: 'native pod groups',
    native: true,
    stand: {
      settings,
      plane: {
        featureGates: { GenericWorkload: true },
        apiserverArgs: ['--runtime-config=scheduling.k8s.io/v1beta1=true'],
      },
      schedulerArgs: ['--feature-gates=GenericWorkload=true'],
    },
  },
];

/** mulberry32 */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe.each(MODES)('$name', ({ native, stand: options }) => {
  let stand: Stand;
  let watch: GangWatch;
  beforeAll(async () => {
    stand = await Stand.start({ nodes, apiProxy: true, ...options });
    watch = await GangWatch.start(stand.admin);
  });
  afterAll(async () => {
    await watch?.stop();
    await stand?.stop();
  });

  async function gang(name: string, size: number, share: string): Promise<Pod[]> {
    watch.expect(name, size);
    if (native)
      await stand.admin.expect('POST', '/apis/scheduling.k8s.io/v1beta1/namespaces/default/podgroups', {
        apiVersion: 'scheduling.k8s.io/v1beta1',
        kind: 'PodGroup',
        metadata: { name },
        spec: { schedulingPolicy: { gang: { minCount: size } } },
      });
    return Array.from({ length: size }, (_, at) =>
      fraction(
        `${name}-${at}`,
        share,
        native
          ? { spec: { schedulingGroup: { podGroupName: name } } as Partial<Pod['spec']> }
          : { labels: { 'muster.dev/pod-group': name }, annotations: { 'muster.dev/min-member': String(size) } },
      ),
    );
  }
  const end = async (pods: readonly Pod[]): Promise<void> => {
    for (let at = 0; at < pods.length; at += 16)
      await Promise.all(pods.slice(at, at + 16).map((each) => stand.admin.remove(objectPath(each))));
  };
  /** sizes from 2 to 64, small ones more often, fractions and whole devices */
  async function drawn(prefix: string, count: number, seed: number): Promise<Map<string, Pod[]>> {
    const random = randomOf(seed);
    const gangs = new Map<string, Pod[]>();
    for (let at = 0; at < count; at++) {
      const size = Math.floor(2 * 32.5 ** random());
      const shares = size > 32 ? ['0.1', '0.25', '0.5'] : ['0.25', '0.5', '0.75', '1'];
      gangs.set(`${prefix}${at}`, await gang(`${prefix}${at}`, size, shares[Math.floor(random() * shares.length)]!));
    }
    return gangs;
  }

  test('two that each need 60 % of the cluster: one runs whole, the other waits whole, then runs', async () => {
    const [a, b] = [await gang('a', 39, '1'), await gang('b', 39, '1')];
    await stand.create(a.flatMap((each, at) => [each, b[at]!]));
    const [first, second] = await waitFor(
      () => (watch.isWhole('a') ? (['a', 'b'] as const) : watch.isWhole('b') ? (['b', 'a'] as const) : null),
      { for: 'one of them to run', timeoutMs: 60_000, onTimeout: () => stand.logs() },
    );
    expect(watch.spread(first)).toBeLessThan(mostSpread(39));
    await sleep(3_000);
    expect(watch.bound(second)).toBe(0);
    await end(first === 'a' ? a : b);
    await waitFor(() => watch.isWhole(second), {
      for: 'the other one',
      timeoutMs: 60_000,
      onTimeout: () => stand.logs(),
    });
    expect(watch.spread(second)).toBeLessThan(mostSpread(39));
    await end(second === 'a' ? a : b);
  }, 180_000);

  test(
    `${MANY} at random: none is ever bound in part for longer than its Bindings take`,
    async () => {
      const gangs = await drawn('r', MANY, 6);
      const started = performance.now();
      const creating = stand.create([...gangs.values()].flat(), 16);
      const left = new Set(gangs.keys());
      while (left.size > 0) {
        const next = await waitFor(() => [...left].find((name) => watch.isWhole(name)), {
          for: `${left.size} gangs: ${[...left].slice(0, 5)}`,
          timeoutMs: 120_000,
          onTimeout: () => stand.logs(),
        });
        left.delete(next);
        // it has run
        await end(gangs.get(next)!);
      }
      await creating;
      const spreads = [...gangs.keys()].map((name) => watch.spread(name));
      console.log(
        `${MANY} gangs, ${[...gangs.values()].flat().length} pods in ${((performance.now() - started) / 1000).toFixed(1)} s; ` +
          `first to last Binding: median ${median(spreads).toFixed(0)} ms, max ${Math.max(...spreads).toFixed(0)} ms`,
      );
      for (const [name, pods] of gangs) expect(watch.spread(name)).toBeLessThan(mostSpread(pods.length));
    },
    FULL ? 900_000 : 240_000,
  );

  test(
    `${KILLED} with the extender killed ${KILLS} times by -9: what is bound in part is soon whole, or given up whole`,
    async () => {
      const gangs = await drawn('k', KILLED, 7);
      // the webhook is in the same process: who is created while it is away is not prepared, so all are there before it is killed.
      // Nobody begins before all are there: kube-scheduler is away meanwhile
      await stand.scheduler.process.killHard();
      await stand.create([...gangs.values()].flat(), 32);
      await stand.killAndRestartScheduler();
      const random = randomOf(8);
      const left = new Set(gangs.keys());
      const inPart = (): string[] => [...left].filter((name) => watch.isInPart(name));
      const completed: string[] = [];
      let kills = 0;
      let dead = false;
      const settle = async (): Promise<void> => {
        // on a machine that is too slow it loses its Lease and ends; a kubelet would start it again
        if (stand.scheduler.process.ended !== null) await stand.killAndRestartScheduler();
        for (const name of left)
          if (watch.isWhole(name)) {
            left.delete(name);
            await end(gangs.get(name)!);
          }
      };
      while (left.size > 0) {
        if (kills < KILLS) {
          kills++;
          // between two Bindings of a gang, or at any time
          const between = kills % 3 !== 0;
          const share = random();
          const at = performance.now() + 300 + random() * 1_500;
          const sent = new Map<string, number>();
          dead = false;
          stand.api!.lose((_, path) => {
            const gang = /\/pods\/(.+)-\d+\/binding/.exec(path)?.[1];
            if (gang === undefined || !gangs.has(gang)) return null;
            // those that follow had not left the process yet
            if (dead) throw new Error('its sender is gone');
            const count = (sent.get(gang) ?? 0) + 1;
            sent.set(gang, count);
            if (between && count > share * (gangs.get(gang)!.length - 1)) {
              dead = true;
              stand.muster.process.signalNow('SIGKILL');
            }
            return null;
          });
          await waitFor(
            async () => {
              await settle();
              return dead || left.size === 0 || (!between && performance.now() >= at);
            },
            { for: 'a moment to kill', timeoutMs: 60_000, onTimeout: () => stand.logs() },
          );
          dead = true;
          const killed = performance.now();
          await stand.muster.killAndRestart();
          stand.api!.lose(null);
          await stand.muster.ready();
          const ready = performance.now();
          const halves = inPart();
          const away = ready - killed;
          // on a machine that takes longer than usual to start a process, all takes longer
          const slow = Math.max(1, away / 1_500);
          const soon = native ? NATIVE_MS * slow : COMPLETE_MS;
          const isOver = (): boolean => inPart().every((name) => !halves.includes(name));
          const look = async (): Promise<boolean> => {
            // the watch may not have shown all that was bound before it went
            await settle();
            return isOver();
          };
          await waitFor(look, {
            for: `gangs bound in part at the restart: ${halves.map((name) => `${name} ${watch.bound(name)}/${gangs.get(name)!.length}`)}`,
            timeoutMs: slow * (COMPLETE_MS + NATIVE_MS),
            onTimeout: () => stand.logs(),
          });
          for (const name of halves) {
            if (watch.isWhole(name)) {
              const took = Math.max(0, watch.lastBound(name) - ready);
              completed.push(`${name} whole ${took.toFixed(0)} ms (away for ${away.toFixed(0)})`);
              expect(took).toBeLessThan(soon);
              continue;
            }
            // twenty are evicted a second
            const timeoutMs = slow * (5_000 + 50 * gangs.get(name)!.length);
            await waitFor(() => watch.isGivenUp(name), { for: `${name} to be given up whole`, timeoutMs });
            completed.push(`${name} given up ${(performance.now() - ready).toFixed(0)} ms`);
            left.delete(name);
          }
        }
        await waitFor(
          async () => {
            await settle();
            return left.size === 0 || kills < KILLS;
          },
          { for: `${left.size} gangs: ${[...left].slice(0, 5)}`, timeoutMs: 120_000, onTimeout: () => stand.logs() },
        );
      }
      console.log(
        `${KILLED} gangs, ${kills} kills; bound in part at a restart, and after it: ${completed.join(', ') || 'none'}`,
      );
      for (const pods of gangs.values()) await end(pods);
    },
    FULL ? 900_000 : 300_000,
  );

  test('no device was ever over 100 %, nothing is held that nobody holds, and no moment was missed', async () => {
    await stand.create([...Array(64).keys()].map((at) => fraction(`all-${at}`, '1')));
    await stand.bound(
      [...Array(64).keys()].map((at) => `all-${at}`),
      60_000,
    );
    const report = await stand.finish();
    expect(report.peakMilli).toBeLessThanOrEqual(1000);
  }, 120_000);
});
