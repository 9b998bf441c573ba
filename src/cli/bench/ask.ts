/** Asks an extender for dry decisions, so many at a time, until a number or a time is reached. */
import { Pool } from 'undici';
import { UsageError } from '../errors.ts';

export const DRY_PATH = '/debug/decide';
const TIMEOUT_MS = 10_000;
/** calls before the clock starts: connections, and code that is compiled */
const WARM_UP = 20;

export type Parts = { readonly read: number; readonly decide: number; readonly reply: number };
export type Call = {
  /** ms from the call to the last byte of its answer */
  readonly ms: number;
  /** ms of the extender's thread, as it says */
  readonly parts: Parts;
  readonly placed: boolean;
  /** nodes that refused, by reason; empty for a pod that was placed */
  readonly refusals: ReadonlyMap<string, number>;
};

export type AskOptions = {
  readonly url: URL;
  readonly bodies: readonly Buffer[];
  readonly calls: number;
  readonly seconds: number;
  readonly callers: number;
};

export type Asking = { readonly calls: readonly Call[]; readonly seconds: number };

/** Throws UsageError with what to do: nobody there, not deciding, an extender that knows no dry decisions. */
export async function ask({ url, bodies, calls, seconds, callers }: AskOptions): Promise<Asking> {
  const pool = new Pool(url.origin, { connections: callers, headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS });
  const path = `${url.pathname.replace(/\/$/, '')}${DRY_PATH}`;
  const one = async (at: number): Promise<Call> => {
    const begun = performance.now();
    const { statusCode, headers, body } = await pool
      .request({
        method: 'POST',
        path,
        headers: { 'content-type': 'application/json' },
        body: bodies[at % bodies.length]!,
      })
      .catch((error: unknown) => {
        throw new UsageError(
          `no extender answers at ${url.origin} (${causeOf(error)}): give its address with --url, or run this in its pod (muster bench --help)`,
        );
      });
    const text = await body.text();
    const ms = performance.now() - begun;
    if (statusCode !== 200) throw refusedCall(statusCode, text, url);
    return { ms, parts: partsOf(String(headers['server-timing'] ?? '')), ...readReply(text, url) };
  };
  try {
    for (let at = 0; at < Math.min(WARM_UP, bodies.length); at++) await one(at);
    const done: Call[] = [];
    const begun = performance.now();
    const until = begun + 1000 * seconds;
    let next = 0;
    const caller = async (): Promise<void> => {
      for (let at = next++; at < calls && performance.now() < until; at = next++) done.push(await one(at));
    };
    await Promise.all(Array.from({ length: callers }, caller));
    return { calls: done, seconds: (performance.now() - begun) / 1000 };
  } finally {
    await pool.destroy();
  }
}

function refusedCall(status: number, text: string, { origin }: URL): UsageError {
  if (status === 404)
    return new UsageError(
      `${origin} takes no dry decisions: they are for callers on its own machine (kubectl exec or port-forward), from this version on`,
    );
  if (status === 503)
    return new UsageError(
      `the extender at ${origin} is not deciding: ask the replica whose kube-scheduler leads (curl '${origin}/readyz' says who), or wait until it has synced`,
    );
  return new UsageError(`${origin} answered ${status}: ${text.trim().slice(0, 300)}`);
}

type Reply = {
  NodeNames: string[] | null;
  FailedNodes?: Record<string, string>;
  FailedAndUnresolvableNodes?: Record<string, string>;
  Error?: string;
};

function readReply(text: string, { origin }: URL): Pick<Call, 'placed' | 'refusals'> {
  let reply: Reply;
  try {
    reply = JSON.parse(text) as Reply;
  } catch {
    throw new UsageError(`${origin} answered, but not as an extender does; is --url right?`);
  }
  const placed = (reply.NodeNames ?? []).length > 0;
  const refusals = new Map<string, number>();
  if (!placed) {
    for (const failed of [reply.FailedNodes ?? {}, reply.FailedAndUnresolvableNodes ?? {}])
      for (const reason of Object.values(failed)) refusals.set(reason, (refusals.get(reason) ?? 0) + 1);
  }
  return { placed, refusals };
}

function partsOf(timing: string): Parts {
  const of = (part: string): number => Number(new RegExp(`${part};dur=([\\d.]+)`).exec(timing)?.[1] ?? Number.NaN);
  return { read: of('read'), decide: of('decide'), reply: of('reply') };
}

function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? String(error.code) : '';
  return code === 'ECONNREFUSED' ? 'connection refused' : code || error.message;
}
