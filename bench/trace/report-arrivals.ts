/** The paper's drive through the decision alone: allocated GPUs when arrived demand reaches all of them, beside the published figure. */
import { arrivalsOf, replayArrivals } from './arrivals.ts';
import { TraceCluster, typicalOf } from './cluster.ts';
import { mean, rounded, signed, spread, two } from './figures.ts';
import { COUNTERPART, publishedMean } from './published.ts';
import { timesOf } from './times.ts';
import type { Trial } from './trial.ts';

/** The paper's policy knows the workload beforehand; ours has to learn it. */
export const clusterFor = ({ nodes, policy, pods, options }: Trial): TraceCluster =>
  new TraceCluster(nodes, policy, policy === 'fgd' && !options.learn ? typicalOf(pods) : null);

/** The mean curve over the seeds. */
export function reportArrivals(trial: Trial): number[] {
  const { options, workload, pods, policy, progress, print } = trial;
  const { seeds, until, data } = options;
  const curves: number[][] = [];
  const clusters = seeds.map((seed, at) => {
    progress.tell(() => `${workload} ${policy}: seed ${at + 1} of ${seeds.length}`);
    const cluster = clusterFor(trial);
    const milli = Math.ceil((until * cluster.gpuMilli) / 100);
    curves.push(replayArrivals(cluster, arrivalsOf(pods, seed, milli)));
    return cluster;
  });
  const at = Math.min(100, until);
  const ours = curves.map((curve) => curve[at]!);
  const published = publishedMean(data, workload, policy, at);
  const counterpart = COUNTERPART[policy];
  const time = timesOf(clusters);
  print(
    `${workload} ${policy}: ${two(mean(ours))} ± ${two(spread(ours))} % allocated at ${at} % arrived` +
      (published === null ? '' : `, ${counterpart} published ${two(published)} (${signed(mean(ours) - published)})`) +
      `; ${time.text}`,
    {
      workload,
      policy,
      seeds,
      allocatedGpuPercent: rounded(mean(ours)),
      spread: rounded(spread(ours)),
      arrivedPercent: at,
      published,
      publishedPolicy: published === null ? null : counterpart,
      ...time.figures,
    },
  );
  return curves[0]!.map((_, percent) => mean(curves.map((curve) => curve[percent] ?? curve.at(-1)!)));
}
