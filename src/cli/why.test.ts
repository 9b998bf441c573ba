import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { mixedNodes } from '../sim/nodes.ts';
import { DemoCluster } from './demo/cluster.ts';
import { startDemoExtender } from './demo/extender-process.ts';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'muster-cli-'));
const LISTENS = /listens on (\S+)/;
const PATIENCE = { timeout: 15_000, interval: 100 };
let cluster: DemoCluster;
let url = '';

type Ended = { status: number; stdout: string; stderr: string };

/** `timeoutMs`: SIGTERM after that; for commands that would go on */
function muster(args: readonly string[], timeoutMs = 20_000): Promise<Ended> {
  return new Promise((resolve) => {
    const env = { ...process.env, KUBECONFIG: '', HOME: folder };
    execFile(process.execPath, [MAIN, ...args], { env, timeout: timeoutMs }, (error, stdout, stderr) =>
      resolve({ status: error === null ? 0 : Number(error.code ?? 1), stdout, stderr }),
    );
  });
}

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const pod = (name: string, annotations: Record<string, string>, labels: Record<string, string> = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'team', annotations, labels },
  spec: { schedulerName: 'muster-scheduler', containers: [{ name: 'main', image: 'none' }] },
});

beforeAll(async () => {
  cluster = await DemoCluster.start({
    nodes: mixedNodes(4),
    startExtender: startDemoExtender,
    folder,
    onExtender() {},
    onError() {},
  });
  url = cluster.extender.url;
  await cluster.create('/api/v1/namespaces', { metadata: { name: 'team' } });
  await cluster.create('/api/v1/namespaces/team/pods', pod('half', { 'muster.dev/gpu-fraction': '0.5' }));
  await cluster.create('/api/v1/namespaces/team/pods', pod('vast', { 'muster.dev/gpu-memory': '500Gi' }));
});

afterAll(async () => {
  await cluster?.stop();
  rmSync(folder, { recursive: true });
});

describe('muster why', () => {
  it('says where a bound pod is, and asks no node about it', async () => {
    const bound = await vi.waitFor(async () => {
      const { stdout } = await muster(['why', 'team/half', '--url', url]);
      expect(stdout).toContain('is bound to');
      return stdout;
    }, PATIENCE);
    expect(bound).toMatch(
      /^pod team\/half is bound to \S+\nasks for: 1 GPU with 50 % of the memory and 50 % of the compute in container main\n$/,
    );
  });

  it('groups the reasons of a waiting pod, with amounts', async () => {
    const { stdout, status } = await muster(['why', 'team/vast', '--url', url]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^pod team\/vast waits\nasks for: 1 GPU with 512000 MiB in container main\n/);
    expect(stdout).toMatch(
      /\n\nGPU devices have too little memory \(\d of 4 nodes\)\n {2}\S+ +free #0 \d+ % \d+\/\d+ MiB/,
    );
  });

  it('gives machines the same as JSON', async () => {
    const { stdout } = await muster(['why', 'team/vast', '--url', `${url}/`, '-o', 'json']);
    const { pod: name, node, deciding, nodes } = JSON.parse(stdout);
    expect({ name, node, deciding }).toEqual({ name: 'team/vast', node: null, deciding: true });
    expect(nodes).toHaveLength(4);
    expect(nodes).toContainEqual({
      node: 'h100-0',
      code: 'gpu-too-small',
      reason: 'GPU devices have too little memory',
      detail: expect.stringContaining('free #0'),
    });
  });

  it('says of a gang how many members fit, and what is missing, also when asked about a member', async () => {
    const gang = (name: string) =>
      pod(name, { 'muster.dev/gpu-memory': '60Gi', 'muster.dev/min-member': '40' }, { 'muster.dev/pod-group': 'g' });
    for (let at = 0; at < 40; at++) await cluster.create('/api/v1/namespaces/team/pods', gang(`g-${at}`));
    const { text, fit } = await vi.waitFor(async () => {
      const json = JSON.parse((await muster(['why', 'team/g', '--url', url, '-o', 'json'])).stdout);
      expect(json).toMatchObject({ gang: 'team/g', state: 'waits', code: 'gang-no-room', minMember: 40 });
      return { text: (await muster(['explain', 'team/g-1', '--url', url])).stdout, fit: json.fit };
    }, PATIENCE);
    expect(fit.needed).toBe(40);
    expect(fit.fits).toBeGreaterThan(0);
    expect(text).toContain('pod team/g-1 waits\n');
    expect(text).toContain('gang team/g waits for room\nstarts with 40 members: 0 are bound, 40 wait\n');
    expect(text).toContain(`room now: for ${fit.fits} of the 40 members that have no place yet\n`);
  });

  it('asks whether a pod that nobody knows exists', async () => {
    const { stderr, status } = await muster(['why', 'team/none', '--url', url]);
    expect(status).toBe(1);
    expect(stderr).toContain('pod team/none is not known: does `kubectl get pod` show it');
  });
});

