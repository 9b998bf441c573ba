/** Redraws a block of lines in place on a terminal, flicker-free: each line is overwritten and its rest erased, never the screen. */
const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';
const ERASE_REST_OF_LINE = '\x1b[K';
const ERASE_BELOW = '\x1b[J';

export class Screen {
  readonly #out: { write(text: string): unknown };
  #height = 0;

  constructor(out: { write(text: string): unknown }) {
    this.#out = out;
  }

  draw(lines: readonly string[]): void {
    const up = this.#height > 0 ? `\x1b[${this.#height}A\r` : HIDE_CURSOR;
    const body = lines.map((line) => `${line}${ERASE_REST_OF_LINE}\n`).join('');
    this.#height = lines.length;
    this.#out.write(up + body + ERASE_BELOW);
  }

  /** Leaves the last picture standing. */
  close(): void {
    this.#out.write(SHOW_CURSOR);
  }
}
