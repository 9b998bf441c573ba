/** What lies between a socket that pushes and a reader that pulls. */
import type { Dispatcher } from 'undici';
import type { TransportError } from './errors.ts';

/** bytes not read yet, above which the socket is paused */
const STREAM_BUFFER_BYTES = 1024 * 1024;

/** Chunks between socket and reader; pauses the socket while the reader is behind. For one reader. */
export class ChunkQueue implements AsyncIterable<Buffer> {
  control: Dispatcher.DispatchController | null = null;
  readonly #abort: () => void;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #finished = false;
  #error: TransportError | null = null;
  #wake: (() => void) | null = null;

  constructor(abort: () => void) {
    this.#abort = abort;
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes > STREAM_BUFFER_BYTES) this.control?.pause();
    this.#wake?.();
  }

  finish(error: TransportError | null): void {
    this.#finished = true;
    this.#error = error;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer, void, void> {
    try {
      for (;;) {
        const chunk = this.#chunks.shift();
        if (chunk !== undefined) {
          this.#bytes -= chunk.length;
          if (this.#bytes < STREAM_BUFFER_BYTES / 4 && this.control?.paused) this.control.resume();
          yield chunk;
        } else if (this.#error !== null) throw this.#error;
        else if (this.#finished) return;
        else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
          this.#wake = null;
        }
      }
    } finally {
      if (!this.#finished) this.#abort();
    }
  }
}
