/** Reads a directory of openb traces (nodes and pods as CSV) into the facts that decisions work on. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Device } from '../../src/core/gpu/device.ts';
import { type GpuRequest, WHOLE_MILLI } from '../../src/core/gpu/request.ts';
import type { NodeFacts } from '../../src/core/placement/node-facts.ts';
import type { PodFacts } from '../../src/core/placement/pod-facts.ts';
import { seededRng } from '../../src/sim/seeded-rng.ts';
import { fraction, need, pod, request } from '../../test/build/facts.ts';
import { TraceError } from './errors.ts';
import { shuffle } from './shuffle.ts';
import { distinct, type Row, readTable } from './table.ts';

/** The trace does not tell GPU memory, and milli decides alone: thousandths of it are always free where milli are. */
export const DEVICE_MIB = 16_384;
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

const NODES = 'openb_node_list_gpu_node.csv';
const POD_LIST = /^openb_pod_list_(.+)\.csv$/;
const NODE_COLUMNS = ['sn', 'cpu_milli', 'memory_mib', 'gpu'];
const POD_COLUMNS = ['name', 'cpu_milli', 'memory_mib', 'num_gpu', 'gpu_milli'];
/** More than any machine has, and than an inventory lists. */
const MOST_GPUS = 64;

/** Throws TraceError, as all that reads here. */
export function readNodes(directory: string): NodeFacts[] {
  checkDirectory(directory);
  const rows = readTable(join(directory, NODES), NODE_COLUMNS);
  distinct(rows, 'sn');
  const nodes = rows.map((row) => {
    const name = row.name('sn');
    const gpus = row.amount('gpu');
    if (!Number.isInteger(gpus) || gpus > MOST_GPUS)
      throw row.fault(`gpu is ${gpus}; write a whole number up to ${MOST_GPUS}`);
    return {
      name,
      labels: {},
      taints: [],
      cordoned: false,
      ready: true,
      managed: gpus > 0,
      allocatable: {
        cpu: Math.floor(row.amount('cpu_milli')),
        memory: Math.floor(row.amount('memory_mib') * MIB),
        pods: PODS_PER_NODE,
      },
      devices: Array.from({ length: gpus }, (_, index): Device => deviceOf(name, index, modelOf(row.text('model')))),
    };
  });
  if (nodes.every(({ devices }) => devices.length === 0))
    throw new TraceError('data', `${NODES}: no node has a GPU; column gpu says how many each one has`);
  return nodes;
}

function checkDirectory(directory: string): void {
  const shape = `it must hold ${NODES} and openb_pod_list_<workload>.csv`;
  if (!statSync(directory, { throwIfNoEntry: false })?.isDirectory())
    throw new TraceError('usage', `--data ${directory}: no such directory; ${shape}`);
  const files = readdirSync(directory);
  if (!files.includes(NODES)) throw new TraceError('data', `${directory} has no ${NODES}; ${shape}`);
  if (!files.some((file) => POD_LIST.test(file)))
    throw new TraceError('data', `${directory} has no openb_pod_list_<workload>.csv; ${shape}`);
}

/** The same nodes under one another's names: policies break ties by name, so their order is another one. Seed 0 changes nothing. */
export function renamed(nodes: readonly NodeFacts[], seed: number): NodeFacts[] {
  const names = nodes.map(({ name }) => name);
  if (seed !== 0) shuffle(names, seededRng(seed));
  return nodes.map((node, at) => withName(node, names[at]!));
}

export const withName = (node: NodeFacts, name: string): NodeFacts => ({
  ...node,
  name,
  devices: node.devices.map(({ index, model }) => deviceOf(name, index, model)),
});

/** Models of a request are parts of texts, and a pod of the trace means the whole: A10 is not A100. */
const modelOf = (model: string): string => (model === '' ? '' : `<${model}>`);

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
  checkDirectory(directory);
  return readdirSync(directory)
    .map((file) => POD_LIST.exec(file)?.[1])
    .filter((name) => name !== undefined)
    .sort();
}

/** Sorted by name, as the authors do before they shuffle. */
export function readPods(directory: string, workload: string): TracePod[] {
  const known = workloadsIn(directory);
  if (!known.includes(workload))
    throw new TraceError('usage', `--workload ${workload}: no such workload; ${directory} has ${known.join(', ')}`);
  const rows = readTable(join(directory, `openb_pod_list_${workload}.csv`), POD_COLUMNS);
  distinct(rows, 'name');
  const pods = rows.map((row): TracePod => {
    const gpus = row.amount('num_gpu');
    if (!Number.isInteger(gpus) || gpus > MOST_GPUS)
      throw row.fault(`num_gpu is ${gpus}; write a whole number up to ${MOST_GPUS}`);
    const milli = gpus === 0 ? 0 : row.amount('gpu_milli', WHOLE_MILLI);
    if (gpus > 0 && (!Number.isInteger(milli) || milli < 1 || milli > WHOLE_MILLI))
      throw row.fault(`gpu_milli is ${milli}; write thousandths of each GPU, from 1 to ${WHOLE_MILLI}`);
    return {
      facts: podOf(row, gpus === 0 ? null : requestOf(gpus, milli, row.text('gpu_spec'))),
      gpuMilli: gpus * milli,
      gpus,
      created: seconds(row, 'creation_time'),
      deleted: seconds(row, 'deletion_time'),
    };
  });
  if (pods.every(({ gpus }) => gpus === 0))
    throw new TraceError('data', `openb_pod_list_${workload}.csv: no pod asks for a GPU; column num_gpu says how many`);
  return pods.sort((a, b) => (a.facts.name < b.facts.name ? -1 : 1));
}

const seconds = (row: Row, column: string): number | null => (row.text(column) === '' ? null : row.amount(column));

const requestOf = (count: number, milli: number, models: string): GpuRequest =>
  request([need(fraction(milli), count)], {
    models: { allow: models.split('|').filter(Boolean).map(modelOf), deny: [] },
  });

const podOf = (row: Row, asked: GpuRequest | null): PodFacts =>
  pod(row.name('name'), asked, {
    uid: row.name('name'),
    namespace: 'trace',
    createdMs: 0,
    needs: {
      cpu: Math.ceil(row.amount('cpu_milli')),
      memory: Math.ceil(row.amount('memory_mib') * MIB),
      pods: 1,
    },
  });
