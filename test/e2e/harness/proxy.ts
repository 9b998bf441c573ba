/**
 * A loopback HTTP proxy between two parts under test: counts the calls that pass, and can lose the answers of some of them. The
 * call is always carried out; only its answer is held back, which is how a time-out of a write that landed looks to the caller.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { PassThrough, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Agent, type Dispatcher, request } from 'undici';

export type Passed = { method: string; path: string; body: string; status: number; lost: boolean };

/** `hang`: the caller waits until it gives up; `cut`: its connection breaks once the call was carried out */
export type Loss = 'hang' | 'cut';

export type ProxyOptions = {
  /** where calls go, e.g. `https://127.0.0.1:6443` */
  to: string;
  /** PEM to trust when `to` is https */
  ca?: string;
  /** keep bodies of requests whose path matches; others are passed through unread */
  record?: RegExp;
};

export class LoopbackProxy {
  readonly url: string;
  /** every call whose answer began, in the order of the answers; watches as well */
  readonly passed: Passed[] = [];
  readonly #options: ProxyOptions;
  readonly #server: Server;
  readonly #agent: Agent;
  readonly #sockets = new Set<Socket>();
  #lateMs = 0;
  #lose: ((method: string, path: string) => Loss | null) | null = null;

  private constructor(options: ProxyOptions, server: Server, port: number) {
    this.#options = options;
    this.#server = server;
    this.url = `http://127.0.0.1:${port}`;
    this.#agent = new Agent({
      ...(options.ca === undefined ? {} : { connect: { ca: options.ca } }),
      headersTimeout: 120_000,
      bodyTimeout: 0,
    });
    server.on('request', (incoming, outgoing) => {
      this.#pass(incoming, outgoing).catch(() => outgoing.destroy());
    });
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  static async start(options: ProxyOptions): Promise<LoopbackProxy> {
    const server = createServer({ keepAliveTimeout: 120_000, requestTimeout: 0 });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', resolve);
    });
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
    return new LoopbackProxy(options, server, address.port);
  }

  /** From now on `choose` says of each call whether its answer is lost; null ends that. */
  lose(choose: ((method: string, path: string) => Loss | null) | null): void {
    this.#lose = choose;
  }

  /** From now on what a watch sends arrives this much later, in order; 0 ends that. */
  delayWatches(ms: number): void {
    this.#lateMs = ms;
  }

  /** calls of Bindings so far, answered or lost */
  bindings(): Passed[] {
    return this.passed.filter(({ path }) => endsIn('binding', path));
  }

  /** number of calls so far whose path ends in `/verb` */
  count(verb: string): number {
    return this.passed.filter(({ path }) => endsIn(verb, path)).length;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    await this.#agent.destroy();
  }

  async #pass(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const method = incoming.method ?? 'GET';
    const path = incoming.url ?? '/';
    const abort = new AbortController();
    outgoing.once('close', () => abort.abort());
    const body = method === 'GET' ? null : await read(incoming);
    const loss = this.#lose?.(method, path) ?? null;
    const { host: _, connection: __, 'content-length': ___, 'transfer-encoding': ____, ...headers } = incoming.headers;
    const answer = await request(`${this.#options.to}${path}`, {
      method: method as Dispatcher.HttpMethod,
      headers,
      body,
      dispatcher: this.#agent,
      // A call whose answer is lost is carried out even when its caller gave up meanwhile.
      ...(loss === null ? { signal: abort.signal } : {}),
    });
    const recorded = this.#options.record?.test(path) ? (body?.toString('utf8') ?? '') : '';
    this.passed.push({ method, path, body: recorded, status: answer.statusCode, lost: loss !== null });
    if (loss !== null) {
      await answer.body.dump();
      if (loss === 'cut') outgoing.destroy();
      return;
    }
    const { connection: _____, ...answered } = answer.headers;
    outgoing.writeHead(answer.statusCode, answered as NodeJS.Dict<string | string[]>);
    // Headers of a watch must go out before its first event.
    outgoing.flushHeaders();
    await pipeline(answer.body, path.includes('watch=true') ? this.#late() : new PassThrough(), outgoing);
  }

  #late(): Transform {
    const lateMs = (): number => this.#lateMs;
    return new Transform({
      async transform(chunk, _encoding, done) {
        if (lateMs() > 0) await new Promise((resolve) => setTimeout(resolve, lateMs()));
        done(null, chunk);
      },
    });
  }
}

/** the last part of a path, whatever query follows it */
export function endsIn(last: string, path: string): boolean {
  return path.split('?', 1)[0]?.endsWith(`/${last}`) ?? false;
}

async function read(incoming: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
