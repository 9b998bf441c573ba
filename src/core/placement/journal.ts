/**
 * Which slots changed when. A reader remembers the generation it has seen and asks for the slots changed since, each once:
 * that is what keeps a decision from walking all nodes.
 */

/** Changes remembered one by one; a reader further behind looks at every slot's stamp instead. */
const REMEMBERED = 8192;

export class Journal {
  readonly #entries = new Int32Array(REMEMBERED);
  #stamps = new Float64Array(64);
  #slots = 0;
  #generation = 0;

  /** Grows with every change. */
  get generation(): number {
    return this.#generation;
  }

  /** Generation of the last change of a slot, 0 if it never changed. */
  stamp(slot: number): number {
    return slot < this.#slots ? this.#stamps[slot]! : 0;
  }

  changed(slot: number): void {
    if (slot >= this.#stamps.length) {
      const stamps = new Float64Array(Math.max(slot + 1, 2 * this.#stamps.length));
      stamps.set(this.#stamps);
      this.#stamps = stamps;
    }
    this.#slots = Math.max(this.#slots, slot + 1);
    this.#generation++;
    this.#stamps[slot] = this.#generation;
    this.#entries[this.#generation % REMEMBERED] = slot;
  }

  /** Calls `visit` once with each slot changed after `since`. */
  changedSince(since: number, visit: (slot: number) => void): void {
    const behind = this.#generation - since;
    if (behind <= REMEMBERED && behind <= this.#slots) {
      for (let at = since + 1; at <= this.#generation; at++) {
        const slot = this.#entries[at % REMEMBERED]!;
        // only the last change of a slot speaks for it
        if (this.#stamps[slot] === at) visit(slot);
      }
      return;
    }
    for (let slot = 0; slot < this.#slots; slot++) if (this.#stamps[slot]! > since) visit(slot);
  }
}
