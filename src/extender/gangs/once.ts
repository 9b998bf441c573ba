/** Does a thing once for each name: again with back-off while it fails, a bounded number of tries a round, a bounded memory. */
import { LRUCache } from 'lru-cache';
import { backoffMs } from '../../kube/backoff.ts';
import type { Clock, Rng } from '../../kube/ports.ts';
import type { Written } from './writes.ts';

const NAMES = 20_000;

export class Once {
  readonly #clock: Clock;
  readonly #rng: Rng;
  readonly #aRound: number;
  #left = 0;
  /** name → monotonic ms from which it may be tried (again); Infinity: done, or under way */
  readonly #next = new LRUCache<string, { at: number; failures: number }>({
    // as a size and not as `max`, which would make room for all of them at once: most clusters have few gangs
    maxSize: NAMES,
    sizeCalculation: () => 1,
  });

  constructor(clock: Clock, rng: Rng, aRound: number) {
    this.#clock = clock;
    this.#rng = rng;
    this.#aRound = aRound;
  }

  /** A new round: as many tries again. */
  begin(): void {
    this.#left = this.#aRound;
  }

  do(name: string, run: () => Promise<Written>): void {
    const known = this.#next.get(name) ?? { at: 0, failures: 0 };
    if (this.#left === 0 || this.#clock.monotonic() < known.at) return;
    this.#left--;
    this.#next.set(name, { at: Number.POSITIVE_INFINITY, failures: known.failures });
    void run().then((written) => {
      if (written.kind === 'done') return;
      const failures = known.failures + 1;
      const at = this.#clock.monotonic() + backoffMs(failures, written.retryAfterSeconds, this.#rng);
      this.#next.set(name, { at, failures });
    });
  }
}
