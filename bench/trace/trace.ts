/** Reads a directory of openb traces (nodes and pods as CSV) into the facts that decisions work on. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Device } from '../../src/core/gpu/device.ts';
import type { GpuRequest } from '../../src/core/gpu/request.ts';
import type { NodeFacts } from '../../src/core/placement/node-facts.ts';
import type { PodFacts } from '../../src/core/placement/pod-facts.ts';
import { seededRng } from '../../src/sim/seeded-rng.ts';
import { fraction, need, pod, request } from '../../test/build/facts.ts';
import { shuffle } from './shuffle.ts';

/** The trace does not tell GPU memory, and milli decides alone: thousandths of it are always free where milli are. */
const DEVICE_MIB = 16_384;
/** The paper's simulator gives each node this limit. */
const PODS_PER_NODE = 1001;
const MIB = 2 ** 20;

export type TracePod = {
  readonly facts: PodFacts;
  /** thousandths of GPUs asked in all */
  readonly gpuMilli: number;
  /** GPUs asked; 1 for a fraction */
  readonly gpus: number;
  /** seconds from the start of the trace; null where the file has none */
  readonly created: number | null;
  readonly deleted: number | null;
};

type Row = Readonly<Record<string, string>>;

/** No field of these files is quoted. */
function readCsv(path: string): Row[] {
  const [head = '', ...lines] = readFileSync(path, 'utf8').trim().split(/\r?\n/);
  const names = head.split(',');
  return lines.map((line) => {
    const fields = line.split(',');
    return Object.fromEntries(names.map((name, at) => [name, fields[at] ?? '']));
  });
}

export function readNodes(directory: string): NodeFacts[] {
  return readCsv(join(directory, 'openb_node_list_gpu_node.csv')).map((row) => {
    const name = row.sn!;
    const gpus = Number(row.gpu);
    return {
      name,
      labels: {},
      taints: [],
      cordoned: false,
      ready: true,
      managed: true,
      allocatable: { cpu: Number(row.cpu_milli), memory: Number(row.memory_mib) * MIB, pods: PODS_PER_NODE },
      devices: Array.from({ length: gpus }, (_, index): Device => deviceOf(name, index, row.model!)),
    };
  });
}

/** The same nodes under one another's names: policies break ties by name, so their order is another one. Seed 0 changes nothing. */
export function renamed(nodes: readonly NodeFacts[], seed: number): NodeFacts[] {
  const names = nodes.map(({ name }) => name);
  if (seed !== 0) shuffle(names, seededRng(seed));
  return nodes.map((node, at) => {
    const name = names[at]!;
    return { ...node, name, devices: node.devices.map(({ index, model }) => deviceOf(name, index, model)) };
  });
}

const deviceOf = (node: string, index: number, model: string): Device => ({
  uuid: `GPU-${node}-${index}`,
  index,
  mib: DEVICE_MIB,
  model,
  numa: null,
  links: [],
  healthy: true,
});

/** Workloads of which the directory has pods, in the order of their names. */
export function workloadsIn(directory: string): string[] {
  return readdirSync(directory)
    .map((file) => /^openb_pod_list_(.+)\.csv$/.exec(file)?.[1])
    .filter((name) => name !== undefined)
    .sort();
}

/** Sorted by name, as the authors do before they shuffle. */
export function readPods(directory: string, workload: string): TracePod[] {
  const rows = readCsv(join(directory, `openb_pod_list_${workload}.csv`));
  rows.sort((a, b) => (a.name! < b.name! ? -1 : a.name! > b.name! ? 1 : 0));
  return rows.map((row) => {
    const gpus = Number(row.num_gpu);
    const milli = Number(row.gpu_milli);
    return {
      facts: podOf(row, gpus === 0 ? null : requestOf(gpus, milli, row.gpu_spec ?? '')),
      gpuMilli: gpus * milli,
      gpus,
      created: seconds(row.creation_time),
      deleted: seconds(row.deletion_time),
    };
  });
}

const seconds = (text: string | undefined): number | null => (text ? Number(text) : null);

const requestOf = (count: number, milli: number, models: string): GpuRequest =>
  request([need(fraction(milli), count)], { models: { allow: models === '' ? [] : models.split('|'), deny: [] } });

const podOf = (row: Row, asked: GpuRequest | null): PodFacts =>
  pod(row.name!, asked, {
    uid: row.name!,
    namespace: 'trace',
    createdMs: 0,
    needs: { cpu: Number(row.cpu_milli), memory: Number(row.memory_mib) * MIB, pods: 1 },
  });
