/** A `Transport` straight into the API, without sockets: for simulations on virtual time, and for tests that need no wire. */

import { TransportError } from '../../kube/errors.ts';
import type { KubeRequest, KubeResponse, KubeStream, Transport } from '../../kube/ports.ts';
import type { Api } from './api.ts';
import type { ApiRequest, ApiResponse, Streamed } from './wire.ts';

function toApiRequest(request: KubeRequest, component: string): ApiRequest {
  const { body } = request;
  return {
    method: request.method,
    path: request.path,
    contentType: request.contentType ?? 'application/json',
    component,
    body: body === undefined ? null : Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body)),
  };
}

/** Pieces pushed by the server, pulled by one reader. */
class Pieces implements AsyncIterableIterator<Buffer> {
  #waiting: ((result: IteratorResult<Buffer>) => void) | null = null;
  #pieces: Buffer[] = [];
  #ended = false;

  push(piece: string): void {
    const buffer = Buffer.from(piece);
    if (this.#waiting) this.#waiting({ value: buffer, done: false });
    else this.#pieces.push(buffer);
    this.#waiting = null;
  }

  finish(): void {
    this.#ended = true;
    this.#waiting?.({ value: undefined, done: true });
    this.#waiting = null;
  }

  next(): Promise<IteratorResult<Buffer>> {
    const piece = this.#pieces.shift();
    if (piece) return Promise.resolve({ value: piece, done: false });
    if (this.#ended) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

function open(streamed: Streamed): { pieces: Pieces; stop(): void } {
  const pieces = new Pieces();
  const running = streamed.start({ write: (piece) => pieces.push(piece), end: () => pieces.finish() });
  return {
    pieces,
    stop() {
      running.stop();
      pieces.finish();
    },
  };
}

async function whole(answer: ApiResponse): Promise<Buffer> {
  if (typeof answer.body === 'string') return Buffer.from(answer.body);
  const pieces: Buffer[] = [];
  for await (const piece of open(answer.body).pieces) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** @param component who calls, as a User-Agent would say it */
export function inProcess(api: Api, component = 'in-process'): Transport {
  const streams = new Set<{ stop(): void }>();
  let closed = false;
  const call = (request: KubeRequest) => {
    if (closed) throw new TransportError('aborted', 'the transport is closed');
    return api.handle(toApiRequest(request, component));
  };
  return {
    async request(request): Promise<KubeResponse> {
      const answer = await call(request);
      return { status: answer.status, body: await whole(answer), retryAfterSeconds: answer.retryAfterSeconds };
    },
    async stream(request): Promise<KubeStream> {
      const answer = await call(request);
      if (typeof answer.body === 'string') {
        const body = Buffer.from(answer.body);
        const once = async function* () {
          yield body;
        };
        return { status: answer.status, chunks: once(), abort() {} };
      }
      const running = open(answer.body);
      streams.add(running);
      return {
        status: answer.status,
        chunks: running.pieces,
        abort() {
          streams.delete(running);
          running.stop();
        },
      };
    },
    async close() {
      closed = true;
      for (const running of streams) running.stop();
    },
  };
}
