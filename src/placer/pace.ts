/**
 * How much may be decided ahead: a few seconds of binds at the rate of the last ones, so that plans do not age; never less than what
 * keeps kube-scheduler busy while the rate is not known.
 */

const WINDOW_MS = 5_000;

export type PaceConfig = {
  readonly nominateSeconds: number;
  /** pods */
  readonly nominateLeast: number;
};

export class Pace {
  readonly #config: PaceConfig;
  /** monotonic ms of the binds of the window */
  #binds: number[] = [];

  constructor(config: PaceConfig) {
    this.#config = config;
  }

  bound(now: number): void {
    this.#binds.push(now);
  }

  /** pods that may be planned and not bound at a time */
  limit(now: number): number {
    const first = this.#binds.findIndex((at) => at > now - WINDOW_MS);
    this.#binds = first === -1 ? [] : this.#binds.slice(first);
    const perSecond = this.#binds.length / (WINDOW_MS / 1000);
    const { nominateSeconds, nominateLeast } = this.#config;
    return Math.max(nominateLeast, Math.ceil(perSecond * nominateSeconds));
  }
}
