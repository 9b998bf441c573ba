/**
 * Writes side by side, a bounded number at a time, one per pod. What is to be written is asked for when a lane is free, and again after
 * each write, until nothing is missing. What fails is tried again after a pause that grows.
 */
import { backoffMs } from '../kube/backoff.ts';
import type { Clock, Rng, Timer } from '../kube/ports.ts';

/** `again`: after a pause (the server may ask for one, seconds); `over`: there is nothing more to do for it */
export type Sent =
  | { readonly kind: 'done' | 'over' }
  | { readonly kind: 'again'; readonly retryAfterSeconds: number | null };

export type LaneOptions = {
  readonly clock: Clock;
  readonly rng: Rng;
  readonly concurrency: number;
  /** Writes what the pod lacks; null: nothing. Never rejects. */
  readonly step: (uid: string) => Promise<Sent> | null;
};

export class Lanes {
  readonly #options: LaneOptions;
  /** in the order in which they were added */
  readonly #queue = new Set<string>();
  readonly #busy = new Set<string>();
  readonly #paused = new Map<string, Timer>();
  readonly #failures = new Map<string, number>();
  #idle: (() => void)[] = [];
  #closed = false;

  constructor(options: LaneOptions) {
    this.#options = options;
  }

  /** writes under way */
  get busy(): number {
    return this.#busy.size;
  }

  add(uid: string): void {
    if (this.#closed) return;
    // one under way is asked again when it ends
    if (!this.#paused.has(uid)) this.#queue.add(uid);
    this.#fill();
  }

  /** Nothing new begins; resolves when what is under way has its answer. */
  close(): Promise<void> {
    this.#closed = true;
    this.#queue.clear();
    for (const timer of this.#paused.values()) timer.cancel();
    this.#paused.clear();
    return this.#busy.size === 0 ? Promise.resolve() : new Promise((resolve) => this.#idle.push(resolve));
  }

  #fill(): void {
    for (const uid of this.#queue) {
      if (this.#busy.size >= this.#options.concurrency) return;
      if (this.#busy.has(uid)) continue;
      this.#queue.delete(uid);
      const sent = this.#options.step(uid);
      if (sent === null) this.#failures.delete(uid);
      else this.#follow(uid, sent);
    }
  }

  #follow(uid: string, sent: Promise<Sent>): void {
    this.#busy.add(uid);
    void sent.then((outcome) => {
      this.#busy.delete(uid);
      if (this.#closed) {
        if (this.#busy.size === 0) for (const resolve of this.#idle.splice(0)) resolve();
        return;
      }
      if (outcome.kind === 'again') this.#pause(uid, outcome.retryAfterSeconds);
      else {
        this.#failures.delete(uid);
        if (outcome.kind === 'done') this.#queue.add(uid);
      }
      this.#fill();
    });
  }

  #pause(uid: string, retryAfterSeconds: number | null): void {
    const { clock, rng } = this.#options;
    const failures = (this.#failures.get(uid) ?? 0) + 1;
    this.#failures.set(uid, failures);
    this.#queue.delete(uid);
    const timer = clock.after(backoffMs(failures, retryAfterSeconds, rng), () => {
      this.#paused.delete(uid);
      this.add(uid);
    });
    this.#paused.set(uid, timer);
  }
}
