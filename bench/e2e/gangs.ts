/** What gangs cost on the real control plane: starting a large one and many small ones, a verdict, and thousands of members that wait. */
import { setTimeout as sleep } from 'node:timers/promises';
import { account } from '../../test/e2e/harness/installed.ts';
import { waitFor } from '../../test/e2e/harness/wait.ts';
import { median } from '../row.ts';
import { startBeside } from './beside.ts';
import { type Cluster, POOL, type Wanted } from './cluster.ts';
import { cpuMs } from './cpu.ts';
import { inParallel } from './in-parallel.ts';
import { configured, EXTENDED, PLACER } from './modes.ts';
import type { Row } from './report.ts';
import { Seen } from './seen.ts';

export type GangExtent = {
  readonly turns: number;
  /** members of the large gang, at most as many as there are nodes */
  readonly large: number;
  /** pods of the many small gangs */
  readonly small: number;
  /** members that wait */
  readonly waiting: number;
  readonly profileInto: string | null;
  readonly say: (line: string) => void;
};

type Scene = {
  readonly seen: Seen;
  readonly muster: number;
  readonly scheduler: number;
  stopScheduler(): Promise<unknown>;
};

const SMALL_GANG = 4;
/** twice what has room in the pool that it asks for */
const TOO_LARGE = 2 * POOL;
const WAITING_GANG = 64;
const MOST_BEYOND_MS = 4_000;
const MOST_VERDICT_MS = 500;
const LEAST_RATE = 4;
const CPU_MS = 20_000;
/** members made between two words about it */
const STEP = 2_500;
const MOST_CPU = 2;
const CHURN_PER_SECOND = 20;
/** how long a pod that comes and goes is there */
const CHURN_STAY_MS = 2_000;
const PODS = '/api/v1/namespaces/default/pods';

/** Starting whole: on as many nodes as the large gang has members, or more. */
export async function startGangs(cluster: Cluster, extent: GangExtent): Promise<Row[]> {
  const { turns, small, say } = extent;
  const size = cluster.nodes.length;
  const large = Math.min(extent.large, size);
  const ms: Record<'gang' | 'singles', number[]> = { gang: [], singles: [] };
  const rates: Record<'gangs' | 'singles', number[]> = { gangs: [], singles: [] };
  for (let turn = 1; turn <= turns; turn++) {
    for (const kind of ['singles', 'gang'] as const) {
      const wanted = Array.from({ length: large }, (_, at): Wanted => {
        const one: Wanted = { name: `large-${kind}-${turn}-${at}`, shape: 'eight', gated: true };
        return kind === 'gang' ? { ...one, gang: { name: `large-${turn}`, members: large } } : one;
      });
      ms[kind].push(await timeToBind(cluster, extent, `${kind}-${turn}`, wanted));
      say(`turn ${turn} of ${turns}, ${large} × 8 GPUs, ${kind}: ${(ms[kind].at(-1)! / 1000).toFixed(1)} s`);
    }
    for (const kind of ['singles', 'gangs'] as const) {
      const wanted = Array.from({ length: small }, (_, at): Wanted => {
        const one: Wanted = { name: `small-${kind}-${turn}-${at}`, shape: at, gated: true };
        const gang = { name: `small-${turn}-${Math.floor(at / SMALL_GANG)}`, members: SMALL_GANG };
        return kind === 'gangs' ? { ...one, gang } : one;
      });
      rates[kind].push((1000 * small) / (await timeToBind(cluster, extent, `many-${kind}-${turn}`, wanted)));
      say(`turn ${turn} of ${turns}, ${small} pods, ${kind}: ${rates[kind].at(-1)!.toFixed(1)} pods/s`);
    }
  }
  const beyond = ms.gang.map((one, at) => one - ms.singles[at]!);
  const ratios = rates.gangs.map((one, at) => one / rates.singles[at]!);
  return [
    {
      name: `gang-${size}, ${large} × 8 GPUs, created to bound`,
      value: median(ms.gang),
      unit: 'ms',
      runs: ms.gang,
      floor: median(ms.singles),
    },
    {
      name: `gang-${size}, … beyond the same pods singly`,
      value: median(beyond),
      unit: 'ms',
      runs: beyond,
      target: `ms ≤ ${MOST_BEYOND_MS}`,
      met: median(beyond) <= MOST_BEYOND_MS,
    },
    {
      name: `gang-${size}, ${Math.floor(small / SMALL_GANG)} gangs × ${SMALL_GANG} ÷ singly`,
      value: median(rates.gangs),
      unit: 'pods/s',
      runs: rates.gangs,
      floor: median(rates.singles),
      ratio: median(ratios),
      target: 'ratio ≥ 0.8',
      met: median(ratios) >= 0.8,
    },
  ];
}

