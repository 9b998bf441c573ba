/**
 * The transport: one keep-alive pool per API server over undici. Its dispatch interface says when a request begins to be
 * written, so "nothing was sent" is known and not guessed from error codes.
 */
import { readFileSync } from 'node:fs';
import { type Dispatcher, Pool, ProxyAgent } from 'undici';
import { ChunkQueue } from './chunk-queue.ts';
import { TransportError } from './errors.ts';
import { Exchange, type ExchangeEvents } from './exchange.ts';
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
const LONGEST_REFRESH_MS = 5_000;
const REFRESH_RETRY_MS = 5_000;

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
    if (!(await this.#renewed(deadline))) return response;
    return this.#call(request, deadline);
  }

  async stream(request: KubeRequest): Promise<KubeStream> {
    const deadline = this.#clock.monotonic() + request.timeoutMs;
    const stream = await this.#stream(request, deadline);
    if (stream.status !== 401 || !(await this.#renewed(deadline))) return stream;
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
  async #renewed(deadline: number): Promise<boolean> {
    const refused = this.#credentials.headers.authorization;
    await this.#refreshBefore(deadline);
    return this.#credentials.headers.authorization !== refused;
  }

  /** Never throws and never outlasts a call: a credential plugin may fail or hang. It is asked again a little later then. */
  async #refreshBefore(deadline: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const now = this.#clock.monotonic();
    const timer = this.#clock.after(Math.min(deadline - now, LONGEST_REFRESH_MS), resolve);
    this.#credentialsAt = now - CREDENTIALS_AGE_MS + REFRESH_RETRY_MS;
    await Promise.race([this.refresh().catch(() => {}), promise]);
    timer.cancel();
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
    events: ExchangeEvents,
  ): Promise<Exchange> {
    const what = `${request.method} ${request.path.split('?', 1)[0]}`;
    const age = this.#clock.monotonic() - this.#credentialsAt;
    // old credentials may still do when new ones cannot be had; the server decides
    if (age > CREDENTIALS_AGE_MS) await this.#refreshBefore(deadline);
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

function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const named = manifest as { version?: unknown };
  return typeof named.version === 'string' ? named.version : 'unknown';
}
