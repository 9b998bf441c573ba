/**
 * Whether this extender may decide now: leadership allows it, and since then everything was listed afresh. Calls of whoever decided
 * before have ended when leadership allows us, and their outcome must be seen too: a watch may lag, a fresh list does not
 * (docs/decisions/0003). Whoever asks a moment too early may wait for it.
 */
import type { LeaseFacts } from '../kube/lease.ts';
import type { Clock } from '../kube/ports.ts';
import type { ExtenderConfig } from './config.ts';
import { Leadership } from './leadership.ts';

export type DecidingOptions = {
  readonly clock: Clock;
  readonly config: ExtenderConfig;
  /** resolves when everything was listed once */
  readonly whenSynced: Promise<void>;
  /** lists again; resolves when the picture holds all that was true when this was called */
  readonly refresh: () => Promise<void>;
  readonly onChange: (deciding: boolean) => void;
};

export class Deciding {
  readonly #options: DecidingOptions;
  readonly #leadership: Leadership;
  /** counts the times at which leadership allowed to decide; a refresh that ends in a later one confirms nothing */
  #term = 0;
  #confirmed = false;
  #draining = false;
  readonly #patient = new Set<() => void>();

  constructor(options: DecidingOptions) {
    this.#options = options;
    const { clock, config } = options;
    this.#leadership = new Leadership({
      clock,
      mode: config.leadership,
      schedulerIdentity: config.schedulerIdentity ?? '',
      renewDeadlineMs: config.renewDeadlineSeconds * 1000,
      callDeadlineMs: config.callDeadlineMs,
      onChange: (allowed) => {
        if (allowed) return void this.#confirm();
        this.#term++;
        this.#confirmed = false;
        options.onChange(false);
      },
    });
  }

  get now(): boolean {
    return !this.#draining && this.#confirmed && this.#leadership.deciding;
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** One line for people. */
  get describe(): string {
    return this.#leadership.describe;
  }

  observe(lease: LeaseFacts | null): void {
    this.#leadership.observe(lease);
  }

  /** Resolves when this extender decides, or after its patience. */
  until(): Promise<void> {
    const { clock, config } = this.#options;
    return new Promise((resolve) => {
      const goOn = (): void => {
        timer.cancel();
        this.#patient.delete(goOn);
        resolve();
      };
      const timer = clock.after(this.#draining ? 0 : config.patienceMs, goOn);
      this.#patient.add(goOn);
    });
  }

  /** Nothing is decided from now on, and nobody waits for it. */
  drain(): void {
    this.#draining = true;
    this.#release();
  }

  stop(): void {
    this.#leadership.stop();
  }

  async #confirm(): Promise<void> {
    const { whenSynced, refresh, onChange } = this.#options;
    const ours = ++this.#term;
    this.#confirmed = false;
    await whenSynced;
    await refresh();
    if (ours !== this.#term || !this.#leadership.deciding) return;
    this.#confirmed = true;
    this.#release();
    onChange(true);
  }

  #release(): void {
    for (const goOn of this.#patient) goOn();
  }
}