/** A gang that cannot fit: from its last member's creation to the reason on each of them. */
export async function verdicts(cluster: Cluster, extent: GangExtent): Promise<Row[]> {
  const size = cluster.nodes.length;
  const first: number[] = [];
  const all: number[] = [];
  await scene(cluster, extent, 'verdict', async ({ seen }) => {
    for (let turn = 1; turn <= 2 * extent.turns + 1; turn++) {
      const names = Array.from({ length: TOO_LARGE }, (_, at) => `verdict-${turn}-${at}`);
      const gang = { name: `verdict-${turn}`, members: TOO_LARGE };
      await inParallel(names, (name) => cluster.make({ name, shape: 'eight', gated: true, gang, pool: 'p0' }));
      const made = performance.now();
      await waitFor(() => names.every((name) => seen.refused.has(name)), { for: 'the verdict', everyMs: 5 });
      const at = names.map((name) => seen.refused.get(name)!);
      const wrong = at.find(({ reason }) => reason !== 'GangNoRoom');
      if (wrong !== undefined) throw new Error(`the verdict is ${wrong.reason}`);
      await inParallel(names, (name) => cluster.plane.admin.remove(`${PODS}/${name}`, 0));
      // the first one also pays for a process that has done nothing yet
      if (turn === 1) continue;
      first.push(Math.min(...at.map((one) => one.at)) - made);
      all.push(Math.max(...at.map((one) => one.at)) - made);
    }
  });
  extent.say(`a gang that cannot fit: told after ${median(all).toFixed(0)} ms`);
  const row = (what: string, runs: readonly number[]): Row => ({
    name: `gang-${size}, cannot fit, ${what}`,
    value: median(runs),
    unit: 'ms',
    runs,
    target: `ms ≤ ${MOST_VERDICT_MS}`,
    met: median(runs) <= MOST_VERDICT_MS,
  });
  return [row('first member told', first), row('every member told', all)];
}

/** CPU while thousands of members wait for room that does not come, idle and while other pods come and go. */
export async function waiting(cluster: Cluster, extent: GangExtent): Promise<Row[]> {
  const { waiting: count, say } = extent;
  const size = cluster.nodes.length;
  const rows: Row[] = [];
  const names = Array.from({ length: count }, (_, at) => `waits-${at}`);
  await scene(cluster, extent, 'waiting', async (found) => {
    const { seen } = found;
    const idle = await cpuOf(found, () => sleep(CPU_MS));
    const churn = await cpuOf(found, () => churning(cluster, 'alone'));
    say(`nobody waits: ${text(idle)}; with churn ${text(churn)}`);
    const make = (name: string, at: number) => {
      const gang = { name: `waits-${Math.floor(at / WAITING_GANG)}`, members: WAITING_GANG };
      return cluster.make({ name, shape: 'eight', gated: true, gang, pool: 'p0' });
    };
    for (let at = 0; at < count; at += STEP) {
      await inParallel(names.slice(at, at + STEP), (name, nth) => make(name, at + nth));
      say(`${Math.min(count, at + STEP)} of ${count} members made`);
    }
    // the last gang may not be whole: it says so, too
    await waitFor(() => seen.refused.size >= count, {
      for: `${count} members to be told why they wait`,
      timeoutMs: 60_000 + 40 * count,
      everyMs: 200,
      onTimeout: () => `${seen.refused.size} are`,
    });
    await sleep(5_000);
    const idleFull = await cpuOf(found, () => sleep(CPU_MS));
    say(`${count} wait: ${text(idleFull)}`);
    const churnFull = await cpuOf(found, () => churning(cluster, 'beside'));
    say(`${count} wait, with churn: ${text(churnFull)}`);
    const bare = await withoutUs(cluster, found);
    say(`${count} wait, with churn, kube-scheduler without extender: ${bare.toFixed(1)} %`);
    rows.push({ name: `gang-${size}, … kube-scheduler without extender`, value: bare, unit: '% core', runs: [bare] });
    for (const [what, before, now] of [
      ['idle', idle, idleFull],
      [`${CHURN_PER_SECOND} other pods a second`, churn, churnFull],
    ] as const)
      for (const name of ['muster', 'kube-scheduler'] as const) {
        const more = now[name] - before[name];
        rows.push({
          name: `gang-${size}, ${count} wait, ${what}, ${name}`,
          value: now[name],
          unit: '% core',
          runs: [now[name]],
          floor: before[name],
          target: `${what === 'idle' ? '' : 'more than without them '}≤ ${MOST_CPU}`,
          met: (what === 'idle' ? now[name] : more) <= MOST_CPU,
        });
      }
  });
  return rows;
}

