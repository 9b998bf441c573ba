/**
 * Replays GPU traces through the real decision code: `npm run bench:trace -- --data DIR --workload default --policy muster
 * --seeds 42-51`. The figure is allocated GPUs when arrived demand reaches all GPUs, mean over the seeds, beside the published
 * one. `--departures` lets pods leave, `--through` sends them the whole way. See docs/packing.md.
 *
 * Exit status 1: a target was missed; 2: the directory or an option is of no use.
 */
import { writeFileSync } from 'node:fs';
import { TraceError } from './errors.ts';
import { type Options, optionsOf, UNUSABLE } from './options.ts';
import { plotCurves } from './plot.ts';
import { Progress } from './progress.ts';
import { reportArrivals } from './report-arrivals.ts';
import { reportDepartures } from './report-departures.ts';
import { reportThrough } from './report-through.ts';
import { readNodes, readPods, renamed, workloadsIn } from './trace.ts';
import type { Trial } from './trial.ts';

/** False: a target was missed. */
async function replay(options: Options): Promise<boolean> {
  const progress = new Progress();
  const print = (text: string, object: object): void => {
    progress.clear();
    process.stdout.write(`${options.json ? JSON.stringify(object) : text}\n`);
  };
  const nodes = renamed(readNodes(options.data), options.names);
  const names = options.workload === 'all' ? workloadsIn(options.data) : [options.workload];
  // all of them are read before the first is replayed: what is wrong with the last one is said now
  const workloads = names.map((workload) => ({ workload, pods: readPods(options.data, workload) }));
  let met = true;
  for (const { workload, pods } of workloads) {
    const curves: { name: string; curve: number[] }[] = [];
    for (const policy of options.policy) {
      const trial: Trial = { options, nodes, workload, pods, policy, progress, print };
      if (options.departures) reportDepartures(trial);
      else if (options.through !== undefined) met = (await reportThrough(trial, options.through)) && met;
      else curves.push({ name: policy, curve: reportArrivals(trial) });
    }
    if (options.plot !== undefined && curves.length > 0) writeFileSync(options.plot, plotCurves(workload, curves));
  }
  return met;
}

try {
  if (!(await replay(optionsOf(process.argv)))) process.exitCode = 1;
} catch (error) {
  if (!(error instanceof TraceError)) throw error;
  process.stderr.write(`bench:trace: ${error.message}\n`);
  process.exitCode = UNUSABLE;
}