describe('what users get wrong is answered with what to do, and no stack', () => {
  const cases: [string, () => string[], RegExp][] = [
    ['no extender there', () => ['why', 'a/b', '--url', 'http://127.0.0.1:1'], /no extender answers .*--url/],
    ['a pod without its namespace', () => ['why', 'train-0'], /expected NAMESPACE\/POD/],
    ['an address that is none', () => ['why', 'a/b', '--url', 'here'], /expected an address such as http:/],
    ['an unknown format', () => ['why', 'a/b', '-o', 'xml'], /Allowed choices are text, json/],
    ['no configuration', () => ['extender'], /--config <file>/],
    ['a configuration that is not there', () => ['extender', '--config', '/none.yaml'], /\/none\.yaml cannot be read/],
    [
      'a key that does not exist',
      () => ['extender', '--config', file('key.yaml', 'shortlist: 1')],
      /shortlist: no such key/,
    ],
    ['a kubeconfig that is not there', () => extender('ok.yaml', '--kubeconfig', '/none'), /\/none cannot be read/],
    ['no kubeconfig at all', () => extender('ok.yaml'), /no cluster: name a kubeconfig/],
    ['an unknown command', () => ['whyy'], /muster --help/],
  ];
  const extender = (name: string, ...more: string[]): string[] => [
    'extender',
    '--config',
    file(name, 'leadership: always\nlisten: {port: 0}\n'),
    ...more,
  ];

  it.each(cases)('%s', async (_what, args, text) => {
    const { stderr, status } = await muster(args());
    expect(status).toBe(1);
    expect(stderr).toMatch(text);
    expect(stderr).not.toMatch(/\n {4}at /);
  });

  it('a port in use', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const { stderr, status } = await muster([
      'extender',
      '--config',
      file('taken.yaml', `leadership: always\nlisten: {port: ${port}}\n`),
      '--kubeconfig',
      kubeconfig('http://127.0.0.1:1'),
    ]);
    taken.close();
    expect(status).toBe(1);
    expect(stderr).toMatch(new RegExp(`127.0.0.1:${port} is in use by another process: end it, or set another port`));
  });

  it('an API server that does not answer is named by /readyz and by explain', async () => {
    const config = file('deaf.yaml', 'leadership: always\nlisten: {port: 0}\n');
    const child = execFile(process.execPath, [
      MAIN,
      'extender',
      '--config',
      config,
      '--kubeconfig',
      kubeconfig('http://127.0.0.1:1'),
    ]);
    try {
      let said = '';
      child.stderr!.on('data', (text: string) => {
        said += text;
      });
      const address = await vi.waitFor(() => {
        expect(said).toMatch(LISTENS);
        return LISTENS.exec(said)![1]!;
      }, PATIENCE);
      const text = await vi.waitFor(async () => {
        const { stderr } = await muster(['why', 'a/b', '--url', address]);
        expect(stderr).toContain('pods: ');
        return stderr;
      }, PATIENCE);
      expect(text).toMatch(/is not synced yet\n(.*\n)*pods: .*GET \/api\/v1\/pods: nothing was sent \(ECONNREFUSED\)/);
      const ready = await fetch(`${address}/readyz`);
      expect([ready.status, await ready.text()]).toEqual([503, expect.stringContaining('ECONNREFUSED')]);
    } finally {
      child.kill();
      await once(child, 'exit');
    }
  });
});

function kubeconfig(server: string): string {
  return file(
    'kubeconfig',
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'a', cluster: { server } }],
      users: [{ name: 'a', user: {} }],
      contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
      'current-context': 'a',
    }),
  );
}

it('muster version names the versions that bug reports need', async () => {
  expect((await muster(['version'])).stdout).toMatch(/^muster \d+\.\d+\.\d+, Node\.js 26\.\d+\.\d+, \w+ \w+\n$/);
  expect((await muster(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
});
