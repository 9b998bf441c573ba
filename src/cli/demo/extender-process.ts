/**
 * The demo's seam to the real extender: a process of its own that runs what `muster extender` runs. When it ends (the demo kills it
 * when asked to) a new one takes its place on the same port, as kubelet would restart it, with nothing but the API to start from.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { moduleBeside } from '../../kube/decoder.ts';
import { UsageError } from '../errors.ts';
import type { ExtenderChange } from './events.ts';

export type RunningExtender = {
  /** `http://127.0.0.1:port`, its four verbs below it; the same after a restart */
  readonly url: string;
  /** SIGKILL. False when there is no process to kill now. */
  kill(): boolean;
  close(): Promise<void>;
};

export type ExtenderPlace = {
  readonly apiServer: string;
  readonly kubeconfig: string;
  /** for its configuration */
  readonly folder: string;
  /** who holds the scheduler's Lease, and where it is */
  readonly leader: { readonly identity: string; readonly namespace: string; readonly name: string };
  readonly onChange: (change: ExtenderChange) => void;
};

/** Resolves when the extender has seen the whole cluster and decides. Throws UsageError with its last words when it ends before. */
export type StartExtender = (place: ExtenderPlace) => Promise<RunningExtender>;

/** the API is on this machine, so calls of a former life are over soon */
const CALL_DEADLINE_MS = 500;
const POLL_MS = 100;
const PROBE_TIMEOUT_MS = 1_000;
/** long enough for people to see what happens without an extender */
const RESTART_MS = 1_500;
const DRAIN_MS = 3_000;
const WORDS_KEPT = 2_000;
const DECIDING = 'deciding: ';
const LISTENS = /listens on (http:\S+)/;

export const startDemoExtender: StartExtender = async (place) => {
  const extender = new ExtenderProcess(place);
  try {
    await extender.start();
  } catch (error) {
    await extender.close();
    throw error;
  }
  return extender;
};

class ExtenderProcess implements RunningExtender {
  readonly #place: ExtenderPlace;
  readonly #version: string;
  /** ends what outlives nobody: also when the demo ends by an error that nobody caught */
  readonly #atExit = (): void => void this.#child?.kill('SIGKILL');
  #child: ChildProcess | null = null;
  #url = '';
  #ending = false;
  #restart: NodeJS.Timeout | null = null;

  constructor(place: ExtenderPlace) {
    this.#place = place;
    const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
      version: string;
    };
    this.#version = version;
    process.on('exit', this.#atExit);
  }

  get url(): string {
    return this.#url;
  }

  async start(): Promise<void> {
    const { child, words } = this.#spawn();
    this.#url = await listening(child, words);
    await this.#untilDeciding(child, words);
  }

  kill(): boolean {
    return this.#child?.kill('SIGKILL') ?? false;
  }

  async close(): Promise<void> {
    this.#ending = true;
    if (this.#restart !== null) clearTimeout(this.#restart);
    const child = this.#child;
    if (child !== null) {
      const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), DRAIN_MS);
      await ended;
      clearTimeout(late);
    }
    process.off('exit', this.#atExit);
  }

  #spawn(): { child: ChildProcess; words: { text: string } } {
    const { folder, kubeconfig, leader, onChange } = this.#place;
    const config = join(folder, 'extender.json');
    const { identity, namespace, name } = leader;
    const settings = {
      listen: { port: this.#url === '' ? 0 : Number(new URL(this.#url).port) },
      schedulerIdentity: identity,
      lease: { namespace, name },
      callDeadlineMs: CALL_DEADLINE_MS,
      logLevel: 'error',
    };
    writeFileSync(config, JSON.stringify(settings));
    const began = performance.now();
    const child = fork(
      fileURLToPath(moduleBeside(import.meta.url, './extender-child')),
      [this.#version, config, kubeconfig],
      // in a session of its own: Ctrl-C is the demo's, which then ends this one
      { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], detached: true },
    );
    const words = { text: '' };
    child.stderr?.on('data', (piece: Buffer) => {
      words.text = `${words.text}${piece.toString()}`.slice(-WORDS_KEPT);
    });
    this.#child = child;
    const pid = child.pid ?? 0;
    onChange({ state: 'started', pid });
    child.once('exit', (status, signal) => {
      if (this.#child === child) this.#child = null;
      if (this.#ending) return;
      onChange({ state: 'ended', pid, how: signal ?? `exit status ${status}` });
      // the first one has to come up; after that it is brought back for ever
      if (this.#url !== '') this.#restart = setTimeout(() => this.#spawn(), RESTART_MS);
    });
    if (this.#url !== '') void this.#untilDeciding(child, words, began).catch(() => {});
    return { child, words };
  }

  /** Throws when the process ends first. */
  async #untilDeciding(child: ChildProcess, words: { text: string }, began = performance.now()): Promise<void> {
    const pid = child.pid ?? 0;
    let rebuilt = false;
    while (!this.#ending) {
      if (child.exitCode !== null || child.signalCode !== null) throw new UsageError(lastWords(words.text));
      const answer = await probe(`${this.#url}/readyz`);
      if (answer !== null && answer.status === 200) {
        if (!rebuilt) {
          rebuilt = true;
          const ms = performance.now() - began;
          const metrics = await probe(`${this.#url}/metrics`);
          const devices = Number(/^muster_devices\{health="healthy"\} (\d+)/m.exec(metrics?.text ?? '')?.[1] ?? 0);
          this.#place.onChange({ state: 'rebuilt', pid, devices, ms });
        }
        const leadership = answer.text.split('\n')[1] ?? '';
        if (leadership.startsWith(DECIDING)) {
          this.#place.onChange({ state: 'deciding', pid, leadership: leadership.slice(DECIDING.length) });
          return;
        }
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}

function listening(child: ChildProcess, words: { text: string }): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once('exit', () => reject(new UsageError(lastWords(words.text))));
    child.once('error', reject);
    child.stderr?.on('data', () => {
      const url = LISTENS.exec(words.text)?.[1];
      if (url !== undefined) resolve(url);
    });
  });
}

const lastWords = (text: string): string => `the extender did not start: ${text.trim() || 'it ended without a word'}`;

/** Null: no answer. */
async function probe(url: string): Promise<{ status: number; text: string } | null> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) });
    return { status: answer.status, text: await answer.text() };
  } catch {
    return null;
  }
}
