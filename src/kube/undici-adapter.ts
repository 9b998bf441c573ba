/**
 * The transport: one keep-alive pool per API server over undici. Its dispatch interface says when a request begins to be
 * written, so "nothing was sent" is known and not guessed from error codes.
 */
import { readFileSync } from 'node:fs';
import { type Dispatcher, Pool, ProxyAgent } from 'undici';
import { ConnectError, TransportError, type TransportErrorCode } from './errors.ts';
import {
  type Credentials,
  type Endpoint,
  type EndpointOptions,
  findEndpoint,
  type TlsMaterial,
} from './kubeconfig-adapter.ts';
import { nodeClock } from './node-adapter.ts';
import type { Clock, KubeRequest, KubeResponse, KubeStream, Transport } from './ports.ts';

export type ConnectOptions = EndpointOptions & {
  /** the part of Muster that calls, for the User-Agent: `extender` */
  component: string;
  /** connections for calls, streams not counted; default 64 */
  connections?: number;
  clock?: Clock;
};

const DEFAULT_CONNECTIONS = 64;
/** Go servers close idle connections after 90 s and advertise nothing; undici's own default is 4 s */
const KEEP_ALIVE_MS = 60_000;
const CONNECT_TIMEOUT_MS = 10_000;
/** TCP keep-alive finds a dead peer under a silent watch within about 25 s */
const TCP_KEEP_ALIVE_MS = 15_000;
const CREDENTIALS_AGE_MS = 30_000;
/** a stream's bytes not read yet, above which the socket is paused */
const STREAM_BUFFER_BYTES = 1024 * 1024;

/** Reads the kubeconfig and the credentials; opens no connection yet. Throws ConnectError. */
export async function connect(options: ConnectOptions): Promise<Transport> {
  const endpoint = await findEndpoint(options);
  const transport = new UndiciTransport(endpoint, options);
  await transport.refresh();
  return transport;
}

class UndiciTransport implements Transport {
  readonly #endpoint: Endpoint;
  readonly #clock: Clock;
  readonly #connections: number;
  readonly #userAgent: string;
  #credentials: Credentials = { headers: {}, tls: {} };
  #credentialsAt = Number.NEGATIVE_INFINITY;
  #refreshing: Promise<void> | null = null;
  #pools: Pools | null = null;
  #closed = false;
  readonly #open = new Set<Exchange>();

  constructor(endpoint: Endpoint, options: ConnectOptions) {
    this.#endpoint = endpoint;
    this.#clock = options.clock ?? nodeClock;
    this.#connections = options.connections ?? DEFAULT_CONNECTIONS;
    this.#userAgent = `muster/${version()} (${options.component})`;
  }

  async request(request: KubeRequest): Promise<KubeResponse> {
    const deadline = this.#clock.monotonic() + request.timeoutMs;
    const response = await this.#call(request, deadline);
    if (response.status !== 401) return response;
    // refused before anything happened: the token may have been replaced since we read it
    if (!(await this.#renewed())) return response;
    return this.#call(request, deadline);
  }

  async stream(request: KubeRequest): Promise<KubeStream> {
    const deadline = this.#clock.monotonic() + request.timeoutMs;
    const stream = await this.#stream(request, deadline);
    if (stream.status !== 401 || !(await this.#renewed())) return stream;
    stream.abort();
    return this.#stream(request, deadline);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const exchange of this.#open) exchange.abort('aborted', 'the transport was closed');
    const pools = this.#pools;
    this.#pools = null;
    await pools?.destroy();
  }

  /** Reads credentials; a new certificate means new connections. Throws ConnectError. */
  async refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = null;
    });
    await this.#refreshing;
  }

  async #refresh(): Promise<void> {
    const credentials = await this.#endpoint.credentials();
    if (this.#closed) return;
    const changed = this.#pools === null || tlsKey(credentials.tls) !== tlsKey(this.#credentials.tls);
    this.#credentials = credentials;
    this.#credentialsAt = this.#clock.monotonic();
    if (!changed) return;
    // calls under way on the old connections end there
    void this.#pools?.close();
    this.#pools = openPools(this.#endpoint, credentials.tls, this.#connections);
  }

  /** true when the credentials differ from those just refused */
  async #renewed(): Promise<boolean> {
    const refused = this.#credentials.headers.authorization;
    try {
      await this.refresh();
    } catch {
      return false;
    }
    return this.#credentials.headers.authorization !== refused;
  }

