/**
 * The terminal while the live view is on it: the alternate screen, so that what was there before is there again afterwards; ink draws.
 * Whatever ends the process, the terminal is given back first.
 */
import { writeSync } from 'node:fs';
import type { ReactElement } from 'react';

const ENTER = '\x1b[?1049h\x1b[2J\x1b[H';
const LEAVE = '\x1b[?1049l\x1b[?25h';
const CLEAR = '\x1b[2J\x1b[H';
const STDOUT = 1;
const MOST_FRAMES_PER_SECOND = 10;

export type TerminalStreams = {
  readonly stdout: NodeJS.WriteStream;
  readonly stdin: NodeJS.ReadStream;
  readonly stderr: NodeJS.WriteStream;
};

type Render = typeof import('ink').render;
type Instance = ReturnType<Render>;

export class Terminal {
  readonly #render: Render;
  readonly #streams: TerminalStreams;
  readonly #onResize: () => void;
  #instance: Instance | null = null;
  #closed = false;
  readonly #atExit = (): void => {
    try {
      // the event loop is over: what is not written now is never written
      if (this.#streams.stdin.isTTY) this.#streams.stdin.setRawMode(false);
      writeSync(STDOUT, LEAVE);
    } catch {
      // the terminal is gone
    }
  };

  private constructor(render: Render, streams: TerminalStreams, redraw: () => void) {
    this.#render = render;
    this.#streams = streams;
    this.#onResize = () => {
      // lines were cut and moved by the terminal: begin anew
      this.#instance?.unmount();
      this.#instance = null;
      streams.stdout.write(CLEAR);
      redraw();
    };
  }

  /** @param redraw called when the size changed: draws the picture for the new one */
  static async open(streams: TerminalStreams, redraw: () => void): Promise<Terminal> {
    // React's development build keeps a record of every render
    process.env.NODE_ENV ??= 'production';
    const { render } = await import('ink');
    const terminal = new Terminal(render, streams, redraw);
    process.on('exit', terminal.#atExit);
    streams.stdout.write(ENTER);
    streams.stdout.on('resize', terminal.#onResize);
    return terminal;
  }

  draw(picture: ReactElement): void {
    if (this.#closed) return;
    if (this.#instance !== null) {
      this.#instance.rerender(picture);
      return;
    }
    this.#instance = this.#render(picture, {
      ...this.#streams,
      exitOnCtrlC: false,
      patchConsole: false,
      maxFps: MOST_FRAMES_PER_SECOND,
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#streams.stdout.off('resize', this.#onResize);
    this.#instance?.unmount();
    this.#streams.stdout.write(LEAVE);
    process.off('exit', this.#atExit);
  }
}
