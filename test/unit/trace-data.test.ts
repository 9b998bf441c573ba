/** Directories of the trace's shape that are not the trace: other names, columns, orders, models; and what is said where the shape is wrong. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { arrivalsOf, replayArrivals } from '../../bench/trace/arrivals.ts';
import { TraceCluster } from '../../bench/trace/cluster.ts';
import { readNodes, readPods, workloadsIn } from '../../bench/trace/trace.ts';
import type { NodePolicy } from '../../src/core/gpu/request.ts';

const REPOSITORY = resolve(import.meta.dirname, '../..');
const NODE_FILE = 'openb_node_list_gpu_node.csv';
const NODE_HEAD = 'sn,cpu_milli,memory_mib,gpu,model';
const POD_HEAD = 'name,cpu_milli,memory_mib,num_gpu,gpu_milli';
const made: string[] = [];

function directory(nodes: readonly string[], pods: readonly string[], workload = 'mine'): string {
  const path = mkdtempSync(join(tmpdir(), 'muster-trace-'));
  made.push(path);
  writeFileSync(join(path, NODE_FILE), nodes.join('\n'));
  writeFileSync(join(path, `openb_pod_list_${workload}.csv`), pods.join('\n'));
  return path;
}

afterEach(() => {
  for (const path of made.splice(0)) rmSync(path, { recursive: true });
});

function percentOf(path: string, policy: NodePolicy, workload = 'mine'): number {
  const pods = readPods(path, workload);
  const cluster = new TraceCluster(readNodes(path), policy, null);
  return replayArrivals(cluster, arrivalsOf(pods, 1, cluster.gpuMilli))[100]!;
}

/** Exit status and what was written. */
function run(...options: readonly string[]): Promise<{ status: number; out: string; err: string }> {
  return new Promise((done) => {
    const argv = ['bench/trace/main.ts', ...options];
    execFile(process.execPath, argv, { cwd: REPOSITORY }, (error, out, err) =>
      done({ status: error === null ? 0 : Number(error.code), out, err }),
    );
  });
}

const NODES = [NODE_HEAD, 'a,32000,65536,4,T4', 'b,32000,65536,2,P100', 'c,32000,65536,8,T4'];
const PODS = [POD_HEAD, 'p1,1000,1024,1,500', 'p2,1000,1024,1,250', 'p3,2000,2048,2,1000', 'p4,500,512,0,0'];

describe('a directory of the shape of the trace', () => {
  it.each(['pack', 'spread', 'fgd', 'muster'] as const)('is replayed whatever is in it: %s', (policy) => {
    expect(percentOf(directory(NODES, PODS), policy)).toBeGreaterThan(80);
  });

  const plain = percentOf(directory(NODES, PODS), 'pack');
  it.each([
    ['lines end as on Windows and the file begins with a mark', NODES, [`\uFEFF${PODS.join('\r\n')}\r\n`]],
    [
      'columns are in another order, and there are more of them',
      [
        'gpu,sn,zone,memory_mib,model,cpu_milli',
        '4,a,z,65536,T4,32000',
        '2,b,z,65536,P100,32000',
        '8,c,z,65536,T4,32000',
      ],
      PODS,
    ],
    [
      'nodes have no model',
      ['sn,cpu_milli,memory_mib,gpu', 'a,32000,65536,4', 'b,32000,65536,2', 'c,32000,65536,8'],
      PODS,
    ],
    [
      'cells are quoted',
      NODES.map((line) =>
        line
          .split(',')
          .map((cell) => `"${cell}"`)
          .join(','),
      ),
      PODS,
    ],
    ['numbers are written as other tools do', NODES, PODS.map((line) => line.replace(/,(\d+)/g, ',$1.0'))],
    ['rows are in another order, with empty lines between', [NODE_HEAD, ...NODES.slice(1).reverse(), ''], PODS],
    [
      'whole GPUs have no thousandths',
      NODES,
      PODS.map((line) => line.replace(/^p3.*/, 'p3,2000,2048,2,').replace(/^p4.*/, 'p4,500,512,0,')),
    ],
  ])('means the same when %s', (_, nodes, pods) => {
    expect(percentOf(directory(nodes, pods), 'pack')).toBe(plain);
  });

  it('says which workloads it has, whatever they are called', () => {
    const path = directory(NODES, PODS, 'my-own_2026.v2');
    expect(workloadsIn(path)).toEqual(['my-own_2026.v2']);
    expect(percentOf(path, 'muster', 'my-own_2026.v2')).toBeGreaterThan(80);
  });

  it('may have nodes without GPUs, which pods without GPUs take first', () => {
    const path = directory(
      [NODE_HEAD, 'cpu,4000,65536,0,', 'gpu,4000,65536,1,T4'],
      [POD_HEAD, 'c1,2000,1,0,0', 'c2,2000,1,0,0', 'c3,2000,1,0,0', 'g,2000,1,1,1000'],
    );
    const pods = readPods(path, 'mine');
    const cluster = new TraceCluster(readNodes(path), 'muster', null);
    const placed = pods.map((pod) => {
      cluster.create(pod.facts);
      return cluster.place(pod);
    });
    expect(placed).toEqual(['cpu', 'cpu', 'gpu', 'gpu']);
  });

  it('means a model by its whole name', () => {
    const path = directory(
      [NODE_HEAD, 'a,9000,9000,1,A100', 'b,9000,9000,1,A10'],
      [`${POD_HEAD},gpu_spec`, 'p,1,1,1,1000,A10', 'q,1,1,1,1000,T4|A100'],
    );
    const cluster = new TraceCluster(readNodes(path), 'pack', null);
    const placed = readPods(path, 'mine').map((pod) => {
      cluster.create(pod.facts);
      return cluster.place(pod);
    });
    expect(placed).toEqual(['b', 'a']);
  });
});

