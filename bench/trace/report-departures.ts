/** Clusters live: what is allocated over time, who waits, and how long the largest pods do. */
import type { TraceCluster } from './cluster.ts';
import { replayDepartures, staysOf } from './departures.ts';
import { TraceError } from './errors.ts';
import { mean, rounded, spread, two } from './figures.ts';
import { clusterFor } from './report-arrivals.ts';
import { timesOf } from './times.ts';
import type { Trial } from './trial.ts';

export function reportDepartures(trial: Trial): void {
  const { options, workload, pods, policy, progress, print } = trial;
  const { seeds, load } = options;
  if (!pods.some(({ created, deleted, gpus }) => gpus > 0 && created !== null && deleted !== null && deleted > created))
    throw new TraceError(
      'data',
      `workload ${workload} does not say when pods with GPUs come and go; --departures needs columns creation_time and deletion_time`,
    );
  const clusters: TraceCluster[] = [];
  const lived = seeds.map((seed, at) => {
    progress.tell(() => `${workload} ${policy}, departures: seed ${at + 1} of ${seeds.length}`);
    const cluster = clusterFor(trial);
    clusters.push(cluster);
    return replayDepartures(cluster, staysOf(pods, seed, cluster.gpuMilli, load));
  });
  const allocated = lived.map((each) => each.allocatedPercent);
  const of = (figure: (each: (typeof lived)[number]) => number): number => mean(lived.map(figure));
  const time = timesOf(clusters);
  const figures = {
    allocatedGpuPercent: rounded(mean(allocated)),
    spread: rounded(spread(allocated)),
    demandPercent: rounded(of((each) => each.demandPercent)),
    waitingPods: rounded(of((each) => each.waiting)),
    largePods: of((each) => each.large.pods),
    largeMeanWaitSeconds: rounded(of((each) => each.large.meanWaitS)),
    largeNeverRan: rounded(of((each) => each.large.neverRan)),
  };
  print(
    `${workload} ${policy}: ${two(figures.allocatedGpuPercent)} ± ${two(figures.spread)} % allocated over time of ` +
      `${two(figures.demandPercent)} % wanted, ${figures.waitingPods.toFixed(0)} pods waiting; ${figures.largePods} large pods ` +
      `waited ${figures.largeMeanWaitSeconds.toFixed(0)} s, ${figures.largeNeverRan} never ran; ${time.text}`,
    { workload, policy, seeds, departures: true, ...figures, ...time.figures },
  );
}
