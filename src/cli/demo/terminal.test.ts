/** The demo on a pseudo terminal, as a user has it, by util-linux' `script`. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { afterEach, describe, expect, it, vi } from 'vitest';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));
const PATIENCE = { timeout: 30_000, interval: 50 };
const TEST_MS = 90_000;
const CSI = '\x1b[';
const SHOWS_CURSOR = '\x1b[?25h';
const ENTERS = '\x1b[?1049h';
const LEAVES = '\x1b[?1049l';

function hasScript(): boolean {
  try {
    return execFileSync('script', ['--version'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).includes(
      'util-linux',
    );
  } catch {
    return false;
  }
}

class Played {
  text = '';
  status: number | null = null;
  readonly #child: ChildProcess;

  constructor(args: string, env: NodeJS.ProcessEnv = {}) {
    const { CI: _ci, NO_COLOR: _none, FORCE_COLOR: _forced, NODE_ENV: _vitest, ...inherited } = process.env;
    const command = `stty cols 200 rows 45; exec "${process.execPath}" "${MAIN}" demo ${args}`;
    // --return: its exit status is the demo's
    this.#child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
      env: { ...inherited, TERM: 'xterm-256color', SHELL: '/bin/sh', ...env },
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    this.#child.stdout?.on('data', (piece: Buffer) => {
      this.text += piece.toString();
    });
    this.#child.on('exit', (status) => {
      this.status = status;
    });
  }

  type(keys: string): void {
    this.#child.stdin?.write(keys);
  }

  async until(pattern: RegExp): Promise<RegExpExecArray> {
    return await vi.waitFor(() => {
      const match = pattern.exec(stripVTControlCharacters(this.text));
      if (match === null) throw new Error(`not seen: ${pattern}; ${JSON.stringify(this.text.slice(-500))}`);
      return match;
    }, PATIENCE);
  }

  async ended(): Promise<number | null> {
    await vi.waitFor(() => expect(this.status).not.toBeNull(), PATIENCE);
    return this.status;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** The alternate screen was left after it was entered, and the cursor is there. */
function isClean(text: string): boolean {
  const [entered, left] = [text.lastIndexOf(ENTERS), text.lastIndexOf(LEAVES)];
  return entered >= 0 && left > entered && text.lastIndexOf(SHOWS_CURSOR) > left - SHOWS_CURSOR.length - LEAVES.length;
}

let played: Played | null = null;
afterEach(() => played?.kill());

describe.skipIf(!hasScript())('the demo on a terminal (skipped without the `script` of util-linux)', () => {
  it(
    'does what its keys say, and leaves nothing behind',
    async () => {
      played = new Played('--nodes 6 --seed 3');
      const [, kubeconfig = ''] = await played.until(/export KUBECONFIG=(\S+); kubectl get pods -A/);
      expect(existsSync(kubeconfig)).toBe(true);
      await played.until(/bound +\S+ \(\S+ GPUs?\) → \S+ GPU \d/);
      played.type('a');
      await played.until(/load +30 pods more, at once/);
      played.type('k');
      const [, killed] = await played.until(/killed +extender pid (\d+) \(SIGKILL\)/);
      await played.until(
        /rebuilt +its books, from the API alone, after \d+\.\d s: 30 GPUs; \d+ pods there hold claims/,
      );
      const [, deciding] = await played.until(/leader +extender pid (\d+) decides: \S+ holds the Lease/);
      expect(deciding).not.toBe(killed);
      played.type('d');
      await played.until(/cordoned +a100-0 takes no new pods/);
      await played.until(/drained +a100-0 is empty/);
      played.type('u');
      await played.until(/uncordoned +a100-0 takes pods again/);
      played.type('?');
      await played.until(/SIGKILL; a new one rebuilds/);
      played.type('q');
      expect(await played.ended()).toBe(0);
      await played.until(/placed \d+ pods on \d+ devices .* none ever over 100 %/);
      expect(isClean(played.text)).toBe(true);
      expect(isAlive(Number(deciding))).toBe(false);
      expect(existsSync(kubeconfig)).toBe(false);
    },
    TEST_MS,
  );

  it(
    'ends as cleanly by Ctrl-C, and shows no colours with NO_COLOR',
    async () => {
      played = new Played('--nodes 3', { NO_COLOR: '1' });
      const [, pid] = await played.until(/extender (\d+) decides/);
      played.type('\x03');
      expect(await played.ended()).toBe(0);
      expect(isClean(played.text)).toBe(true);
      expect(played.text.split(CSI).filter((after) => /^[\d;]*m/.test(after))).toEqual([]);
      expect(isAlive(Number(pid))).toBe(false);
    },
    TEST_MS,
  );
});
