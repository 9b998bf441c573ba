/**
 * Who decides. The extender decides only while its own kube-scheduler holds the scheduler's Lease: the holder writes
 * `<hostname>_<uuid>`, and the part before the last `_` must be `schedulerIdentity`.
 *
 * A renewal counts from the moment at which we, by our own monotonic clock, saw renewTime change, less what renewTime says that
 * it is old by the wall clock. The holder shares our pod and so our clock; the clocks of two machines are never compared. So a
 * watch that stalled, or a process that was stopped and goes on with what had piled up, does not take an old renewal for a new
 * one. It is good for `renewDeadline`. What is read first after the start is no renewal. After the start, and whenever the holder or the count of transitions changed, nothing is decided for one call deadline,
 * so that calls of whoever decided before have ended.
 *
 * Why two never decide at once: let the last renewal of A be at T. A stops at T + renewDeadline, and its last call ends one
 * call deadline later. kube-scheduler lets B take the Lease at T + leaseDuration at the earliest, and B decides one call
 * deadline later. Assumed: clocks of two machines tick at the same rate, and one machine's wall clock is not set back by more than
 * leaseDuration − renewDeadline (5 s by default) while our watch is that late. Where that fails the uid precondition and the API
 * server's own refusal to bind twice still hold.
 */
import type { LeaseFacts } from '../kube/lease.ts';
import type { Clock, Timer } from '../kube/ports.ts';

export type LeadershipOptions = {
  readonly clock: Clock;
  /** `always`: a single scheduler without leader election */
  readonly mode: 'lease' | 'always';
  readonly schedulerIdentity: string;
  readonly renewDeadlineMs: number;
  readonly callDeadlineMs: number;
  /** called when `deciding` changed; also by time alone */
  readonly onChange?: (deciding: boolean) => void;
};

export class Leadership {
  readonly #options: LeadershipOptions;
  #last: LeaseFacts | null = null;
  /** monotonic ms before which nothing is decided */
  #from: number;
  /** monotonic ms from which on nothing is decided */
  #until = Number.NEGATIVE_INFINITY;
  #timer: Timer | null = null;
  #told = false;

  constructor(options: LeadershipOptions) {
    this.#options = options;
    this.#from = options.clock.monotonic() + options.callDeadlineMs;
    if (options.mode === 'always') this.#until = Number.POSITIVE_INFINITY;
    this.#settle();
  }

  get deciding(): boolean {
    const now = this.#options.clock.monotonic();
    return now >= this.#from && now < this.#until;
  }

  /** The Lease as the informer shows it, null when it is gone. */
  observe(lease: LeaseFacts | null): void {
    if (this.#options.mode === 'always') return;
    const { clock, schedulerIdentity, callDeadlineMs, renewDeadlineMs } = this.#options;
    const now = clock.monotonic();
    const before = this.#last;
    this.#last = lease;
    const ours = lease !== null && hostPart(lease.holderIdentity) === schedulerIdentity;
    if (!ours) {
      this.#until = Number.NEGATIVE_INFINITY;
      this.#settle();
      return;
    }
    const handedOver =
      before === null ||
      before.holderIdentity !== lease.holderIdentity ||
      before.leaseTransitions !== lease.leaseTransitions;
    if (handedOver) this.#from = now + callDeadlineMs;
    const renewed = before !== null && lease.renewTimeMs !== null && before.renewTimeMs !== lease.renewTimeMs;
    if (renewed) this.#until = now - Math.max(0, clock.now() - lease.renewTimeMs) + renewDeadlineMs;
    else if (handedOver) this.#until = Number.NEGATIVE_INFINITY;
    this.#settle();
  }

  /** One line for /readyz and the log. */
  get describe(): string {
    if (this.#options.mode === 'always') return this.deciding ? 'deciding (no Lease)' : 'not deciding: just started';
    if (this.deciding) return `deciding: ${this.#options.schedulerIdentity} holds the Lease`;
    if (this.#last === null) return 'not deciding: no Lease seen';
    if (hostPart(this.#last.holderIdentity) !== this.#options.schedulerIdentity) {
      return `not deciding: the Lease is held by ${JSON.stringify(this.#last.holderIdentity)}`;
    }
    return this.#options.clock.monotonic() < this.#until
      ? 'not deciding: waiting for one call deadline after start or takeover'
      : 'not deciding: no renewal of the Lease seen lately';
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#until = Number.NEGATIVE_INFINITY;
  }

  /** Tells of a change that has happened and sets the timer for the next one that time alone brings. */
  #settle(): void {
    this.#timer?.cancel();
    this.#timer = null;
    const { clock, onChange } = this.#options;
    const deciding = this.deciding;
    const now = clock.monotonic();
    const next = now < this.#from && this.#from < this.#until ? this.#from : deciding ? this.#until : null;
    if (next !== null && Number.isFinite(next)) {
      // a timer may fire a fraction of a ms early
      this.#timer = clock.after(Math.ceil(next - now) + 1, () => this.#settle());
    }
    if (deciding !== this.#told) {
      this.#told = deciding;
      onChange?.(deciding);
    }
  }
}

function hostPart(identity: string): string {
  const at = identity.lastIndexOf('_');
  return at === -1 ? identity : identity.slice(0, at);
}
