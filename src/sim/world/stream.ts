/** A watch on its way from the API server to one process: pieces arrive in order, late, twice, cut or not at all. */
import { TransportError } from '../../kube/errors.ts';

/** What the reader pulls. For one reader. */
export class Arriving implements AsyncIterableIterator<Buffer> {
  readonly #abort: () => void;
  #chunks: Buffer[] = [];
  #end: { readonly error: TransportError | null } | null = null;
  #waiting: PromiseWithResolvers<IteratorResult<Buffer>> | null = null;

  constructor(abort: () => void) {
    this.#abort = abort;
  }

  push(chunk: Buffer): void {
    if (this.#end !== null) return;
    const waiting = this.#waiting;
    this.#waiting = null;
    if (waiting === null) this.#chunks.push(chunk);
    else waiting.resolve({ value: chunk, done: false });
  }

  /** error null: the server ended it */
  finish(error: TransportError | null): void {
    if (this.#end !== null) return;
    this.#end = { error };
    const waiting = this.#waiting;
    this.#waiting = null;
    if (waiting === null) return;
    if (error === null) waiting.resolve({ value: undefined, done: true });
    else waiting.reject(error);
  }

  next(): Promise<IteratorResult<Buffer>> {
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) return Promise.resolve({ value: chunk, done: false });
    if (this.#end === null) {
      this.#waiting = Promise.withResolvers();
      return this.#waiting.promise;
    }
    return this.#end.error === null
      ? Promise.resolve({ value: undefined, done: true })
      : Promise.reject(this.#end.error);
  }

  return(): Promise<IteratorResult<Buffer>> {
    this.abort();
    return Promise.resolve({ value: undefined, done: true });
  }

  abort(): void {
    this.#abort();
    this.#chunks = [];
    this.finish(new TransportError('aborted', 'the stream was aborted'));
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
