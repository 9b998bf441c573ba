/** Calls of a controller: JSON in, JSON out, refusals as errors with their code. */
import type { KubeMethod, Transport } from '../../kube/ports.ts';
import { readStatus } from '../../kube/status-error.ts';
import type { KubeObject } from '../api/object.ts';

const TIMEOUT_MS = 10_000;

export class CallError extends Error {
  override readonly name = 'CallError';
  /** HTTP status */
  readonly code: number;
  readonly reason: string;
  /** the server's words alone */
  readonly status: string;

  constructor(call: string, code: number, reason: string, message: string) {
    super(`${call}: ${message}`);
    this.status = message;
    this.code = code;
    this.reason = reason;
  }
}

export class Calls {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Throws CallError for refusals, TransportError without an answer. */
  async call(method: KubeMethod, path: string, body?: unknown, contentType?: string): Promise<KubeObject> {
    const request = { method, path, timeoutMs: TIMEOUT_MS, ...(body === undefined ? {} : { body }) };
    const answer = await this.#transport.request(contentType === undefined ? request : { ...request, contentType });
    if (answer.status < 300) return JSON.parse(answer.body.toString()) as KubeObject;
    const status = readStatus(answer);
    throw new CallError(`${method} ${path}`, answer.status, status.reason, status.message);
  }

  /** Null for 404. */
  async find(path: string): Promise<KubeObject | null> {
    return absentWhenGone(this.call('GET', path));
  }
}

/** Null when what was called is not there (any more). */
export async function absentWhenGone<T>(call: Promise<T>): Promise<T | null> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof CallError && error.code === 404) return null;
    throw error;
  }
}
