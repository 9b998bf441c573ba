import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { mixedNodes } from '../sim/nodes.ts';
import type { BenchReport } from './bench/report.ts';
import { DemoCluster } from './demo/cluster.ts';
import { startDemoExtender } from './demo/extender-process.ts';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'muster-bench-'));
let cluster: DemoCluster;

type Ended = { status: number; stdout: string; stderr: string };
function bench(...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const env = { ...process.env, KUBECONFIG: '', HOME: folder };
    execFile(process.execPath, [MAIN, 'bench', ...args], { env, timeout: 60_000 }, (error, stdout, stderr) =>
      resolve({ status: error === null ? 0 : Number(error.code ?? 1), stdout, stderr }),
    );
  });
}
const here = (): string[] => ['--url', cluster.extender.url, '--kubeconfig', cluster.kubeconfig, '--calls', '50'];

type Seen = { metadata: { name: string; annotations?: Record<string, string> }; spec: { nodeName?: string } };
async function pods(): Promise<Seen[]> {
  const { body } = await cluster.user.request({ method: 'GET', path: '/api/v1/pods', timeoutMs: 5_000 });
  return (JSON.parse(body.toString()) as { items: Seen[] }).items;
}

beforeAll(async () => {
  cluster = await DemoCluster.start({
    nodes: mixedNodes(4),
    startExtender: startDemoExtender,
    folder,
    onExtender() {},
    onError() {},
  });
  await cluster.create('/api/v1/namespaces', { metadata: { name: 'team' } });
}, 60_000);
afterAll(async () => {
  await cluster?.stop();
  rmSync(folder, { recursive: true });
});

describe('muster bench', () => {
  it('asks about usual shares where no pod is there, then about those that run, then about those that wait', async () => {
    const usual = await bench(...here());
    expect(usual.stderr).toBe('');
    expect(usual.stdout).toMatch(
      /^50 dry decisions in [\d.]+ s by 1 at a time: \d+\/s; nothing was held or bound\n4 nodes/,
    );
    expect(usual.stdout).toContain('no pod of muster-scheduler is there');
    expect(usual.stdout).toContain('100.0 % of the pods would be placed');

    const pod = (name: string, annotations: Record<string, string>) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'team', annotations },
      spec: { schedulerName: 'muster-scheduler', containers: [{ name: 'main', image: 'none' }] },
    });
    await cluster.create('/api/v1/namespaces/team/pods', pod('half', { 'muster.dev/gpu-fraction': '0.5' }));
    await vi.waitFor(async () => expect((await pods()).map(({ spec }) => spec.nodeName)).not.toContain(undefined), {
      timeout: 15_000,
      interval: 100,
    });
    const running = await bench(...here());
    expect(running.stdout).toContain('no pod waits: 1 pod of 1 that run, as they were');
    expect(running.stdout).toContain('100.0 % of the pods would be placed');

    await cluster.create('/api/v1/namespaces/team/pods', pod('vast', { 'muster.dev/gpu-memory': '500Gi' }));
    const before = await pods();
    const { stdout } = await bench(...here(), '-o', 'json', '--callers', '4');
    const report = JSON.parse(stdout) as BenchReport;
    expect(report).toMatchObject({
      calls: 50,
      callers: 4,
      nodes: 4,
      pods: '1 pod of 1 that wait',
      placedPercent: 0,
      refusedPercent: 100,
    });
    expect(report.refusals[0]).toMatchObject({ reason: 'GPU devices have too little memory' });
    expect(report.refusals.reduce((sum, { percent }) => sum + percent, 0)).toBeCloseTo(100, 1);
    expect(report.callMs.p50).toBeGreaterThan(report.extenderMs.decide.p50);
    // it asked about the waiting pod, and left it as it was: no claim, no node
    const claims = (seen: readonly Seen[]) => seen.map(({ spec, metadata }) => [spec, metadata.annotations]);
    expect(claims(await pods())).toEqual(claims(before));
  }, 120_000);

  it('says what to do where nothing can be measured', async () => {
    const silent = createServer((_request, response) => response.writeHead(404).end('{}')).listen(0, '127.0.0.1');
    const waiting = createServer((_request, response) => response.writeHead(503).end('{}')).listen(0, '127.0.0.1');
    await Promise.all([once(silent, 'listening'), once(waiting, 'listening')]);
    const urlOf = (server: ReturnType<typeof createServer>): string =>
      `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const cases: [string, RegExp][] = [
      ['http://127.0.0.1:1', /no extender answers at .*connection refused.*--url/],
      [urlOf(silent), /takes no dry decisions/],
      [urlOf(waiting), /is not deciding: ask the replica/],
    ];
    try {
      for (const [url, text] of cases) {
        const { status, stderr } = await bench('--url', url, '--kubeconfig', cluster.kubeconfig);
        expect(status).toBe(1);
        expect(stderr).toMatch(text);
        expect(stderr).not.toMatch(/\n {4}at /);
      }
      expect((await bench('--calls', '0')).stderr).toContain('expected a whole number from 1');
    } finally {
      silent.close();
      waiting.close();
    }
  }, 60_000);
});
