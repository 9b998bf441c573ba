/** One request over undici's dispatch interface, which says when a request begins to be written. */
import type { Dispatcher } from 'undici';
import { TransportError, type TransportErrorCode } from './errors.ts';
import type { Clock } from './ports.ts';

export type ExchangeEvents = {
  head(): void;
  data(chunk: Buffer): void;
  end(): void;
  fail(error: TransportError): void;
};

/** One request and its answer. Ends once: by the answer's end, a fault, the deadline or an abort. */
export class Exchange implements Dispatcher.DispatchHandler {
  status = 0;
  retryAfter: number | null = null;
  controller: Dispatcher.DispatchController | null = null;
  readonly #what: string;
  readonly #events: ExchangeEvents;
  readonly #over: () => void;
  #stopTimer: () => void = () => {};
  #done = false;

  constructor(what: string, events: ExchangeEvents, over: () => void) {
    this.#what = what;
    this.#events = events;
    this.#over = over;
  }

  startTimer(clock: Clock, deadline: number): void {
    const timer = clock.after(deadline - clock.monotonic(), () => this.abort('timeout', 'no answer in time'));
    this.#stopTimer = () => timer.cancel();
  }

  stopTimer(): void {
    this.#stopTimer();
  }

  abort(code: TransportErrorCode, text: string): void {
    if (this.#done) return;
    // a request that is still queued or connecting is dropped by onRequestStart before a byte of it is written
    if (code === 'timeout' && this.controller === null) this.#fail('unsent', 'no connection in time');
    else this.#fail(code, text);
    this.controller?.abort(new Error(text));
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#done) controller.abort(new Error('given up before it was sent'));
    else this.controller = controller;
  }

  onResponseStart(_controller: unknown, status: number, headers: Record<string, string | string[] | undefined>): void {
    if (this.#done || status < 200) return;
    this.status = status;
    this.retryAfter = retryAfterSeconds(headers['retry-after']);
    this.#events.head();
  }

  onResponseData(_controller: unknown, chunk: Buffer): void {
    if (!this.#done) this.#events.data(chunk);
  }

  onResponseEnd(): void {
    if (!this.#finish()) return;
    this.#events.end();
  }

  onResponseError(_controller: unknown, error: Error): void {
    const code = 'code' in error ? String(error.code) : error.name;
    if (this.controller === null) this.#fail('unsent', `nothing was sent (${code})`, error);
    else this.#fail('broken', `the connection broke (${code})`, error);
  }

  #fail(code: TransportErrorCode, text: string, cause?: Error): void {
    if (!this.#finish()) return;
    this.#events.fail(new TransportError(code, `${this.#what}: ${text}`, cause === undefined ? undefined : { cause }));
  }

  #finish(): boolean {
    if (this.#done) return false;
    this.#done = true;
    this.#stopTimer();
    this.#over();
    return true;
  }
}

/** Seconds or an HTTP date; only seconds are understood, as API servers send them. */
function retryAfterSeconds(header: string | string[] | undefined): number | null {
  const text = Array.isArray(header) ? header[0] : header;
  return text !== undefined && /^\d{1,6}$/.test(text) ? Number(text) : null;
}