  async #call(request: KubeRequest, deadline: number): Promise<KubeResponse> {
    const { promise, resolve, reject } = Promise.withResolvers<KubeResponse>();
    const chunks: Buffer[] = [];
    const exchange = await this.#dispatch('calls', request, deadline, {
      head: () => {},
      data: (chunk) => void chunks.push(chunk),
      end: () => resolve({ status: exchange.status, body: joined(chunks), retryAfterSeconds: exchange.retryAfter }),
      fail: reject,
    });
    return promise;
  }

  async #stream(request: KubeRequest, deadline: number): Promise<KubeStream> {
    const { promise, resolve, reject } = Promise.withResolvers<KubeStream>();
    const chunks = new ChunkQueue(() => exchange.abort('aborted', 'the stream was aborted'));
    const exchange: Exchange = await this.#dispatch('streams', request, deadline, {
      head: () => {
        exchange.stopTimer();
        chunks.control = exchange.controller;
        resolve({
          status: exchange.status,
          retryAfterSeconds: exchange.retryAfter,
          chunks,
          abort: () => exchange.abort('aborted', 'the stream was aborted'),
        });
      },
      data: (chunk) => chunks.push(chunk),
      end: () => chunks.finish(null),
      fail: (error) => {
        reject(error);
        chunks.finish(error);
      },
    });
    return promise;
  }

  async #dispatch(
    pool: 'calls' | 'streams',
    request: KubeRequest,
    deadline: number,
    events: Events,
  ): Promise<Exchange> {
    const what = `${request.method} ${request.path.split('?', 1)[0]}`;
    if (this.#clock.monotonic() - this.#credentialsAt > CREDENTIALS_AGE_MS) {
      try {
        await this.refresh();
      } catch (error) {
        // old credentials may still do; the server decides
        if (this.#pools === null) {
          const text = error instanceof ConnectError ? error.message : 'no credentials';
          throw new TransportError('unsent', `${what}: ${text}`);
        }
      }
    }
    const pools = this.#pools;
    if (this.#closed || pools === null) throw new TransportError('aborted', `${what}: the transport is closed`);
    const exchange = new Exchange(what, events, () => this.#open.delete(exchange));
    this.#open.add(exchange);
    exchange.startTimer(this.#clock, deadline);
    const body = encode(request.body);
    const headers: Record<string, string> = {
      ...this.#credentials.headers,
      accept: 'application/json',
      'accept-encoding': 'identity',
      'user-agent': this.#userAgent,
    };
    if (body !== null) headers['content-type'] = request.contentType ?? 'application/json';
    try {
      pools[pool].dispatch(
        {
          origin: this.#endpoint.origin,
          path: this.#endpoint.prefix + request.path,
          method: request.method,
          headers,
          body,
        },
        exchange,
      );
    } catch (error) {
      exchange.onResponseError(null, error instanceof Error ? error : new Error('dispatch failed'));
    }
    return exchange;
  }
}

type Events = {
  head(): void;
  data(chunk: Buffer): void;
  end(): void;
  fail(error: TransportError): void;
};

/** One request and its answer. Ends once: by the answer's end, a fault, the deadline or an abort. */
class Exchange implements Dispatcher.DispatchHandler {
  status = 0;
  retryAfter: number | null = null;
  controller: Dispatcher.DispatchController | null = null;
  readonly #what: string;
  readonly #events: Events;
  readonly #over: () => void;
  #stopTimer: () => void = () => {};
  #done = false;

  constructor(what: string, events: Events, over: () => void) {
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

/** Chunks between socket and reader; pauses the socket while the reader is behind. For one reader. */
class ChunkQueue implements AsyncIterable<Buffer> {
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

type Pools = { calls: Dispatcher; streams: Dispatcher; close(): Promise<void>; destroy(): Promise<void> };

/** Streams hold their connections for minutes, so they have a pool of their own and never starve calls. */
function openPools({ origin, proxy }: Endpoint, tls: TlsMaterial, connections: number): Pools {
  const connect = { ...tls, timeout: CONNECT_TIMEOUT_MS, keepAlive: true, keepAliveInitialDelay: TCP_KEEP_ALIVE_MS };
  const shared = {
    pipelining: 1,
    allowH2: false,
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
  };
  const open = (most: number | null): Dispatcher =>
    proxy === null
      ? new Pool(origin, { ...shared, connect, connections: most })
      : new ProxyAgent({ ...shared, uri: proxy, requestTls: connect, connections: most });
  const calls = open(connections);
  const streams = open(null);
  return {
    calls,
    streams,
    close: async () => void (await Promise.all([calls.close(), streams.close()])),
    destroy: async () => void (await Promise.all([calls.destroy(), streams.destroy()])),
  };
}

function tlsKey({ ca, cert, key, passphrase, servername, rejectUnauthorized }: TlsMaterial): string {
  return JSON.stringify([ca, cert, key, passphrase, servername, rejectUnauthorized].map((part) => String(part)));
}

function encode(body: unknown): Buffer | string | null {
  if (body === undefined) return null;
  return Buffer.isBuffer(body) ? body : JSON.stringify(body);
}

function joined(chunks: Buffer[]): Buffer {
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
}

/** Seconds or an HTTP date; only seconds are understood, as API servers send them. */
function retryAfterSeconds(header: string | string[] | undefined): number | null {
  const text = Array.isArray(header) ? header[0] : header;
  return text !== undefined && /^\d{1,6}$/.test(text) ? Number(text) : null;
}

function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const named = manifest as { version?: unknown };
  return typeof named.version === 'string' ? named.version : 'unknown';
}
