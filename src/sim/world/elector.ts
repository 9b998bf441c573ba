/**
 * Leader election of kube-scheduler as client-go does it: a Lease, renewed every `retryMs`; whoever cannot renew it for
 * `renewDeadlineMs` gives up (kube-scheduler exits), whoever sees it unchanged for `leaseDurationMs` takes it. Ages are measured
 * by the own monotonic clock, renewTime is the own wall clock.
 */

import { leasesPath } from '../../kube/lease.ts';
import type { Clock, KubeResponse, Transport } from '../../kube/ports.ts';

export const LEASE = { namespace: 'kube-system', name: 'muster-scheduler' } as const;
const LEASE_DURATION_MS = 15_000;
const RENEW_DEADLINE_MS = 10_000;
const RETRY_MS = 2_000;
const CALL_TIMEOUT_MS = 5_000;

export type ElectorOptions = {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly identity: string;
  readonly onLeading: () => void;
  readonly onLost: () => void;
};

type Spec = { holderIdentity?: string; leaseTransitions?: number; acquireTime?: string; renewTime?: string };
type Lease = { metadata: { name: string; namespace: string; resourceVersion?: string }; spec: Spec };

export class Elector {
  readonly #options: ElectorOptions;
  #observed: Lease | null = null;
  #observedAt = 0;

  constructor(options: ElectorOptions) {
    this.#options = options;
  }

  /** Runs until the Lease is lost. */
  async run(): Promise<void> {
    const { clock, onLeading, onLost } = this.#options;
    while (!(await this.#try())) await this.#pause();
    onLeading();
    let deadline = clock.monotonic() + RENEW_DEADLINE_MS;
    for (;;) {
      await this.#pause();
      if (await this.#try()) deadline = clock.monotonic() + RENEW_DEADLINE_MS;
      else if (clock.monotonic() >= deadline) break;
    }
    onLost();
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => this.#options.clock.after(RETRY_MS, resolve));
  }

  /** True when the Lease is ours now. */
  async #try(): Promise<boolean> {
    const { clock, identity } = this.#options;
    const path = `${leasesPath(LEASE.namespace)}/${LEASE.name}`;
    const now = new Date(clock.now()).toISOString().replace('Z', '000Z');
    const ours = this.#observed?.spec.holderIdentity === identity;
    if (!ours || clock.monotonic() - this.#observedAt > LEASE_DURATION_MS) {
      const found = await this.#call('GET', path);
      if (found?.status === 404) {
        const created = await this.#call('POST', leasesPath(LEASE.namespace), this.#lease(null, now));
        return this.#took(created);
      }
      if (found?.status !== 200) return false;
      this.#observe(JSON.parse(found.body.toString()) as Lease);
    }
    const observed = this.#observed!;
    const holder = observed.spec.holderIdentity ?? '';
    const fresh = clock.monotonic() - this.#observedAt < LEASE_DURATION_MS;
    if (holder !== '' && holder !== identity && fresh) return false;
    const put = await this.#call('PUT', path, this.#lease(observed, now));
    if (this.#took(put)) return true;
    // somebody else wrote it, or nobody knows: look before the next try
    if (put === null || put.status === 409) this.#forget();
    return false;
  }

  #took(answer: KubeResponse | null): boolean {
    if (answer === null || answer.status >= 300) return false;
    this.#observe(JSON.parse(answer.body.toString()) as Lease);
    return true;
  }

  /** The record is looked up anew; what was seen of others counts on. */
  #forget(): void {
    if (this.#observed !== null)
      this.#observed = { ...this.#observed, spec: { ...this.#observed.spec, holderIdentity: '?' } };
  }

  #observe(lease: Lease): void {
    const { holderIdentity, renewTime } = this.#observed?.spec ?? {};
    if (lease.spec.holderIdentity !== holderIdentity || lease.spec.renewTime !== renewTime)
      this.#observedAt = this.#options.clock.monotonic();
    this.#observed = lease;
  }

  #lease(old: Lease | null, now: string): Lease {
    const { identity } = this.#options;
    const kept = old?.spec.holderIdentity === identity;
    const transitions = old?.spec.leaseTransitions ?? 0;
    return {
      metadata: {
        ...LEASE,
        ...(old?.metadata.resourceVersion !== undefined && { resourceVersion: old.metadata.resourceVersion }),
      },
      spec: {
        holderIdentity: identity,
        renewTime: now,
        acquireTime: kept ? (old.spec.acquireTime ?? now) : now,
        leaseTransitions: kept || old === null ? transitions : transitions + 1,
        ...{ leaseDurationSeconds: LEASE_DURATION_MS / 1000 },
      },
    };
  }

  async #call(method: 'GET' | 'POST' | 'PUT', path: string, body?: Lease): Promise<KubeResponse | null> {
    try {
      return await this.#options.transport.request({ method, path, body, timeoutMs: CALL_TIMEOUT_MS });
    } catch {
      return null;
    }
  }
}
