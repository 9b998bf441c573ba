/**
 * One collection (`/api/v1/pods`) of an API server over real HTTP on loopback, with a switch for every fault a reflector must
 * survive: lost history, expired tokens, broken and silent streams, repeats, garbage, refusals.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export type FakePod = {
  metadata: { uid: string; namespace: string; name: string; resourceVersion: string };
  spec: Record<string, unknown>;
};
type Event = { resourceVersion: number; type: string; object: unknown };

export class ApiDouble {
  readonly requests: URL[] = [];
  readonly userAgents: string[] = [];
  /** how `sendInitialEvents` is met: served, refused with 422, or ignored as servers before 1.27 do */
  watchList: 'served' | 'refused' | 'ignored' = 'served';
  /** answers instead of the double when it returns true */
  intercept: (url: URL, response: ServerResponse, request: IncomingMessage) => boolean = () => false;
  readonly #pods = new Map<string, FakePod>();
  readonly #snapshots = new Map<number, FakePod[]>();
  #events: Event[] = [];
  #resourceVersion = 100;
  #compactedAt = 0;
  #uid = 0;
  readonly #watches = new Set<ServerResponse>();
  readonly #server: Server = createServer((request, response) => this.#serve(request, response));

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get watches(): number {
    return this.#watches.size;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  put(name: string, spec: Record<string, unknown> = {}): FakePod {
    this.#resourceVersion += 1;
    const known = this.#pods.get(name);
    if (known === undefined) this.#uid += 1;
    const uid = known?.metadata.uid ?? `uid-${this.#uid}`;
    const pod = { metadata: { uid, namespace: 'default', name, resourceVersion: String(this.#resourceVersion) }, spec };
    this.#pods.set(name, pod);
    this.#emit(known === undefined ? 'ADDED' : 'MODIFIED', pod);
    return pod;
  }

  delete(name: string): void {
    const pod = this.#pods.get(name);
    if (pod === undefined) throw new Error(`no pod ${name}`);
    this.#pods.delete(name);
    this.#resourceVersion += 1;
    const metadata = { ...pod.metadata, resourceVersion: String(this.#resourceVersion) };
    this.#emit('DELETED', { ...pod, metadata });
  }

  /** History up to now is gone: older watches and tokens answer 410. */
  compact(): void {
    this.#resourceVersion += 1;
    this.#compactedAt = this.#resourceVersion;
    this.#events = [];
    this.#snapshots.clear();
  }

  bookmark(): void {
    this.#resourceVersion += 1;
    this.raw(`${JSON.stringify(bookmark(this.#resourceVersion))}\n`);
  }

  /** Straight into every open watch. */
  raw(text: string | Buffer): void {
    for (const watch of this.#watches) watch.write(text);
  }

  breakWatches(): void {
    for (const watch of this.#watches) watch.destroy();
    this.#watches.clear();
  }

  endWatches(): void {
    for (const watch of this.#watches) watch.end();
    this.#watches.clear();
  }

  requestsOf(kind: 'list' | 'watch'): URL[] {
    return this.requests.filter((url) => url.searchParams.has('watch') === (kind === 'watch'));
  }

  /** `name@resourceVersion` of everything, sorted */
  state(): string[] {
    return [...this.#pods.values()].map(({ metadata }) => `${metadata.name}@${metadata.resourceVersion}`).sort();
  }

  #emit(type: string, object: unknown): void {
    const event = { resourceVersion: this.#resourceVersion, type, object };
    this.#events.push(event);
    this.raw(`${JSON.stringify({ type, object })}\n`);
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'http://double');
    this.requests.push(url);
    this.userAgents.push(request.headers['user-agent'] ?? '');
    if (this.intercept(url, response, request)) return;
    if (url.searchParams.has('watch')) this.#watch(url.searchParams, response);
    else this.#list(url.searchParams, response);
  }

  #list(query: URLSearchParams, response: ServerResponse): void {
    const limit = Number(query.get('limit') ?? '1000000');
    const token = query.get('continue');
    const [version, offset] = token === null ? [this.#resourceVersion, 0] : (JSON.parse(token) as [number, number]);
    if (token === null) this.#snapshots.set(version, [...this.#pods.values()]);
    const snapshot = this.#snapshots.get(version);
    if (snapshot === undefined) {
      sendStatus(response, 410, 'Expired', 'The provided continue parameter is too old');
      return;
    }
    const next = offset + limit < snapshot.length ? JSON.stringify([version, offset + limit]) : '';
    sendJson(response, 200, {
      kind: 'PodList',
      apiVersion: 'v1',
      metadata: { resourceVersion: String(version), continue: next },
      items: snapshot.slice(offset, offset + limit),
    });
  }

  #watch(query: URLSearchParams, response: ServerResponse): void {
    const initial = query.get('sendInitialEvents') === 'true';
    if (initial && this.watchList === 'refused') {
      sendStatus(response, 422, 'Invalid', 'sendInitialEvents is forbidden for watch');
      return;
    }
    const from = query.get('resourceVersion');
    if (from !== null && Number(from) < this.#compactedAt) {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(
        `${JSON.stringify({ type: 'ERROR', object: status(410, 'Expired', 'too old resource version') })}\n`,
      );
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    if (from === null) {
      for (const object of this.#pods.values()) response.write(`${JSON.stringify({ type: 'ADDED', object })}\n`);
      if (initial && this.watchList === 'served') {
        response.write(`${JSON.stringify(bookmark(this.#resourceVersion, { 'k8s.io/initial-events-end': 'true' }))}\n`);
      }
    } else {
      for (const { resourceVersion, type, object } of this.#events) {
        if (resourceVersion > Number(from)) response.write(`${JSON.stringify({ type, object })}\n`);
      }
    }
    this.#watches.add(response);
    response.on('close', () => this.#watches.delete(response));
  }
}

export function sendStatus(
  response: ServerResponse,
  code: number,
  reason: string,
  message: string,
  headers: Record<string, string> = {},
): void {
  sendJson(response, code, status(code, reason, message), headers);
}

function sendJson(response: ServerResponse, code: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(code, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(body));
}

const status = (code: number, reason: string, message: string): object => ({
  kind: 'Status',
  apiVersion: 'v1',
  status: 'Failure',
  code,
  reason,
  message,
});

const bookmark = (resourceVersion: number, annotations: Record<string, string> = {}): object => ({
  type: 'BOOKMARK',
  object: { kind: 'Pod', metadata: { resourceVersion: String(resourceVersion), annotations } },
});
