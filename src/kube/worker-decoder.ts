/**
 * Decoding on one worker thread that all reflectors share. The serving loop pays for receiving projected objects only: a few
 * small batches per turn, each acknowledged in a later turn, so that requests get their turn in between.
 *
 * When the worker dies, everything that was being decoded fails with 'crashed' (reflectors list again) and the next call
 * starts a new one.
 */
import { Worker } from 'node:worker_threads';
import {
  type DecodedObject,
  type Decoder,
  moduleBeside,
  type PageEnd,
  type ProjectionRef,
  type WatchDecode,
  type WatchEvent,
} from './decoder.ts';
import { DecodeError } from './errors.ts';
import type { FromWorker, ToWorker } from './worker-messages.ts';

/** bytes of one watch handed over and not decoded yet, from which on `write` waits */
const IN_FLIGHT_BYTES = 1024 * 1024;

/** What one page or watch is waiting for. */
type Task = {
  message(message: FromWorker): void;
  crashed(error: DecodeError): void;
};

export class DecodeThread {
  readonly #tasks = new Map<number, Task>();
  #worker: Worker | null = null;
  #nextId = 1;
  #closed = false;
  /** workers that died */
  crashes = 0;

  /** A decoder that runs this projection on the thread. T is what the named function returns; nothing checks that. */
  decoder<T>(projection: ProjectionRef): Decoder<T> {
    return {
      page: (body, deliver) =>
        this.#page(projection, body, deliver as (batch: readonly DecodedObject<unknown>[]) => void),
      watch: (deliver) => this.#watch(projection, deliver as (batch: readonly WatchEvent<unknown>[]) => void),
    };
  }

  /** Fails what is being decoded with 'closed'; resolves when the thread has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    const worker = this.#worker;
    this.#worker = null;
    this.#failAll(new DecodeError('closed', 'the decode thread was closed'));
    await worker?.terminate();
  }

  #page(
    projection: ProjectionRef,
    body: Buffer,
    deliver: (batch: readonly DecodedObject<unknown>[]) => void,
  ): Promise<PageEnd> {
    const { promise, resolve, reject } = Promise.withResolvers<PageEnd>();
    const id = this.#newTask({
      message: (message) => {
        if (message.kind === 'objects') deliver(message.batch);
        else if (message.kind === 'page-end') {
          this.#tasks.delete(id);
          resolve(message.end);
        } else if (message.kind === 'failed') {
          this.#tasks.delete(id);
          reject(new DecodeError(message.code, message.message));
        }
      },
      crashed: reject,
    });
    this.#post({ kind: 'page', id, projection, body: owned(body) }, id);
    return promise;
  }

  #watch(projection: ProjectionRef, deliver: (batch: readonly WatchEvent<unknown>[]) => void): WatchDecode {
    /** sizes of the chunks not decoded yet, oldest first */
    const sizes: number[] = [];
    let inFlight = 0;
    let begun = false;
    let ended = false;
    let aborted = false;
    let fault: DecodeError | null = null;
    let wake: (() => void) | null = null;
    const stop = (error: DecodeError | null): void => {
      fault ??= error;
      this.#tasks.delete(id);
      wake?.();
    };
    const id = this.#newTask({
      message: (message) => {
        if (aborted) return;
        if (message.kind === 'events') deliver(message.batch);
        else if (message.kind === 'taken') {
          const size = sizes.shift();
          if (size === undefined) ended = true;
          else inFlight -= size;
          wake?.();
        } else if (message.kind === 'failed') stop(new DecodeError(message.code, message.message));
      },
      crashed: stop,
    });
    const until = async (done: () => boolean): Promise<void> => {
      while (fault === null && !aborted && !done()) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      if (fault !== null && !aborted) throw fault;
    };
    return {
      write: async (chunk) => {
        if (fault === null && !aborted) {
          begun = true;
          sizes.push(chunk.length);
          inFlight += chunk.length;
          // the chunk is a view into a buffer that undici goes on using: cloning would copy all of that
          this.#post({ kind: 'chunk', id, projection, bytes: new Uint8Array(chunk) }, id);
        }
        await until(() => inFlight < IN_FLIGHT_BYTES);
      },
      end: async () => {
        if (fault === null && !aborted) this.#post({ kind: 'end', id, projection }, id);
        await until(() => ended);
      },
      abort: () => {
        if (aborted) return;
        aborted = true;
        if (begun) this.#worker?.postMessage({ kind: 'forget', id } satisfies ToWorker);
        stop(null);
      },
    };
  }

  #newTask(task: Task): number {
    const id = this.#nextId;
    this.#nextId += 1;
    this.#tasks.set(id, task);
    return id;
  }

  #post(message: Extract<ToWorker, { id: number }>, id: number): void {
    if (this.#closed) {
      this.#tasks.get(id)?.crashed(new DecodeError('closed', 'the decode thread was closed'));
      this.#tasks.delete(id);
      return;
    }
    this.#worker ??= this.#start();
    const bytes = message.kind === 'page' ? message.body : message.kind === 'chunk' ? message.bytes : null;
    this.#worker.postMessage(message, bytes === null ? [] : [bytes.buffer as ArrayBuffer]);
  }

  #start(): Worker {
    const worker = new Worker(new URL(moduleBeside(import.meta.url, './decode-worker')), { name: 'muster-decode' });
    worker.on('message', (message: FromWorker) => {
      if (worker !== this.#worker) return;
      if (message.kind === 'objects' || message.kind === 'events') {
        // in a later turn of the loop: a port hands over all it has in one, and would never stop if we answered at once
        setImmediate(() => worker.postMessage({ kind: 'credit' } satisfies ToWorker));
      }
      this.#tasks.get(message.id)?.message(message);
    });
    const died = (text: string): void => {
      if (worker !== this.#worker) return;
      this.#worker = null;
      this.crashes += 1;
      this.#failAll(new DecodeError('crashed', `the decode thread died: ${text}`));
    };
    worker.on('error', (error) => died(error instanceof Error ? error.message : 'unknown error'));
    worker.on('exit', (code) => died(`exit code ${code}`));
    return worker;
  }

  #failAll(error: DecodeError): void {
    const tasks = [...this.#tasks.values()];
    this.#tasks.clear();
    for (const task of tasks) task.crashed(error);
  }
}

/** The bytes in a buffer of their own, which can change threads without a copy; small bodies come from a shared pool. */
function owned(body: Buffer): Uint8Array {
  const whole = body.byteOffset === 0 && body.byteLength === body.buffer.byteLength;
  return whole ? new Uint8Array(body.buffer) : new Uint8Array(body);
}
