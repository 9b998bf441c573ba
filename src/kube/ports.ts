/**
 * The outside comes in through these. Nothing above the adapters (`*-adapter` files of this folder) calls Date.now,
 * setTimeout, Math.random or the network itself, so that a simulator can own time, chance and the wire.
 */
export type Timer = { cancel(): void };

export interface Clock {
  /** wall clock, ms since the epoch */
  now(): number;
  /** monotonic ms, for durations and deadlines */
  monotonic(): number;
  after(ms: number, run: () => void): Timer;
}

export interface Rng {
  /** uniform in [0, 1) */
  next(): number;
}

export type KubeMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export type KubeRequest = {
  method: KubeMethod;
  /** absolute path with query, e.g. `/api/v1/pods?limit=500` */
  path: string;
  /** sent as JSON unless it is already a Buffer */
  body?: unknown;
  /** default application/json; patches name theirs */
  contentType?: string;
  /** from call to last byte of the answer; required: nothing waits for ever */
  timeoutMs: number;
};

export type KubeResponse = {
  status: number;
  body: Buffer;
  /** seconds, from the Retry-After header; null without one */
  retryAfterSeconds: number | null;
};

export type KubeStream = {
  status: number;
  /** seconds, from the Retry-After header; null or absent without one */
  retryAfterSeconds?: number | null;
  /** chunks as they arrive; ends when the server ends, throws TransportError when broken */
  chunks: AsyncIterable<Buffer>;
  abort(): void;
};

/** One connection pool to one API server. Resolves for every HTTP status; rejects with TransportError only. */
export interface Transport {
  request(request: KubeRequest): Promise<KubeResponse>;
  /** timeoutMs bounds the time to the answer's headers only */
  stream(request: KubeRequest): Promise<KubeStream>;
  close(): Promise<void>;
}
