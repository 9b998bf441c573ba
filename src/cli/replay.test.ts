/** A burst on the embedded cluster, recorded by a running extender and replayed by the command as a user calls it. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startExtenderProcess } from '../../test/kit/extender-process.ts';
import { readConfig } from '../extender/config.ts';
import type { Header } from '../extender/record/format.ts';
import { startExtender } from '../extender/start.ts';
import { nodeClock, nodeRng } from '../kube/node-adapter.ts';
import { connect } from '../kube/undici-adapter.ts';
import { DecodeThread } from '../kube/worker-decoder.ts';
import { mixedNodes } from '../sim/nodes.ts';
import { DemoCluster } from './demo/cluster.ts';
import type { RunningExtender } from './demo/extender-process.ts';
import { replayCommand } from './replay.ts';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));
const CANARY = 'canary-51d7';
const PODS = 120;
const folder = mkdtempSync(join(tmpdir(), 'muster-replay-'));
/** the recording as lines */
let lines: string[] = [];
let cluster: DemoCluster | undefined;

type Ended = { status: number; stdout: string; stderr: string };

/** In this process: starting one takes longer than what is tested. */
async function replay(path: string, ...more: string[]): Promise<Ended> {
  const out: string[] = [];
  const err: string[] = [];
  const catching = [
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => out.push(String(text)) > 0),
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => err.push(String(text)) > 0),
  ];
  try {
    await replayCommand().parseAsync([path, ...more], { from: 'user' });
    return { status: Number(process.exitCode), stdout: out.join(''), stderr: err.join('') };
  } finally {
    process.exitCode = 0;
    for (const each of catching) each.mockRestore();
  }
}

function replayAsCommand(...words: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, 'replay', ...words], { timeout: 30_000 }, (error, stdout, stderr) =>
      resolve({ status: error === null ? 0 : Number(error.code ?? 99), stdout, stderr }),
    );
  });
}

function save(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const joined = (all: readonly string[]): string => all.map((line) => `${line}\n`).join('');
const saveLines = (name: string, all: readonly string[]): string => save(name, joined(all));

const pod = (at: number) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: `p${at}`,
    namespace: 'team',
    annotations: {
      ...(at % 5 > 0 && { 'muster.dev/gpu-fraction': ['0.1', '0.25', '0.5', 'half'][at % 4]! }),
      'kubectl.kubernetes.io/last-applied-configuration': CANARY,
      secret: CANARY,
    },
  },
  spec: {
    schedulerName: 'muster-scheduler',
    containers: [
      { name: 'main', image: 'none', command: [CANARY], args: [CANARY], env: [{ name: 'TOKEN', value: CANARY }] },
    ],
  },
});

/** With a decode thread, as the command runs it. */
async function recordedExtender(apiServer: string): Promise<RunningExtender> {
  const transport = await connect({ server: apiServer, component: 'extender' });
  const thread = new DecodeThread();
  const config = readConfig({
    leadership: 'always',
    callDeadlineMs: 1_000,
    listen: { port: 0 },
    logLevel: 'silent',
    record: { maxMib: 64 },
  });
  const extender = await startExtender(config, { transport, clock: nodeClock, rng: nodeRng, thread });
  await extender.whenSynced;
  return {
    url: extender.url,
    kill: () => false,
    close: async () => {
      await extender.close();
      await thread.close();
      await transport.close();
    },
  };
}

beforeAll(async () => {
  let url = '';
  cluster = await DemoCluster.start({
    nodes: mixedNodes(6),
    folder,
    startExtender: async ({ apiServer }) => {
      const extender = await recordedExtender(apiServer);
      url = extender.url;
      return extender;
    },
    onExtender: () => {},
    onError: () => {},
  });
  await cluster.create('/api/v1/namespaces', { metadata: { name: 'team' } });
  // some are refused at admission, as a user would see it
  await Promise.allSettled(
    Array.from({ length: PODS }, (_, at) => cluster!.create('/api/v1/namespaces/team/pods', pod(at))),
  );
  await vi.waitFor(
    async () => {
      const explained = await fetch(`${url}/explain?pod=team/p${PODS - 2}&output=json`);
      const { node } = (await explained.json()) as { node: string | null };
      expect(node).not.toBeNull();
    },
    { timeout: 20_000, interval: 200 },
  );
  const response = await fetch(`${url}/debug/recording`);
  expect(response.headers.get('content-type')).toBe('application/gzip');
  const packed = Buffer.from(await response.arrayBuffer());
  save('burst.ndjson.gz', packed);
  lines = gunzipSync(packed).toString('utf8').trimEnd().split('\n');
}, 60_000);

