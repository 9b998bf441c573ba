/** A Lease of coordination.k8s.io as we read it: who leads, and how fresh that is. We only watch; kube-scheduler writes. */
import type { Projection } from './decoder.ts';

export type LeaseFacts = {
  /** '' while nobody holds it */
  readonly holderIdentity: string;
  /** ms since the epoch by the holder's clock; null before the first renewal */
  readonly renewTimeMs: number | null;
  readonly leaseDurationSeconds: number;
  readonly leaseTransitions: number;
};

/** Path of the collection; watch one with `fieldSelector: leaseSelector(name)`. */
export const leasesPath = (namespace: string): string =>
  `/apis/coordination.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/leases`;
export const leaseSelector = (name: string): string => `metadata.name=${name}`;

export const projectLease: Projection<LeaseFacts> = (object) => {
  if (typeof object !== 'object' || object === null) return null;
  const spec = (object as { spec?: unknown }).spec ?? {};
  if (typeof spec !== 'object') return null;
  const { holderIdentity, renewTime, leaseDurationSeconds, leaseTransitions } = spec as Record<string, unknown>;
  // MicroTime has six fractional digits; ms are enough here and Date.parse takes both
  const renewTimeMs = typeof renewTime === 'string' ? Date.parse(renewTime) : null;
  if (Number.isNaN(renewTimeMs)) return null;
  return {
    holderIdentity: typeof holderIdentity === 'string' ? holderIdentity : '',
    renewTimeMs,
    leaseDurationSeconds: Number.isInteger(leaseDurationSeconds) ? (leaseDurationSeconds as number) : 0,
    leaseTransitions: Number.isInteger(leaseTransitions) ? (leaseTransitions as number) : 0,
  };
};
