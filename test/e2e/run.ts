/**
 * `npm run test:e2e [-- vitest arguments]`: finds the control plane's programs (MUSTER_CONTROL_PLANE=<dir>) or builds them with
 * Go, once per content of the modules, and runs the e2e tests against them. Where neither is possible it says so in one line; that is
 * a failure only under CI.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { programs } from './harness/binaries.ts';

const here = import.meta.dirname;
const root = join(here, '..', '..');

/** stamped into the programs; the go.mod files say what is built */
const kubernetes = 'v1.37.2';

const [major, minor] = kubernetes.slice(1).split('.') as [string, string];
const stamp = ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version']
  .map((name) => `-X ${name}.gitVersion=${kubernetes} -X ${name}.gitMajor=${major} -X ${name}.gitMinor=${minor}`)
  .join(' ');

const builds = [
  { module: 'etcd', flags: ['-ldflags', '-s -w'], out: 'etcd', packages: ['go.etcd.io/etcd/server/v3'] },
  {
    module: 'control-plane',
    flags: ['-ldflags', `-s -w ${stamp}`],
    out: '',
    packages: ['kube-apiserver', 'kube-scheduler', 'kubectl'].map((name) => `k8s.io/kubernetes/cmd/${name}`),
  },
] as const;

const common = ['-v', '-trimpath', '-buildvcs=false', '-mod=readonly'];
const goEnv = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=readonly', GOWORK: 'off' };

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const given = process.env.MUSTER_CONTROL_PLANE;
  if (given !== undefined && given !== '') {
    const missing = programs.filter((program) => !existsSync(join(given, program)));
    if (missing.length === 0) return await runTests(given, args);
    console.error(`e2e: MUSTER_CONTROL_PLANE=${given} lacks ${missing.join(', ')}`);
    return 1;
  }
  const go = findGo();
  if ('problem' in go) {
    const failed = isCi();
    console.error(
      `e2e: ${failed ? 'failed' : 'skipped'}: no control plane to test against: MUSTER_CONTROL_PLANE is not set and ${go.problem}`,
    );
    return failed ? 1 : 0;
  }
  const directory = cacheFolder(go.version);
  if (!existsSync(directory)) await buildInto(directory);
  return await runTests(directory, args);
}

function isCi(): boolean {
  const ci = process.env.CI;
  return ci !== undefined && ci !== '' && ci !== 'false' && ci !== '0';
}

/** Asked inside the module, so that its own `go` line is what "suitable" means. */
function findGo(): { version: string } | { problem: string } {
  const answer = spawnSync('go', ['env', 'GOVERSION', 'GOOS', 'GOARCH'], {
    cwd: join(here, 'control-plane'),
    env: goEnv,
    encoding: 'utf8',
  });
  if (answer.error !== undefined) return { problem: 'Go is not installed' };
  if (answer.status === 0) return { version: answer.stdout };
  return { problem: `Go is not usable: ${answer.stderr.trim().split('\n').join('; ')}` };
}

function cacheFolder(goVersion: string): string {
  const hash = createHash('sha256').update(goVersion).update(JSON.stringify({ builds, common }));
  for (const { module } of builds) {
    for (const file of ['go.mod', 'go.sum']) hash.update(readFileSync(join(here, module, file)));
  }
  const xdg = process.env.XDG_CACHE_HOME;
  const base = xdg ? join(xdg, 'muster') : join(root, 'node_modules', '.cache', 'muster');
  return join(base, `control-plane-${kubernetes}-${hash.digest('hex').slice(0, 16)}`);
}

/** Builds beside the target and renames at the end, so that a folder under its final name is whole. */
async function buildInto(directory: string): Promise<void> {
  mkdirSync(join(directory, '..'), { recursive: true });
  const partial = mkdtempSync(`${directory}.partial-`);
  try {
    for (const { module, flags, out, packages } of builds) {
      const target = out === '' ? `${partial}/` : join(partial, out);
      await go(module, ['build', ...common, ...flags, '-o', target, ...packages]);
    }
    renameSync(partial, directory);
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    // Another run may have finished the same build first; its folder is as good.
    if (!existsSync(directory)) throw error;
  }
}

/** Shows progress: `go build -v` names each package as it is compiled, which is too much to print and good to count. */
async function go(module: string, args: readonly string[]): Promise<void> {
  const started = performance.now();
  const child = spawn('go', args, { cwd: join(here, module), env: goEnv, stdio: ['ignore', 'inherit', 'pipe'] });
  let packages = 0;
  let said: string[] = [];
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    const lines = text.split('\n').filter((line) => line !== '');
    packages += lines.length;
    said = [...said, ...lines].slice(-40);
  });
  const report = (what: string): void => {
    const seconds = Math.round((performance.now() - started) / 1000);
    console.error(`e2e: building ${module}: ${what}, ${packages} packages, ${seconds} s`);
  };
  report('started (once; later runs take it from the cache)');
  const timer = setInterval(report, 15_000, 'going on');
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    });
    if (code !== 0) throw new Error(`go build of ${module} failed:\n${said.join('\n')}`);
  } finally {
    clearInterval(timer);
  }
  report('done');
}

async function runTests(controlPlane: string, args: readonly string[]): Promise<number> {
  const pids = mkdtempSync(join(tmpdir(), 'muster-e2e-pids-'));
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const child = spawn(process.execPath, [vitest, 'run', '--project', 'e2e', ...args], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, MUSTER_CONTROL_PLANE: controlPlane, MUSTER_E2E_PIDS: pids },
  });
  // The terminal sends its signals to vitest too; we only stay to clean up behind it.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => resolve(status ?? 1));
  });
  const left = killLeftovers(pids);
  if (left.length > 0) console.error(`e2e: ended processes that tests had left running: ${left.join(', ')}`);
  rmSync(pids, { recursive: true, force: true });
  return code === 0 && left.length > 0 ? 1 : code;
}

/** Kills what is recorded and still ours: a pid may have been given to another program, whose environment lacks our mark. */
function killLeftovers(pids: string): string[] {
  const left: string[] = [];
  for (const pid of readdirSync(pids)) {
    try {
      if (!readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`MUSTER_E2E_PIDS=${pids}`)) continue;
      process.kill(Number(pid), 'SIGKILL');
      left.push(`${readFileSync(join(pids, pid), 'utf8')} (${pid})`);
    } catch {
      // gone already
    }
  }
  return left;
}
