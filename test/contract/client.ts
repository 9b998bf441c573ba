/** The few calls that contract cases make, over any Transport, with answers as plain JSON. */
import { PATCH_TYPE } from '../../src/kube/patch.ts';
import type { KubeMethod, KubeStream, Transport } from '../../src/kube/ports.ts';
import { arrayAt, isObject, type JsonObject, type KubeObject, objectAt, textAt } from '../../src/sim/api/object.ts';

export type Answer = { status: number; body: KubeObject; retryAfterSeconds: number | null };
export type WatchEvent = { type: string; object: KubeObject };

const TIMEOUT_MS = 20_000;

export class Client {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  async call(method: KubeMethod, path: string, body?: unknown, contentType?: string): Promise<Answer> {
    const request = { method, path, timeoutMs: TIMEOUT_MS, body, ...(contentType ? { contentType } : {}) };
    const answer = await this.#transport.request(request);
    const text = answer.body.toString();
    const parsed: unknown = text.startsWith('{') ? JSON.parse(text) : { text };
    return { status: answer.status, body: parsed as KubeObject, retryAfterSeconds: answer.retryAfterSeconds };
  }

  get(path: string): Promise<Answer> {
    return this.call('GET', path);
  }

  strategic(path: string, patch: unknown): Promise<Answer> {
    return this.call('PATCH', path, patch, PATCH_TYPE.strategic);
  }

  /** Like `call`, but fails the test when the answer is not a success. */
  async must(method: KubeMethod, path: string, body?: unknown, contentType?: string): Promise<KubeObject> {
    const answer = await this.call(method, path, body, contentType);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${textAt(answer.body, 'message')}`);
    return answer.body;
  }

  async watch(path: string): Promise<Watch> {
    return new Watch(await this.#transport.stream({ method: 'GET', path, timeoutMs: TIMEOUT_MS }));
  }

  close(): Promise<void> {
    return this.#transport.close();
  }
}

export class Watch {
  readonly status: number;
  readonly #stream: KubeStream;
  readonly #events: AsyncIterator<WatchEvent>;

  constructor(stream: KubeStream) {
    this.status = stream.status;
    this.#stream = stream;
    this.#events = events(stream)[Symbol.asyncIterator]();
  }

  /** The next event; null at the end of the stream. */
  async next(): Promise<WatchEvent | null> {
    const result = await this.#events.next();
    return result.done ? null : result.value;
  }

  /** Events up to and including the first one that `last` is true for. */
  async until(last: (event: WatchEvent) => boolean): Promise<WatchEvent[]> {
    const seen: WatchEvent[] = [];
    for (;;) {
      const event = await this.next();
      if (event === null) throw new Error(`the watch ended after ${seen.length} events`);
      seen.push(event);
      if (last(event)) return seen;
    }
  }

  abort(): void {
    this.#stream.abort();
  }
}

async function* events(stream: KubeStream): AsyncGenerator<WatchEvent> {
  let rest = '';
  for await (const chunk of stream.chunks) {
    rest += chunk.toString();
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line !== '') yield JSON.parse(line) as WatchEvent;
  }
}

export function items(list: KubeObject): KubeObject[] {
  return arrayAt(list, 'items').filter(isObject) as KubeObject[];
}

export function condition(object: KubeObject, type: string): JsonObject {
  return (arrayAt(object.status, 'conditions').find((one) => textAt(one, 'type') === type) ?? {}) as JsonObject;
}

export function listVersion(list: KubeObject): string {
  return textAt(objectAt(list, 'metadata'), 'resourceVersion');
}
