/**
 * Where the control plane's programs come from: MUSTER_CONTROL_PLANE=<dir>, or a build with Go, once per content of the modules.
 * Says what it builds on stderr.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
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

export type Found = { readonly directory: string } | { readonly problem: string; readonly mistaken: boolean };

/** `mistaken`: what was named is not there; otherwise nothing was named and nothing can be built here. */
export async function controlPlanePrograms(): Promise<Found> {
  const given = process.env.MUSTER_CONTROL_PLANE;
  if (given !== undefined && given !== '') {
    const missing = programs.filter((program) => !existsSync(join(given, program)));
    if (missing.length === 0) return { directory: given };
    return { problem: `MUSTER_CONTROL_PLANE=${given} lacks ${missing.join(', ')}`, mistaken: true };
  }
  const go = findGo();
  if ('problem' in go) return { problem: `MUSTER_CONTROL_PLANE is not set and ${go.problem}`, mistaken: false };
  const directory = cacheFolder(go.version);
  if (!existsSync(directory)) await buildInto(directory);
  return { directory };
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
