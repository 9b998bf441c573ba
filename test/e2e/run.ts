/**
 * `npm run test:e2e [-- vitest arguments]`: finds the control plane's programs or builds them (programs.ts) and runs the e2e tests
 * against them. Where neither is possible it says so in one line; that is a failure only under CI.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { controlPlanePrograms } from './programs.ts';

const root = join(import.meta.dirname, '..', '..');

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const found = await controlPlanePrograms();
  if ('directory' in found) return await runTests(found.directory, args);
  const failed = found.mistaken || isCi();
  console.error(`e2e: ${failed ? 'failed' : 'skipped'}: no control plane to test against: ${found.problem}`);
  return failed ? 1 : 0;
}

function isCi(): boolean {
  const ci = process.env.CI;
  return ci !== undefined && ci !== '' && ci !== 'false' && ci !== '0';
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
