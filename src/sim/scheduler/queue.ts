/**
 * Pods that wait for the scheduling loop, in three places:
 *
 *   active ── pop ──► (in a cycle) ── rejected ──► unschedulable ── an event its rejecters care about ──► backoff ── time ──► active
 *                                  └─ error ─────────────────────────────────────────────────────────────► backoff
 *
 * The active queue is ordered by priority, then by when the pod was queued. Backoff is initial · 2^(attempts − 1), at most max.
 * When nothing is active, a pod that waits in backoff after a rejection (not after an error) is popped early
 * (SchedulerPopFromBackoffQ). Events that come while a pod is in its cycle count as if they came right after it.
 */
import type { Clock, Timer } from '../../kube/ports.ts';
import type { PodInfo } from './pod-info.ts';

export type Rejecter =
  | 'Extender'
  | 'NodeAffinity'
  | 'NodeName'
  | 'NodeResourcesFit'
  | 'NodeUnschedulable'
  | 'TaintToleration';
export type ClusterEvent =
  | 'node-added'
  | 'node-updated'
  | 'pod-assigned'
  | 'assigned-pod-updated'
  | 'assigned-pod-deleted'
  | 'own-update';

/** Which events may make a pod schedulable that this plugin rejected. kube-scheduler registers everything for extenders. */
const WAKES: Readonly<Record<Rejecter, ReadonlySet<ClusterEvent>>> = {
  Extender: new Set([
    'node-added',
    'node-updated',
    'pod-assigned',
    'assigned-pod-updated',
    'assigned-pod-deleted',
    'own-update',
  ]),
  NodeResourcesFit: new Set(['node-added', 'node-updated', 'assigned-pod-deleted']),
  NodeAffinity: new Set(['node-added', 'node-updated', 'own-update']),
  NodeName: new Set(['node-added']),
  NodeUnschedulable: new Set(['node-added', 'node-updated']),
  TaintToleration: new Set(['node-added', 'node-updated', 'own-update']),
};

export type QueueOptions = { readonly clock: Clock; readonly initialBackoffMs: number; readonly maxBackoffMs: number };

type Place = 'active' | 'backoff' | 'error-backoff' | 'unschedulable' | 'cycle';
type Waiting = {
  info: PodInfo;
  place: Place;
  /** order of queueing; also the age in the pool */
  sequence: number;
  queuedAt: number;
  readyAt: number;
  attempts: number;
  errors: number;
  rejecters: ReadonlySet<Rejecter>;
  /** events seen while in a cycle */
  missed: Set<ClusterEvent>;
};

const FLUSH_EVERY_MS = 30_000;
const LONGEST_UNSCHEDULABLE_MS = 300_000;

export class SchedulingQueue {
  readonly #options: QueueOptions;
  readonly #pods = new Map<string, Waiting>();
  #sequence = 0;
  #wake: (() => void) | null = null;
  #timer: Timer | null = null;
  #closed = false;
  #flushedAt: number;

  constructor(options: QueueOptions) {
    this.#options = options;
    this.#flushedAt = options.clock.monotonic();
  }

  get size(): number {
    return this.#pods.size;
  }

  has(uid: string): boolean {
    return this.#pods.has(uid);
  }