/** What the same gated pods cost a kube-scheduler that has no extender, while others come and go: nobody gets below it. */
async function withoutUs(cluster: Cluster, { stopScheduler }: Scene): Promise<number> {
  await stopScheduler();
  const { process } = await cluster.plane.startScheduler({
    name: 'kube-scheduler-bare',
    config: configured({}),
    user: account,
    verbosity: 1,
  });
  try {
    await sleep(5_000);
    const before = cpuMs(process.pid);
    const since = performance.now();
    await churning(cluster, 'bare');
    return (100 * (cpuMs(process.pid) - before)) / (performance.now() - since);
  } finally {
    await process.stop(3_000);
  }
}

type Cpu = { readonly muster: number; readonly 'kube-scheduler': number };

const text = (cpu: Cpu): string =>
  Object.entries(cpu)
    .map(([name, per]) => `${name} ${per.toFixed(1)} %`)
    .join(', ');

/** Per cent of a core. */
async function cpuOf({ muster, scheduler }: Scene, work: () => Promise<unknown>): Promise<Cpu> {
  const since = performance.now();
  const before = [cpuMs(muster), cpuMs(scheduler)] as const;
  await work();
  const elapsed = performance.now() - since;
  return {
    muster: (100 * (cpuMs(muster) - before[0])) / elapsed,
    'kube-scheduler': (100 * (cpuMs(scheduler) - before[1])) / elapsed,
  };
}

/** Pods without a gate that are bound where the waiting cannot go, and leave again. */
async function churning(cluster: Cluster, name: string): Promise<void> {
  const begun = performance.now();
  const going: Promise<unknown>[] = [];
  for (let at = 0; performance.now() - begun < CPU_MS; at++) {
    const due = begun + (1000 * at) / CHURN_PER_SECOND;
    await sleep(Math.max(0, due - performance.now()));
    const pod = `churn-${name}-${at}`;
    const comeAndGo = async (): Promise<void> => {
      await cluster.make({ name: pod, shape: 'tenth' });
      await sleep(CHURN_STAY_MS);
      await cluster.plane.admin.remove(`${PODS}/${pod}`, 0);
    };
    going.push(comeAndGo());
  }
  await Promise.all(going);
}

/** ms from the first create to the last bound. */
async function timeToBind(
  cluster: Cluster,
  extent: GangExtent,
  run: string,
  wanted: readonly Wanted[],
): Promise<number> {
  return await scene(cluster, extent, run, async ({ seen }) => {
    const begun = performance.now();
    await inParallel(wanted, (one) => cluster.make(one));
    await waitFor(() => seen.bound.size >= wanted.length, {
      for: `${wanted.length} pods to be bound (${run})`,
      timeoutMs: 60_000 + (1000 * wanted.length) / LEAST_RATE,
      everyMs: 20,
      onTimeout: () => `${seen.bound.size} are\n${cluster.plane.tails()}`,
    });
    return Math.max(...seen.bound.values()) - begun;
  });
}

/** Muster with its placer and a kube-scheduler before it, both idle; nothing is left of it afterwards. */
async function scene<T>(
  cluster: Cluster,
  { profileInto }: GangExtent,
  run: string,
  play: (scene: Scene) => Promise<T>,
): Promise<T> {
  const { plane } = cluster;
  const beside = await startBeside(plane, { name: 'gangs', beside: 'muster', settings: PLACER }, run, profileInto);
  const seen = await Seen.start(plane.admin);
  try {
    const scheduler = await plane.startScheduler({
      name: `kube-scheduler-${run}`,
      config: configured(EXTENDED),
      user: account,
      verbosity: 1,
      extenderUrl: beside!.url,
    });
    try {
      return await play({
        seen,
        muster: beside!.pid,
        scheduler: scheduler.process.pid,
        stopScheduler: () => scheduler.process.stop(3_000),
      });
    } finally {
      await scheduler.process.stop(3_000);
    }
  } finally {
    await seen.stop();
    await beside!.stop();
    await cluster.clear();
  }
}
