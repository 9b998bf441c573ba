/** How far a replay has come, on stderr: one line that changes in a terminal, else a line now and then. */

const TERMINAL_MS = 200;
const FILE_MS = 15_000;
/** So many pods tell how long the others take. */
const GUESSED_FROM = 200;
const CLEAR = '\r\u001b[K';

export class Progress {
  readonly #out: NodeJS.WriteStream = process.stderr;
  #toldAt = performance.now();
  #shown = false;

  /** Cheap to call often: the text is asked for only when it is shown. */
  tell(text: () => string): void {
    const now = performance.now();
    if (now - this.#toldAt < (this.#out.isTTY ? TERMINAL_MS : FILE_MS)) return;
    this.#toldAt = now;
    this.#out.write(this.#out.isTTY ? `${CLEAR}${text()}` : `${text()}\n`);
    this.#shown = true;
  }

  /** Before something else is printed. */
  clear(): void {
    if (this.#shown && this.#out.isTTY) this.#out.write(CLEAR);
    this.#shown = false;
  }
}

/** `600 of 2,000 pods, 40 s, about 93 s to go` */
export function howFar(done: number, all: number, begun: number): string {
  const seconds = (performance.now() - begun) / 1000;
  const left = done < GUESSED_FROM ? '' : `, about ${Math.ceil((seconds * (all - done)) / done)} s to go`;
  return `${done.toLocaleString('en')} of ${all.toLocaleString('en')} pods, ${Math.floor(seconds)} s${left}`;
}