  /** A new or changed pod that is not bound. `changed`: its object differs from the one known (not only the nomination cache). */
  upsert(info: PodInfo): void {
    const known = this.#pods.get(info.uid);
    if (known) {
      known.info = info;
      this.#event(known, 'own-update');
    } else {
      this.#sequence += 1;
      const queuedAt = this.#options.clock.monotonic();
      this.#pods.set(info.uid, {
        info,
        place: 'active',
        sequence: this.#sequence,
        queuedAt,
        readyAt: 0,
        attempts: 0,
        errors: 0,
        rejecters: new Set(),
        missed: new Set(),
      });
    }
    this.#signal();
  }

  remove(uid: string): void {
    this.#pods.delete(uid);
  }

  /** Something happened in the cluster: moves the pods it may help. */
  event(event: ClusterEvent): void {
    for (const waiting of this.#pods.values()) this.#event(waiting, event);
    this.#signal();
  }

  /** The next pod; waits for one. null after `close`. */
  async pop(): Promise<PodInfo | null> {
    for (;;) {
      if (this.#closed) return null;
      const next = this.#take();
      if (next) return next.info;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        this.#arm();
      });
    }
  }

  /** The cycle of a pod ended without a node. */
  rejected(uid: string, rejecters: ReadonlySet<Rejecter>): void {
    const waiting = this.#pods.get(uid);
    if (waiting === undefined) return;
    waiting.attempts += 1;
    waiting.errors = 0;
    waiting.rejecters = rejecters;
    this.#requeue(waiting, this.#backoffMs(waiting.attempts));
    const wakes = [...waiting.missed].some((event) => this.#matters(waiting, event));
    waiting.place = wakes ? 'backoff' : 'unschedulable';
    this.#signal();
  }

  /** The cycle or the bind of a pod failed by an error: tried again after its backoff, without any event. */
  failed(uid: string): void {
    const waiting = this.#pods.get(uid);
    if (waiting === undefined) return;
    waiting.errors += 1;
    this.#requeue(waiting, this.#backoffMs(waiting.errors));
    waiting.place = 'error-backoff';
    this.#signal();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#signal();
  }

  #requeue(waiting: Waiting, backoffMs: number): void {
    const now = this.#options.clock.monotonic();
    this.#sequence += 1;
    waiting.sequence = this.#sequence;
    waiting.queuedAt = now;
    waiting.readyAt = now + backoffMs;
  }

  #backoffMs(attempts: number): number {
    return Math.min(this.#options.maxBackoffMs, this.#options.initialBackoffMs * 2 ** (attempts - 1));
  }

  #matters(waiting: Waiting, event: ClusterEvent): boolean {
    for (const rejecter of waiting.rejecters) if (WAKES[rejecter].has(event)) return true;
    return waiting.rejecters.size === 0;
  }

  #event(waiting: Waiting, event: ClusterEvent): void {
    if (waiting.place === 'cycle') waiting.missed.add(event);
    else if (waiting.place === 'unschedulable' && this.#matters(waiting, event)) waiting.place = 'backoff';
  }

  #take(): Waiting | null {
    const now = this.#options.clock.monotonic();
    if (now - this.#flushedAt >= FLUSH_EVERY_MS) {
      this.#flushedAt = now;
      for (const waiting of this.#pods.values()) {
        if (waiting.place === 'unschedulable' && now - waiting.queuedAt >= LONGEST_UNSCHEDULABLE_MS)
          waiting.place = 'active';
      }
    }
    let best: Waiting | null = null;
    let early: Waiting | null = null;
    for (const waiting of this.#pods.values()) {
      if ((waiting.place === 'backoff' || waiting.place === 'error-backoff') && waiting.readyAt <= now)
        waiting.place = 'active';
      if (waiting.place === 'active' && before(waiting, best)) best = waiting;
      else if (waiting.place === 'backoff' && before(waiting, early)) early = waiting;
    }
    const next = best ?? early;
    if (next) {
      next.place = 'cycle';
      next.missed = new Set();
    }
    return next;
  }

  /** One timer for the earliest end of a backoff, or the next flush. */
  #arm(): void {
    const now = this.#options.clock.monotonic();
    let at = this.#flushedAt + FLUSH_EVERY_MS;
    for (const waiting of this.#pods.values())
      if (waiting.place === 'error-backoff') at = Math.min(at, waiting.readyAt);
    this.#timer?.cancel();
    this.#timer = this.#options.clock.after(Math.max(1, at - now), () => this.#signal());
  }

  #signal(): void {
    const wake = this.#wake;
    this.#wake = null;
    this.#timer?.cancel();
    wake?.();
  }
}

function before(waiting: Waiting, best: Waiting | null): boolean {
  if (best === null) return true;
  if (waiting.info.priority !== best.info.priority) return waiting.info.priority > best.info.priority;
  return waiting.sequence < best.sequence;
}