describe('a directory that cannot be used is told what is wrong with it', () => {
  const TOLD: readonly [string, readonly string[], readonly string[], RegExp][] = [
    [
      'a column is missing',
      ['sn,gpu', 'a,1'],
      PODS,
      /node_list_gpu_node.csv: no column cpu_milli, memory_mib;.*found: sn, gpu/,
    ],
    ['a pod has no name', NODES, [POD_HEAD, ',1,1,1,1000'], /pod_list_mine.csv, line 2: name is empty/],
    ['a number is none', NODES, [POD_HEAD, 'p,1,1,1,half'], /line 2: gpu_milli is "half"; write a number from 0 on/],
    ['a number is not there', NODES, [POD_HEAD, 'p,1,1'], /line 2: num_gpu is ""/],
    ['a number is negative', [NODE_HEAD, 'a,-1,1,1,T4'], PODS, /line 2: cpu_milli is "-1"/],
    ['GPUs are broken', [NODE_HEAD, 'a,1,1,1.5,T4'], PODS, /line 2: gpu is 1.5; write a whole number up to 64/],
    ['a share is more than a GPU', NODES, [POD_HEAD, 'p,1,1,1,1001'], /gpu_milli is 1001; write thousandths/],
    [
      'two nodes have one name',
      [NODE_HEAD, 'a,1,1,1,', 'a,1,1,1,'],
      PODS,
      /line 3: sn a was there before \(.*line 2\)/,
    ],
    ['no node has a GPU', [NODE_HEAD, 'a,1,1,0,'], PODS, /no node has a GPU; column gpu says how many/],
    ['no pod asks for a GPU', NODES, [POD_HEAD, 'p,1,1,0,0'], /no pod asks for a GPU; column num_gpu says how many/],
    ['there are no rows', NODES, [POD_HEAD], /openb_pod_list_mine.csv has no rows/],
  ];
  it.each(TOLD)('%s', (_, nodes, pods, message) => {
    const path = directory(nodes, pods);
    expect(() => [readNodes(path), readPods(path, 'mine')]).toThrow(message);
  });

  it('the command says it in one line, and ends with 2', async () => {
    const path = directory(NODES, PODS);
    const { status, out, err } = await run('--data', path, '--workload', 'yours');
    expect({ status, out }).toEqual({ status: 2, out: '' });
    expect(err).toBe(`bench:trace: --workload yours: no such workload; ${path} has mine\n`);
  });
});

describe('the command', () => {
  it('prints one object a line for programs, the whole pipeline too', async () => {
    const path = directory(NODES, PODS);
    const plain = await run('--data', path, '--workload', 'all', '--seeds', '1-2', '--json');
    expect(JSON.parse(plain.out)).toMatchObject({ workload: 'mine', policy: 'muster', seeds: [1, 2] });
    const whole = await run('--data', path, '--workload', 'mine', '--policy', 'pack', '--through', '--json');
    const lines = whole.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.map(({ through }) => through)).toEqual(['filter', 'placer', 'sampled']);
    for (const line of lines) expect(line).toMatchObject({ policy: 'pack', seeds: [42], difference: 0 });
    expect([whole.status, whole.err]).toEqual([0, '']);
  });
});
