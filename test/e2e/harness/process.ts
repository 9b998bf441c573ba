/**
 * Child processes of the e2e tests: logs in files, signals by pid, and none of them outlives its test run.
 * Three nets hold the last promise: stop() in the tests, the exit hook below, and test/e2e/run.ts, which reads the pid
 * files after vitest is gone (a worker that was killed runs no hooks).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export type ProcessOptions = {
  /** shown in messages and used for the log's file name */
  name: string;
  command: string;
  args: readonly string[];
  /** where the log is written */
  directory: string;
  env?: Record<string, string>;
  /** working directory of the child; default: ours */
  cwd?: string;
  /** runs the child in a UTS namespace of its own under this host name (Linux; needs the right to make one) */
  hostname?: string;
};

const running = new Set<Process>();

process.once('exit', () => {
  for (const each of running) each.signalNow('SIGKILL');
});

/** processes started here and not seen to end yet, oldest first */
export function runningProcesses(): readonly Process[] {
  return [...running];
}

export class Process {
  readonly name: string;
  readonly logFile: string;
  /** exit code or signal once it ended, null while it runs */
  ended: string | null = null;
  readonly #child: ChildProcess;
  readonly #pidFile: string | null;
  readonly #exit: Promise<void>;

  /** Starts at once; throws when the program does not exist. */
  constructor(options: ProcessOptions) {
    this.name = options.name;
    mkdirSync(options.directory, { recursive: true });
    this.logFile = join(options.directory, `${options.name}.log`);
    const log = openSync(this.logFile, 'a');
    const [command, args] = inNamespace(options);
    this.#child = spawn(command, args, {
      stdio: ['ignore', log, log],
      env: { ...process.env, ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    closeSync(log);
    this.#pidFile = pidFileFor(this.#child.pid, options.name);
    running.add(this);
    this.#exit = new Promise((resolve) => {
      const end = (how: string): void => {
        this.ended = how;
        running.delete(this);
        if (this.#pidFile !== null) rmSync(this.#pidFile, { force: true });
        resolve();
      };
      this.#child.once('error', (error) => end(`could not start: ${error.message}`));
      this.#child.once('exit', (code, signal) => end(signal ?? `exit status ${code}`));
    });
  }

  get pid(): number {
    const pid = this.#child.pid;
    if (pid === undefined) throw new Error(`${this.name} did not start: ${this.ended ?? 'no pid'}`);
    return pid;
  }

  /** kill -9: no chance to clean up. Resolves when the process is gone. */
  async killHard(): Promise<void> {
    this.signalNow('SIGKILL');
    await this.#exit;
  }

  /** SIGSTOP: the process hangs with its connections open, until resume() */
  pause(): void {
    this.signalNow('SIGSTOP');
  }

  resume(): void {
    this.signalNow('SIGCONT');
  }

  /** SIGTERM, and SIGKILL after `graceMs`. Resolves when the process is gone; true when it went by itself. */
  async stop(graceMs = 5_000): Promise<boolean> {
    if (this.ended !== null) return true;
    this.signalNow('SIGCONT');
    this.signalNow('SIGTERM');
    const inTime = await Promise.race([this.#exit.then(() => true), sleep(graceMs, false)]);
    if (!inTime) await this.killHard();
    return inTime;
  }

  /** resolves when the process ended by whatever cause */
  async whenEnded(): Promise<void> {
    await this.#exit;
  }

  signalNow(signal: NodeJS.Signals): void {
    if (this.ended === null && this.#child.pid !== undefined) this.#child.kill(signal);
  }

  /** the last lines of the log, for failure messages */
  tail(lines = 25): string {
    const text = readFileSync(this.logFile, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
    return `--- ${this.name} (${this.ended ?? `pid ${this.#child.pid}`}), end of ${this.logFile}:\n${text}`;
  }

  log(): string {
    return readFileSync(this.logFile, 'utf8');
  }
}

function inNamespace({ command, args, hostname, name }: ProcessOptions): [string, readonly string[]] {
  if (hostname === undefined) return [command, args];
  if (process.platform !== 'linux') throw new Error(`${name}: a host name of its own needs Linux`);
  // Root may make a UTS namespace; others need a user namespace around it. exec keeps the pid that we signal.
  const ways = process.getuid?.() === 0 ? ['--uts'] : ['--user', '--map-root-user', '--uts'];
  return ['unshare', [...ways, 'sh', '-c', 'hostname "$0" && exec "$@"', hostname, command, ...args]];
}

function pidFileFor(pid: number | undefined, name: string): string | null {
  const directory = process.env.MUSTER_E2E_PIDS;
  if (directory === undefined || pid === undefined) return null;
  const file = join(directory, String(pid));
  writeFileSync(file, name);
  return file;
}
