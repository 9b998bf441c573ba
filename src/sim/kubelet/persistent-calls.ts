/** Calls that are made until they are answered, as a kubelet makes them. All of them are idempotent. */
import type { Clock, KubeRequest, Transport } from '../../kube/ports.ts';
import { readStatus } from '../../kube/status-error.ts';

const RETRY_MS = 500;
const LONGEST_RETRY_MS = 10_000;

export class PersistentCalls {
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #onError: (error: Error) => void;
  readonly #calls = new Set<Promise<void>>();
  /** newest call by path: status writes of one object go out one after the other */
  readonly #chains = new Map<string, Promise<void>>();
  /** ends the pauses between attempts */
  readonly #pauses = new Set<() => void>();
  #stopped = false;

  constructor(transport: Transport, clock: Clock, onError: (error: Error) => void) {
    this.#transport = transport;
    this.#clock = clock;
    this.#onError = onError;
  }

  send(request: KubeRequest): void {
    const { path } = request;
    const before = this.#chains.get(path);
    const call = (before ? before.then(() => this.#attempt(request, 1)) : this.#attempt(request, 1)).finally(() => {
      this.#calls.delete(call);
      if (this.#chains.get(path) === call) this.#chains.delete(path);
    });
    this.#chains.set(path, call);
    this.#calls.add(call);
  }

  /** No further attempts. */
  stop(): void {
    this.#stopped = true;
    for (const end of this.#pauses) end();
  }

  async drain(): Promise<void> {
    await Promise.all(this.#calls);
  }

  /** An object that is gone or was replaced (404, 409) needs nothing more. */
  async #attempt(request: KubeRequest, attempt: number): Promise<void> {
    if (this.#stopped) return;
    try {
      const answer = await this.#transport.request(request);
      if (answer.status < 300 || answer.status === 404 || answer.status === 409) return;
      if (answer.status < 500 && answer.status !== 429) {
        this.#onError(new Error(`kubelet: ${request.method} ${request.path}: ${readStatus(answer).message}`));
        return;
      }
    } catch {
      // no answer: nothing is known, and doing it twice does no harm
    }
    if (this.#stopped) return;
    await this.#pause(Math.min(LONGEST_RETRY_MS, RETRY_MS * attempt));
    await this.#attempt(request, attempt + 1);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        this.#pauses.delete(end);
        resolve();
      };
      const timer = this.#clock.after(ms, end);
      this.#pauses.add(end);
    });
  }
}
