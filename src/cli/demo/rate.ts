/** Placements per second over the last seconds. */
const OVER_MS = 3000;

export class Rate {
  readonly #marks: { at: number; placed: number }[] = [{ at: 0, placed: 0 }];

  /** @param at ms since the demo began */
  next(at: number, placed: number): number {
    this.#marks.push({ at, placed });
    while (this.#marks.length > 2 && this.#marks[0]!.at < at - OVER_MS) this.#marks.shift();
    const first = this.#marks[0]!;
    return ((placed - first.placed) * 1000) / Math.max(1, at - first.at);
  }
}
