/**
 * Replays GPU traces through the real decision code: `npm run bench:trace -- --data DIR --workload default --policy muster
 * --seeds 42-51`. The figure is allocated GPUs when arrived demand reaches all GPUs, mean over the seeds, beside the published
 * one. `--departures` lets pods leave. See docs/packing.md.
 */
import { writeFileSync } from 'node:fs';
import { Command, InvalidArgumentError } from 'commander';
import { NODE_POLICIES, type NodePolicy } from '../../src/core/gpu/request.ts';
import { arrivalsOf, replayArrivals } from './arrivals.ts';
import { TraceCluster, typicalOf } from './cluster.ts';
import { replayDepartures, staysOf } from './departures.ts';
import { plotCurves } from './plot.ts';
import { COUNTERPART, publishedMean } from './published.ts';
import { readNodes, readPods, renamed, type TracePod, workloadsIn } from './trace.ts';

type Options = {
  readonly data: string;
  readonly workload: string;
  readonly policy: readonly NodePolicy[];
  readonly seeds: readonly number[];
  readonly until: number;
  readonly load: number;
  readonly names: number;
  readonly departures?: true;
  readonly learn?: true;
  readonly json?: true;
  readonly plot?: string;
};

function seedsOf(text: string): number[] {
  const match = /^(\d+)(?:-(\d+))?$/.exec(text);
  if (match === null) throw new InvalidArgumentError('a seed or a range like 42-51');
  const from = Number(match[1]);
  const to = Number(match[2] ?? match[1]);
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, at) => from + at);
}

function policiesOf(text: string): NodePolicy[] {
  const names = text === 'all' ? [...NODE_POLICIES] : text.split(',');
  return names.map((name) => {
    const policy = NODE_POLICIES.find((known) => known === name);
    if (policy === undefined) throw new InvalidArgumentError(`one of ${NODE_POLICIES.join(', ')}, or all`);
    return policy;
  });
}

function namesOf(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('a whole number');
  return Number(text);
}

function percentOf(text: string): number {
  const percent = Number(text);
  if (!(percent >= 1 && percent <= 1000)) throw new InvalidArgumentError('a per cent number');
  return percent;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const spread = (values: readonly number[]): number =>
  Math.sqrt(mean(values.map((value) => (value - mean(values)) ** 2)));
const two = (value: number): string => value.toFixed(2);
const rounded = (value: number): number => Number(value.toFixed(3));

const options = new Command('bench:trace')
  .requiredOption('--data <dir>', 'directory with openb_node_list_gpu_node.csv and openb_pod_list_<workload>.csv')
  .option('--workload <name>', 'one workload, or all', 'default')
  .option('--policy <names>', `${NODE_POLICIES.join(', ')}, several by comma, or all`, policiesOf, ['muster'] as const)
  .option('--seeds <a-b>', 'seeds of the order of arrival', seedsOf, [42])
  .option('--until <percent>', 'stop when arrived demand reaches this much of all GPUs', percentOf, 100)
  .option('--learn', 'fgd learns its typical shapes as muster does (the paper is given them)')
  .option('--departures', 'pods leave and wait: time-averaged figures')
  .option('--load <percent>', 'with --departures: demand in per cent of all GPUs', percentOf, 100)
  .option('--names <seed>', "nodes under one another's names (ties go by name); 0: as they are", namesOf, 0)
  .option('--plot <file>', 'write allocation over arrival as SVG (of the last workload)')
  .option('--json', 'one JSON object a line')
  .parse()
  .opts<Options>();

const nodes = renamed(readNodes(options.data), options.names);
const print = (text: string, object: object): void => {
  process.stdout.write(`${options.json ? JSON.stringify(object) : text}\n`);
};

/** The paper's policy knows the workload beforehand; ours has to learn it. */
const clusterFor = (policy: NodePolicy, pods: readonly TracePod[]): TraceCluster =>
  new TraceCluster(nodes, policy, policy === 'fgd' && !options.learn ? typicalOf(pods) : null);

for (const workload of options.workload === 'all' ? workloadsIn(options.data) : [options.workload]) {
  const pods = readPods(options.data, workload);
  const curves: { name: string; curve: number[] }[] = [];
  for (const policy of options.policy) {
    if (options.departures) departures(workload, pods, policy);
    else curves.push({ name: policy, curve: arrivals(workload, pods, policy) });
  }
  if (options.plot !== undefined && curves.length > 0) writeFileSync(options.plot, plotCurves(workload, curves));
}

function arrivals(workload: string, pods: readonly TracePod[], policy: NodePolicy): number[] {
  const curves: number[][] = [];
  const clusters = options.seeds.map((seed) => {
    const cluster = clusterFor(policy, pods);
    const until = Math.ceil((options.until * cluster.gpuMilli) / 100);
    curves.push(replayArrivals(cluster, arrivalsOf(pods, seed, until)));
    return cluster;
  });
  const at = Math.min(100, options.until);
  const ours = curves.map((curve) => curve[at]!);
  const published = publishedMean(options.data, workload, policy, at);
  const counterpart = COUNTERPART[policy];
  const time = timesOf(clusters);
  print(
    `${workload} ${policy}: ${two(mean(ours))} ± ${two(spread(ours))} % allocated at ${at} % arrived` +
      (published === null ? '' : `, ${counterpart} published ${two(published)} (${two(mean(ours) - published)})`) +
      `; ${time.text}`,
    {
      workload,
      policy,
      seeds: options.seeds,
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

function departures(workload: string, pods: readonly TracePod[], policy: NodePolicy): void {
  const clusters: TraceCluster[] = [];
  const lived = options.seeds.map((seed) => {
    const cluster = clusterFor(policy, pods);
    clusters.push(cluster);
    const stays = staysOf(pods, seed, cluster.gpuMilli, options.load);
    if (stays.length === 0) throw new Error(`${workload} has no creation and deletion times`);
    return replayDepartures(cluster, stays);
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
    { workload, policy, seeds: options.seeds, departures: true, ...figures, ...time.figures },
  );
}

function timesOf(clusters: readonly TraceCluster[]): { text: string; figures: object } {
  const wall = clusters.flatMap((cluster) => cluster.wallNs).sort((a, b) => a - b);
  const cpuMs = clusters.reduce((sum, cluster) => sum + cluster.cpuUs, 0) / 1000 / wall.length;
  const wallAt = (part: number): number => wall[Math.floor(wall.length * part)]! / 1e6;
  return {
    text: `${cpuMs.toFixed(3)} ms CPU a decision (wall: half ${wallAt(0.5).toFixed(3)}, 99 % ${wallAt(0.99).toFixed(2)})`,
    figures: {
      decisionCpuMs: rounded(cpuMs),
      decisionP50Ms: rounded(wallAt(0.5)),
      decisionP99Ms: rounded(wallAt(0.99)),
      decisions: wall.length,
    },
  };
}
