/** Reads the Status object that the API server sends with every refusal. */
import type { KubeResponse } from './ports.ts';

const LONGEST_MESSAGE = 500;

export type KubeStatus = {
  /** HTTP status code */
  readonly code: number;
  /** machine-readable, e.g. `NotFound`, `Conflict`, `Expired`; '' when the body is no Status (a proxy answered) */
  readonly reason: string;
  /** for people, at most 500 characters; never empty */
  readonly message: string;
  /** how long the server asks to wait, from the header or the Status; null when it does not say */
  readonly retryAfterSeconds: number | null;
};

/** Never throws: a body that is no Status gives an empty reason and a text that says so. */
export function readStatus(response: Pick<KubeResponse, 'status' | 'body' | 'retryAfterSeconds'>): KubeStatus {
  const status = parseStatus(response.body);
  return {
    code: typeof status?.code === 'number' ? status.code : response.status,
    reason: bounded(status?.reason, 100),
    message: bounded(status?.message, LONGEST_MESSAGE) || `HTTP status ${response.status}`,
    retryAfterSeconds: response.retryAfterSeconds ?? detailsRetryAfter(status),
  };
}

function parseStatus(body: Buffer): Record<string, unknown> | null {
  // a Status is small; a large body is something else and not worth parsing
  if (body.length > 1024 * 1024) return null;
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    if (typeof value !== 'object' || value === null) return null;
    const status = value as Record<string, unknown>;
    return status.kind === 'Status' ? status : null;
  } catch {
    return null;
  }
}

function detailsRetryAfter(status: Record<string, unknown> | null): number | null {
  const details = status?.details;
  if (typeof details !== 'object' || details === null) return null;
  const seconds = (details as Record<string, unknown>).retryAfterSeconds;
  return typeof seconds === 'number' && seconds > 0 ? seconds : null;
}

function bounded(value: unknown, longest: number): string {
  if (typeof value !== 'string') return '';
  return value.length > longest ? `${value.slice(0, longest - 1)}…` : value;
}
