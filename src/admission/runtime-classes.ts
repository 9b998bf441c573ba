/** Which RuntimeClasses exist, from a list taken every so often: the API server refuses pods that name a missing one. */
import type { Clock, Transport } from '../kube/ports.ts';
import { readStatus } from '../kube/status-error.ts';
import { AdmissionError } from './errors.ts';
import { fieldOf, listOf } from './json-value.ts';
import { Rounds } from './rounds.ts';

export type RuntimeClassesOptions = {
  readonly transport: Transport;
  readonly clock: Clock;
  /** each failed list; the last good one stays */
  readonly onError: (error: unknown) => void;
};

const PATH = '/apis/node.k8s.io/v1/runtimeclasses?limit=500';
const TIMEOUT_MS = 10_000;
/** they change once in the life of a cluster */
const ROUND_MS = 30_000;

export class RuntimeClasses {
  readonly #options: RuntimeClassesOptions;
  #names: ReadonlySet<string> = new Set();
  readonly #rounds: Rounds;

  constructor(options: RuntimeClassesOptions) {
    this.#options = options;
    const { clock, onError } = options;
    this.#rounds = new Rounds({ clock, round: () => this.round(), pauseMs: () => ROUND_MS, onError });
  }

  /** false until the first list came in */
  readonly has = (name: string): boolean => this.#names.has(name);

  /** Resolves after the first list, good or not. */
  start(): Promise<void> {
    return this.#rounds.start();
  }

  stop(): void {
    this.#rounds.stop();
  }

  /** Lists once. Throws AdmissionError `api` and TransportError. */
  async round(): Promise<void> {
    const response = await this.#options.transport.request({ method: 'GET', path: PATH, timeoutMs: TIMEOUT_MS });
    if (response.status !== 200)
      throw new AdmissionError('api', `cannot list RuntimeClasses: ${readStatus(response).message}`);
    const list: unknown = JSON.parse(response.body.toString('utf8'));
    this.#names = new Set(
      listOf(fieldOf(list, 'items')).flatMap((item) => {
        const name = fieldOf(fieldOf(item, 'metadata'), 'name');
        return typeof name === 'string' ? [name] : [];
      }),
    );
  }
}
