/** How one list or watch ended, and what that asks for: nothing, another try after a pause, or a list. */
import { ReflectorError, TransportError } from './errors.ts';
import type { KubeStream } from './ports.ts';
import { type KubeStatus, readStatus } from './status-error.ts';

export type Outcome =
  | { readonly kind: 'ended' }
  /** what was known of the server's history is worth nothing any more */
  | { readonly kind: 'relist'; readonly error: ReflectorError }
  /** refused: the server answered, and said no */
  | {
      readonly kind: 'failed';
      readonly error: ReflectorError;
      readonly retryAfterSeconds: number | null;
      readonly refused: boolean;
    };

type Fault = Exclude<Outcome, { kind: 'ended' }>;

export const ENDED: Outcome = { kind: 'ended' };

const LONGEST_ERROR_BODY = 64 * 1024;

export const failed = (error: ReflectorError): Fault => ({
  kind: 'failed',
  error,
  retryAfterSeconds: null,
  refused: false,
});

/** The server said no. `what` begins the message; `ahead`: it has not reached the resourceVersion asked for. */
export function refused(what: string, status: KubeStatus, ahead = false): Fault {
  const message = `${what}: ${[status.code, status.reason, status.message].filter(Boolean).join(' ')}`;
  if (status.code === 410 || status.reason === 'Expired' || status.reason === 'Gone' || ahead) {
    return { kind: 'relist', error: new ReflectorError('expired', message) };
  }
  const { retryAfterSeconds } = status;
  return { kind: 'failed', error: new ReflectorError('status', message), retryAfterSeconds, refused: true };
}

export function thrown(what: string, error: unknown): Fault {
  const message = `${what}: ${error instanceof Error ? error.message : String(error)}`;
  // anything unexpected may have left the stream half read: only a list makes that good
  if (!(error instanceof TransportError)) {
    return { kind: 'relist', error: new ReflectorError('decode', message, { cause: error }) };
  }
  return failed(new ReflectorError('transport', message, { cause: error }));
}

/** The Status that came instead of a stream; read only so far as it may be useful. */
export async function statusOf(stream: KubeStream): Promise<KubeStatus> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of stream.chunks) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > LONGEST_ERROR_BODY) break;
    }
  } catch {
    // the status code alone is enough
  }
  stream.abort();
  return readStatus({
    status: stream.status,
    body: Buffer.concat(chunks),
    retryAfterSeconds: stream.retryAfterSeconds ?? null,
  });
}
