/**
 * How much may be decided ahead: a few seconds of binds at the rate of the last ones, so that plans do not age; never less than what
 * keeps kube-scheduler busy while the rate is not known.
 */

const WINDOW_MS = 5_000;
const LEAST = 256;

export class Pace {
  readonly #seconds: number;
  /** monotonic ms of the binds of the window */
  #binds: number[] = [];

  constructor(seconds: number) {
    this.#seconds = seconds;
  }

  bound(now: number): void {
    this.#binds.push(now);
  }

  /** pods that may be planned and not bound at a time */
  limit(now: number): number {
    const first = this.#binds.findIndex((at) => at > now - WINDOW_MS);
    this.#binds = first === -1 ? [] : this.#binds.slice(first);
    const perSecond = this.#binds.length / (WINDOW_MS / 1000);
    return Math.max(LEAST, Math.ceil(perSecond * this.#seconds));
  }
}
