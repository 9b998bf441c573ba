/**
 * What the Secret of certificates holds, and how it moves on. One step at a time, each safe to be the last one for a while:
 *
 *   steady ──(authority past 2/3)──► next authority beside it: both in the caBundle, the old one still signs
 *          ──(an hour later, caBundle seen written)──► promoted: the new one signs a new serving certificate, the old one
 *            stays in the caBundle for replicas that still serve the old certificate
 *          ──(an hour later)──► the old one is dropped: steady
 *   steady ──(serving certificate past 2/3)──► signed anew by the same authority; nobody else notices
 */
import { createPublicKey, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { BACKDATED_MS, issueServing, makeAuthority } from '../kube/authority.ts';
import { isPair, type ServingCertificate } from './serving-certificates.ts';

export type CertificateState = {
  readonly authority: ServingCertificate;
  readonly serving: ServingCertificate;
  /** trusted, but signs nothing yet */
  readonly next: ServingCertificate | null;
  /** PEM, trusted, but signs nothing any more */
  readonly previous: string | null;
};

export type CertificateStep = 'announce-authority' | 'promote-authority' | 'drop-authority' | 'renew-serving';

/** Replicas read the Secret and API servers the configuration within seconds; an hour forgives a lot. */
export const OVERLAP_MS = 60 * 60_000;

export async function makeState(hosts: readonly string[], nowMs: number): Promise<CertificateState> {
  const authority = await makeAuthority(nowMs);
  return { authority, serving: await issueServing(authority, hosts, nowMs), next: null, previous: null };
}

/** null: nothing is due. `published`: the caBundle was seen to hold all of `bundleOf(state)`. */
export function dueStep(state: CertificateState, nowMs: number, published: boolean): CertificateStep | null {
  if (state.next !== null) {
    if (published && nowMs >= madeAt(state.next.certificate) + OVERLAP_MS) return 'promote-authority';
  } else if (state.previous !== null) {
    if (published && nowMs >= madeAt(state.serving.certificate) + OVERLAP_MS) return 'drop-authority';
  } else if (isDue(state.authority.certificate, nowMs)) return 'announce-authority';
  return isDue(state.serving.certificate, nowMs) ? 'renew-serving' : null;
}

export async function take(
  step: CertificateStep,
  state: CertificateState,
  hosts: readonly string[],
  nowMs: number,
): Promise<CertificateState> {
  switch (step) {
    case 'announce-authority':
      return { ...state, next: await makeAuthority(nowMs) };
    case 'promote-authority': {
      const authority = state.next ?? state.authority;
      const serving = await issueServing(authority, hosts, nowMs);
      return { authority, serving, next: null, previous: state.authority.certificate };
    }
    case 'drop-authority':
      return { ...state, previous: null };
    case 'renew-serving':
      return { ...state, serving: await issueServing(state.authority, hosts, nowMs) };
  }
}

/** PEM of every authority that may have signed what a replica serves now or soon. */
export function bundleOf({ authority, next, previous }: CertificateState): string {
  return [authority.certificate, next?.certificate, previous]
    .flatMap((pem) => (pem === null || pem === undefined ? [] : [`${pem.trim()}\n`]))
    .join('');
}

const KEYS = {
  authority: ['ca.crt', 'ca.key'],
  serving: ['tls.crt', 'tls.key'],
  next: ['next-ca.crt', 'next-ca.key'],
  previous: 'previous-ca.crt',
} as const;

/** `data` of the Secret: base64 values. */
export function encodeState(state: CertificateState): Record<string, string> {
  const data: Record<string, string> = {};
  for (const name of ['authority', 'serving', 'next'] as const) {
    const pair = state[name];
    if (pair === null) continue;
    data[KEYS[name][0]] = base64(pair.certificate);
    data[KEYS[name][1]] = base64(pair.key);
  }
  if (state.previous !== null) data[KEYS.previous] = base64(state.previous);
  return data;
}

/** null when it cannot be served: something is missing, unreadable, expired, for other hosts or signed by somebody else. */
export function decodeState(
  data: Readonly<Record<string, unknown>>,
  hosts: readonly string[],
  nowMs: number,
): CertificateState | null {
  const text = (key: string): string => {
    const value = Object.hasOwn(data, key) ? data[key] : undefined;
    return typeof value === 'string' ? Buffer.from(value, 'base64').toString('utf8') : '';
  };
  const pair = ([certificate, key]: readonly [string, string]) => ({ certificate: text(certificate), key: text(key) });
  const authority = pair(KEYS.authority);
  const serving = pair(KEYS.serving);
  if (!isPair(authority) || !isPair(serving) || !isIssued(serving.certificate, authority.certificate, hosts))
    return null;
  if (nowMs >= endOf(authority.certificate)) return null;
  const next = pair(KEYS.next);
  const previous = text(KEYS.previous);
  return { authority, serving, next: isPair(next) ? next : null, previous: isCertificate(previous) ? previous : null };
}

function isIssued(certificate: string, authority: string, hosts: readonly string[]): boolean {
  const [leaf, issuer] = [new X509Certificate(certificate), new X509Certificate(authority)];
  return (
    leaf.verify(createPublicKey(authority)) &&
    leaf.checkIssued(issuer) &&
    hosts.every((host) => (isIP(host) === 0 ? leaf.checkHost(host) : leaf.checkIP(host)) !== undefined)
  );
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).ca;
  } catch {
    return false;
  }
}

/** Past two thirds of its life. */
function isDue(pem: string, nowMs: number): boolean {
  const start = madeAt(pem);
  return nowMs >= start + Math.floor(((endOf(pem) - start) * 2) / 3);
}

const madeAt = (pem: string): number => new X509Certificate(pem).validFromDate.getTime() + BACKDATED_MS;
const endOf = (pem: string): number => new X509Certificate(pem).validToDate.getTime();
const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');
