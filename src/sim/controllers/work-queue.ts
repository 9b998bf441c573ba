/** Keys that need work, one at a time, each at most once in the queue; what fails comes again after a growing pause. */
import { backoffMs } from '../../kube/backoff.ts';
import type { Clock, Rng, Timer } from '../../kube/ports.ts';

export type WorkQueueOptions = {
  readonly clock: Clock;
  readonly rng: Rng;
  /** a rejection brings the key back */
  readonly work: (key: string) => Promise<void>;
  readonly onError?: (error: Error) => void;
};

export class WorkQueue {
  readonly #options: WorkQueueOptions;
  readonly #waiting = new Set<string>();
  readonly #failures = new Map<string, number>();
  readonly #timers = new Map<string, Timer>();
  #running: Promise<void> | null = null;
  #held = true;
  #stopped = false;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
  }

  /** Nothing is worked on before. */
  begin(): void {
    this.#held = false;
    this.#run();
  }

  add(key: string): void {
    if (this.#stopped) return;
    this.#waiting.add(key);
    this.#run();
  }

  /** @param ms a later call for the same key replaces an earlier one */
  addAfter(key: string, ms: number): void {
    if (this.#stopped) return;
    this.#timers.get(key)?.cancel();
    const timer = this.#options.clock.after(ms, () => {
      this.#timers.delete(key);
      this.add(key);
    });
    this.#timers.set(key, timer);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#waiting.clear();
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
    await this.#running;
  }

  #run(): void {
    if (this.#held || this.#running !== null || this.#waiting.size === 0) return;
    this.#running = this.#drain().finally(() => {
      this.#running = null;
      this.#run();
    });
  }

  async #drain(): Promise<void> {
    for (const key of this.#waiting) {
      this.#waiting.delete(key);
      try {
        await this.#options.work(key);
        this.#failures.delete(key);
      } catch (error) {
        if (this.#stopped) return;
        const failures = (this.#failures.get(key) ?? 0) + 1;
        this.#failures.set(key, failures);
        this.#options.onError?.(error instanceof Error ? error : new Error(String(error)));
        this.addAfter(key, backoffMs(failures, null, this.#options.rng));
      }
    }
  }
}
