/** The whole pipeline beside the decision alone: the same pods in the same order, and what lies between them. */
import { arrivalsOf, replayArrivals } from './arrivals.ts';
import { TraceCluster } from './cluster.ts';
import { mean, rounded, signed, spread, two } from './figures.ts';
import { howFar } from './progress.ts';
import { named } from './through/names.ts';
import { replayThrough, type Through } from './through/replay.ts';
import type { Setup } from './through/setups.ts';
import type { TracePod } from './trace.ts';
import type { Trial } from './trial.ts';

/** Points of allocated GPUs below the decision alone, at most, where every node counts. Above is luck of ties, and no fault. */
const TARGET = 0.3;

type Stream = { readonly seed: number; readonly arrivals: readonly TracePod[]; readonly direct: number };

/** False: a set-up that sees every node allocates less than it may beside the decision alone. */
export async function reportThrough(trial: Trial, setups: readonly Setup[]): Promise<boolean> {
  const { nodes, pods } = named(trial.nodes, trial.pods);
  const { options, policy } = trial;
  const at = Math.min(100, options.until);
  const streams = options.seeds.map((seed): Stream => {
    trial.progress.tell(() => `${trial.workload} ${policy}: the decision alone, seed ${seed}`);
    const cluster = new TraceCluster(nodes, policy, null);
    const arrivals = arrivalsOf(pods, seed, Math.ceil((options.until * cluster.gpuMilli) / 100));
    return { seed, arrivals, direct: replayArrivals(cluster, arrivals)[at]! };
  });
  let met = true;
  for (const setup of setups) met = (await reportSetup({ ...trial, nodes, pods }, setup, streams, at)) && met;
  return met;
}

async function reportSetup(trial: Trial, setup: Setup, streams: readonly Stream[], at: number): Promise<boolean> {
  const { nodes, workload, policy, progress, print, options } = trial;
  const begun = performance.now();
  const cpu = process.cpuUsage();
  const all = streams.reduce((sum, { arrivals }) => sum + arrivals.length, 0);
  const runs: Through[] = [];
  let before = 0;
  for (const { seed, arrivals } of streams) {
    const onArrived = (arrived: number): void =>
      progress.tell(
        () => `${workload} ${policy}, ${setup.name}, seed ${seed}: ${howFar(before + arrived, all, begun)}`,
      );
    runs.push(await replayThrough({ setup, policy, nodes, arrivals, seed, onArrived }));
    before += arrivals.length;
  }
  const { user, system } = process.cpuUsage(cpu);
  const allocated = runs.map(({ curve }) => curve[at]!);
  const direct = mean(streams.map((stream) => stream.direct));
  const difference = mean(allocated) - direct;
  const of = (figure: (run: Through) => number): number => mean(runs.map(figure));
  const perPod = (figure: (run: Through) => number): number => runs.reduce((sum, run) => sum + figure(run), 0) / all;
  const figures = {
    directPercent: rounded(direct),
    difference: rounded(difference),
    largestDifference: rounded(Math.max(...allocated.map((each, run) => Math.abs(each - streams[run]!.direct)))),
    target: setup.seesAll ? TARGET : null,
    bound: of((run) => run.bound),
    dropped: of((run) => run.dropped),
    late: of((run) => run.late),
    filterCallsPerPod: rounded(perPod((run) => run.filterCalls)),
    placerWritesPerPod: rounded(perPod((run) => run.placerWrites)),
    seconds: rounded((performance.now() - begun) / 1000),
    cpuSeconds: rounded((user + system) / 1e6),
  };
  const met = !setup.seesAll || difference >= -TARGET;
  print(
    `${workload} ${policy} ${setup.name}: ${two(mean(allocated))} ± ${two(spread(allocated))} % allocated at ${at} % arrived, ` +
      `the decision alone ${two(direct)} (${signed(difference)}${setup.seesAll ? `, at worst −${TARGET}${met ? '' : ' MISSED'}` : ''}); ` +
      `${setup.text}; ${figures.dropped} of ${all / runs.length} pods dropped, ${figures.late} not bound at once; a pod: ` +
      `${two(figures.filterCallsPerPod)} filter calls, ${two(figures.placerWritesPerPod)} placer writes; ${figures.cpuSeconds.toFixed(0)} s CPU`,
    {
      workload,
      policy,
      seeds: options.seeds,
      through: setup.name,
      percentageOfNodesToScore: setup.percentageOfNodesToScore,
      allocatedGpuPercent: rounded(mean(allocated)),
      spread: rounded(spread(allocated)),
      arrivedPercent: at,
      ...figures,
    },
  );
  return met;
}