afterAll(async () => {
  await cluster?.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe('muster replay', () => {
  it('of this build: the same to the last byte, compressed or not', async () => {
    const command = await replayAsCommand(join(folder, 'burst.ndjson.gz'));
    expect(command).toMatchObject({ status: 0, stderr: '' });
    expect(command.stdout).toMatch(/the same\n$/);
    for (const path of [
      join(folder, 'burst.ndjson.gz'),
      saveLines('burst.ndjson', lines),
      save('burst.ndjson.zst', zstdCompressSync(joined(lines))),
    ]) {
      const { status, stdout, stderr } = await replay(path);
      expect(stderr).toBe('');
      expect(stdout).toMatch(/to the last byte\n\d+ decisions in \d+ lines, \d+\.\d s: the same\n$/);
      expect(Number(/(\d+) decisions/.exec(stdout)![1])).toBeGreaterThan(PODS);
      expect(status).toBe(0);
    }
  }, 30_000);

  it('shows the first answer that is not what was recorded, with the pod and the nodes', async () => {
    const at = lines.findIndex((line) => /"filter":.*"NodeNames\\":\[\\"/.test(line));
    const [, node] = /\\"NodeNames\\":\[\\"([^\\]+)/.exec(lines[at]!)!;
    const bent = lines.with(at, lines[at]!.replace(`\\"NodeNames\\":[\\"${node}`, '\\"NodeNames\\":[\\"elsewhere'));
    const { status, stdout } = await replay(saveLines('bent.ndjson', bent));
    expect(stdout).toContain(`first difference in line ${at + 1}: filter team/p`);
    expect(stdout).toContain('recorded: elsewhere');
    expect(stdout).toContain(`replayed: ${node}`);
    expect(stdout).toContain(`  node ${node}\n`);
    expect(stdout).toContain('MiB');
    expect(status).toBe(1);
    const json = await replay(saveLines('bent.ndjson', bent), '-o', 'json');
    expect(JSON.parse(json.stdout)).toMatchObject({
      same: false,
      count: 1,
      changed: [{ line: at + 1, what: 'filter' }],
    });
    expect(json.status).toBe(1);
  }, 30_000);

  it('shows a Binding that would be another one', async () => {
    const at = lines.findIndex((line) => line.includes('/binding"'));
    const bent = lines.with(at, lines[at]!.replace('"kind":"Binding"', '"kind":"Bonding"'));
    const { status, stdout } = await replay(saveLines('binding.ndjson', bent));
    expect(stdout).toMatch(/first difference in line \d+: bind team\/p/);
    expect(stdout).toContain('Bonding');
    expect(status).toBe(1);
  }, 30_000);

  it('with another policy, or of another build, lists the decisions that change', async () => {
    const spread = await replay(join(folder, 'burst.ndjson.gz'), '--policy', 'spread');
    expect(spread.stdout).toMatch(/tried with spread instead[\s\S]*line \d+ {2}filter team\/p\d+: \S+ {2}→ {2}\S+\n/);
    expect(spread.status).toBe(1);
    const older = lines.with(
      0,
      lines[0]!.replace(/"build":"\w+"/, '"build":"0123456789ab"').replace(/"version":"[^"]*"/, '"version":"0.0.1"'),
    );
    const other = await replay(saveLines('older.ndjson', older));
    expect(other.stdout).toMatch(/recorded by another build \(Muster 0\.0\.1, 0123456789ab; this one is \w{12}\)/);
    expect(other.stdout).toMatch(/: the same\n$/);
    expect(other.status).toBe(0);
  }, 30_000);

  it('keeps no secret', () => {
    expect(joined(lines)).not.toContain(CANARY);
    expect(lines.filter((line) => line.startsWith('{"put":"pods"')).length).toBeGreaterThan(PODS / 2);
  });

  it.each<[string, () => string, RegExp]>([
    ['a file that is not there', () => join(folder, 'nothing.ndjson'), /nothing\.ndjson cannot be read: ENOENT/],
    ['an empty one', () => saveLines('empty.ndjson', []), /is empty/],
    ['something else', () => saveLines('else.ndjson', ['{"kind":"Pod"}']), /is not a recording of Muster/],
    ['text', () => saveLines('text.ndjson', ['hello']), /is not a recording of Muster/],
    [
      'another format',
      () => saveLines('format.ndjson', lines.with(0, lines[0]!.replace('"format":1', '"format":2'))),
      /has format 2 \(written by Muster [^)]+\); this one reads format 1/,
    ],
    [
      'a header without configuration',
      () => saveLines('bare.ndjson', ['{"recording":"muster","format":1}', '{"end":0}']),
      /its header holds no configuration/,
    ],
    ['one cut off between lines', () => saveLines('cut.ndjson', lines.slice(0, -1)), /is cut off after line \d+/],
    [
      'one cut off inside a line',
      () => save('inside.ndjson', joined(lines).slice(0, -40)),
      /line \d+ is not JSON|is cut off/,
    ],
    [
      'a packed one that is cut off',
      () => save('cut.ndjson.gz', readFileSync(join(folder, 'burst.ndjson.gz')).subarray(0, 9_000)),
      /cannot be read: unexpected end of file/,
    ],
    [
      'a plain one that is called packed',
      () => save('plain.gz', joined(lines)),
      /cannot be read: incorrect header check/,
    ],
    [
      'one with a line lost',
      () => saveLines('lost.ndjson', lines.toSpliced(5, 1)),
      /should hold \d+ lines, not \d+|cannot be replayed/,
    ],
    [
      'a line of no known kind',
      () => saveLines('odd.ndjson', lines.toSpliced(1, 0, '{"at":1,"what":1}')),
      /line 2 is of no known kind/,
    ],
    [
      'an object without a name',
      () =>
        saveLines('nameless.ndjson.gz', []) &&
        save('nameless.ndjson.gz', gzipSync(joined(lines.toSpliced(1, 0, '{"put":"pods","uid":"u","object":{}}')))),
      /lacks its uid or name/,
    ],
  ])(
    '%s: says what is wrong, status 2',
    async (_, path, message) => {
      const { status, stdout, stderr } = await replay(path());
      expect(stderr).toMatch(/^muster: /);
      expect(stderr).toMatch(message);
      expect(stderr).not.toMatch(/\n {4}at /);
      expect(stdout).not.toContain('the same');
      expect(status).toBe(2);
    },
    20_000,
  );
});

describe('a replay that is not understood', () => {
  it.each([
    ['no file', []],
    ['a policy that nobody knows', ['x', '--policy', 'z']],
  ])('%s: status 2, which is not that of a difference', async (_, words) => {
    const { status, stderr } = await replayAsCommand(...words);
    expect(stderr).toMatch(/^error: /);
    expect(status).toBe(2);
  });
});

describe('muster extender with record.file', () => {
  it('writes it at SIGUSR2 and at the end, each time whole, for its owner only', async () => {
    const file = join(folder, 'kept.ndjson.zst');
    const extender = await startExtenderProcess(cluster!.url, {
      kubeconfig: cluster!.kubeconfig,
      record: { file },
    });
    let written = '';
    try {
      await vi.waitFor(async () => expect(await extender.deciding()).toBe(true), { timeout: 15_000, interval: 100 });
      process.kill(extender.process.pid, 'SIGUSR2');
      await vi.waitFor(() => expect(extender.process.tail()).toContain(`recording written to ${file}`), {
        timeout: 10_000,
        interval: 50,
      });
      expect(statSync(file).mode & 0o077).toBe(0);
      written = zstdDecompressSync(readFileSync(file)).toString('utf8');
    } finally {
      await extender.stop();
    }
    expect((await replay(file)).stdout).toMatch(/: the same\n$/);
    const atEnd = zstdDecompressSync(readFileSync(file)).toString('utf8');
    expect(writtenAt(atEnd)).toBeGreaterThan(writtenAt(written));
  }, 40_000);
});

const writtenAt = (recording: string): number =>
  Date.parse((JSON.parse(recording.slice(0, recording.indexOf('\n'))) as Header).written);
