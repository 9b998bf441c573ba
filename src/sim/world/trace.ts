/** What happened, line by line: hashed always (same seed, same hash), kept only when somebody wants to read it. */

export class Trace {
  readonly lines: string[] | null;
  readonly #now: () => number;
  #high = 0x811c9dc5 | 0;
  #low = 0x01234567;

  constructor(keep: boolean, now: () => number) {
    this.lines = keep ? [] : null;
    this.#now = now;
  }

  note(actor: string, what: string): void {
    const line = `${this.#now()} ${actor} ${what}`;
    for (let at = 0; at < line.length; at++) {
      const code = line.charCodeAt(at);
      this.#high = Math.imul(this.#high ^ code, 0x01000193);
      this.#low = Math.imul(this.#low + code, 0x5bd1e995) ^ (this.#low >>> 15);
    }
    this.lines?.push(line);
  }

  get hash(): string {
    const hex = (part: number): string => (part >>> 0).toString(16).padStart(8, '0');
    return hex(this.#high) + hex(this.#low);
  }
}
