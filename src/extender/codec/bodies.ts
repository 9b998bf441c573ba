/**
 * Hot: request bodies read into memory that is used again and again.
 *
 * A body of 5,000 names is four chunks that Node allocates outside the heap. Left to the collector, they make V8 mark the whole
 * heap for every 64 MB of them: with tens of thousands of pods on it, that costs several times what a decision costs. So
 * each chunk is copied to where the body gathers and its memory is given back at once (by moving its ArrayBuffer to length 0).
 * That is sound only for a chunk that fills its ArrayBuffer and that nobody else was handed.
 */
import type { IncomingMessage } from 'node:http';

/** Memory kept for the next body is at most so many pieces of at most so many bytes: the callers of one kube-scheduler. */
const KEPT = 16;
const KEPT_BYTES = 2 * 1024 * 1024;
const SMALLEST_BYTES = 16 * 1024;
/** What a request's header can make us reserve before its body is there. */
const TRUSTED_BYTES = 1024 * 1024;
/** Behind a body, so that its last words can be read in wide steps. */
const SLACK_BYTES = 512;
/** Below, letting the collector do it costs less. */
const WORTH_DETACHING_BYTES = 8 * 1024;
const EMPTY = Buffer.alloc(0);

export class Bodies {
  readonly #limit: number;
  readonly #free: Buffer[] = [];
  /** memory of ours that somebody reads or fills: nothing else is ever taken back, and nothing twice */
  readonly #lent = new Set<ArrayBufferLike>();

  /** `limit`: the longest body, bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Calls `whole` once with the body, `tooLarge` once instead when it is longer than the limit, and neither when the caller goes
   * away first. Nobody else may read the request. The body is the receiver's until it is passed to `release`.
   */
  read(request: IncomingMessage, whole: (body: Buffer) => void, tooLarge: () => void): void {
    // llhttp has checked it: digits, or there is none
    const announced = Number(request.headers['content-length'] ?? 0);
    if (announced > this.#limit) {
      tooLarge();
      return;
    }
    let memory: Buffer = EMPTY;
    let length = 0;
    let over = false;
    request.on('data', (chunk: Buffer) => {
      if (over) return;
      const end = length + chunk.length;
      if (end > this.#limit) {
        over = true;
        this.release(memory);
        tooLarge();
        return;
      }
      if (end > memory.length)
        memory = this.#grown(memory, length, Math.max(end, Math.min(announced, TRUSTED_BYTES)) + SLACK_BYTES);
      memory.set(chunk, length);
      if (chunk.length >= WORTH_DETACHING_BYTES && chunk.buffer.byteLength === chunk.length)
        (chunk.buffer as ArrayBuffer).transfer(0);
      length = end;
    });
    request.on('end', () => {
      if (over) return;
      whole(length === memory.length ? memory : memory.subarray(0, length));
    });
    request.on('error', () => {
      over = true;
      this.release(memory);
    });
  }

  /** The memory of a body (or of a part of it) that nobody reads any more, to be written over. */
  release(body: Buffer): void {
    const { buffer } = body;
    if (!this.#lent.delete(buffer) || buffer.byteLength > KEPT_BYTES) return;
    if (this.#free.length < KEPT) this.#free.push(Buffer.from(buffer));
  }

  #grown(memory: Buffer, length: number, atLeast: number): Buffer {
    const grown = this.#take(atLeast);
    grown.set(memory.subarray(0, length));
    this.release(memory);
    return grown;
  }

  #take(bytes: number): Buffer {
    const at = this.#free.findLastIndex((memory) => memory.length >= bytes);
    // if there is any it is too small for what comes here now
    if (at < 0) this.#free.pop();
    const memory =
      at >= 0
        ? this.#free.splice(at, 1)[0]!
        : Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(Math.max(bytes, SMALLEST_BYTES))));
    this.#lent.add(memory.buffer);
    return memory;
  }
}
