/** One thing done again and again with a pause between, never twice at once. What it throws is reported, and it is tried again. */
import type { Clock, Timer } from '../kube/ports.ts';

export type RoundsOptions = {
  readonly clock: Pick<Clock, 'after'>;
  readonly round: () => Promise<void>;
  /** asked after each round, ms */
  readonly pauseMs: () => number;
  readonly onError: (error: unknown) => void;
};

export class Rounds {
  readonly #options: RoundsOptions;
  #timer: Timer | null = null;
  #running = false;
  #again = false;
  #stopped = false;

  constructor(options: RoundsOptions) {
    this.#options = options;
  }

  /** Resolves after the first round, good or not. */
  start(): Promise<void> {
    return this.#run();
  }

  /** The next round begins now, or as soon as the running one has ended. */
  soon(): void {
    this.#again = this.#running;
    if (this.#running || this.#timer === null) return;
    this.#timer.cancel();
    void this.#run();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  async #run(): Promise<void> {
    const { round, onError, clock, pauseMs } = this.#options;
    this.#running = true;
    this.#again = false;
    try {
      await round();
    } catch (error) {
      onError(error);
    }
    this.#running = false;
    if (this.#stopped) return;
    this.#timer = clock.after(this.#again ? 0 : pauseMs(), () => void this.#run());
  }
}
