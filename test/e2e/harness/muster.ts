/** Muster's extender process as a user starts it: `node src/cli/main.ts extender --config FILE`, one per kube-scheduler. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import type { ControlPlane } from './control-plane.ts';
import { freePorts } from './loopback.ts';
import { Process } from './process.ts';
import { waitFor } from './wait.ts';

export type MusterOptions = {
  name: string;
  /** `namespace/name` of the service account it runs as */
  account: string;
  /** the API server's address where it is not the real one, e.g. a proxy */
  server?: string;
  /** default: always, for a single scheduler */
  leadership?: 'lease' | 'always';
  /** the first part of the holderIdentity of the scheduler it belongs to */
  schedulerIdentity?: string;
  /** further settings, laid over the ones above */
  settings?: Record<string, unknown>;
  /** environment beside ours, e.g. NODE_OPTIONS */
  env?: Record<string, string>;
};

const main = join(import.meta.dirname, '..', '..', '..', 'src', 'cli', 'main.ts');

export class Muster {
  readonly name: string;
  /** base URL for kube-scheduler's extender entries */
  readonly url: string;
  /** loopback port of the webhook */
  readonly webhookPort: number;
  process: Process;
  readonly #plane: ControlPlane;
  readonly #config: string;
  readonly #env: Record<string, string>;
  readonly #agent = new Agent({ connect: { rejectUnauthorized: false } });

  private constructor(plane: ControlPlane, options: MusterOptions, ports: readonly [number, number]) {
    this.name = options.name;
    this.#plane = plane;
    this.url = `http://127.0.0.1:${ports[0]}`;
    this.webhookPort = ports[1];
    this.#env = { NO_COLOR: '1', ...options.env };
    this.#config = join(plane.directory, `${options.name}.json`);
    writeFileSync(this.#config, JSON.stringify(settings(plane, options, ports), null, 2));
    this.process = this.#spawn();
  }

  /** Resolves when the process is started; see ready(). The ports stay the same over restarts. */
  static async start(plane: ControlPlane, options: MusterOptions): Promise<Muster> {
    return new Muster(plane, options, (await freePorts(2)) as [number, number]);
  }

  /** Waits for /readyz (synced; not: leading). */
  async ready(timeoutMs = 30_000): Promise<this> {
    await waitFor(
      async () => {
        if (this.process.ended !== null) throw new Error(`${this.name} ended: ${this.process.ended}`);
        return (await this.get('/readyz')).status === 200;
      },
      { for: `${this.name} to be ready`, timeoutMs, onTimeout: () => this.process.tail() },
    );
    return this;
  }

  /** kill -9 and start again with the same configuration; not ready yet when it resolves */
  async killAndRestart(): Promise<void> {
    await this.process.killHard();
    this.process = this.#spawn();
  }

  /** Settings laid over those it has, from its next start on. */
  reconfigure(settings: Record<string, unknown>): void {
    const before = JSON.parse(readFileSync(this.#config, 'utf8')) as Record<string, unknown>;
    writeFileSync(this.#config, JSON.stringify({ ...before, ...settings }, null, 2));
  }

  async get(path: string, timeoutMs = 5_000): Promise<{ status: number; text: string }> {
    const { statusCode, body } = await request(`${this.url}${path}`, {
      dispatcher: this.#agent,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      signal: AbortSignal.timeout(timeoutMs),
    });
    return { status: statusCode, text: await body.text() };
  }

  async stop(): Promise<boolean> {
    await this.#agent.destroy();
    return await this.process.stop(10_000);
  }

  #spawn(): Process {
    return new Process({
      name: this.name,
      command: process.execPath,
      args: [main, 'extender', '--config', this.#config],
      directory: this.#plane.directory,
      env: this.#env,
    });
  }
}

/** The one place that knows what the extender's configuration file looks like. */
function settings(
  plane: ControlPlane,
  options: MusterOptions,
  [port, webhookPort]: readonly [number, number],
): unknown {
  return {
    kubeconfig: plane.kubeconfig(options.account, options.server),
    listen: { host: '127.0.0.1', port },
    webhook: { enabled: true, host: '127.0.0.1', port: webhookPort },
    leadership: options.leadership ?? 'always',
    schedulerIdentity: options.schedulerIdentity ?? options.name,
    ...options.settings,
  };
}
