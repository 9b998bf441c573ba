/**
 * Pods that wait for the scheduling loop:
 *
 *   held ── nothing holds it back any more ──► active ── pop ──► (in a cycle) ── rejected ──► unschedulable
 *                                                ▲                    │                           │ an event that its
 *                                                │                    └─ error ─► error-backoff   │ rejecters care about
 *                                                └──────── time ──────────────────┴── backoff ◄───┘
 *
 * The active queue is ordered by priority, then by when the pod was queued: at its creation (gates do not renew it) or after its
 * last attempt. Backoff is initial · 2^(attempts − 1), at most max, and ends with the next whole window (a second) so that pods of
 * one window leave it by priority. When nothing is active, a pod in backoff after a rejection (not after an error, and no
 * member of a native pod group) is popped early (SchedulerPopFromBackoffQ). Events that come while a pod is in its cycle count as if
 * they came right after it. A pod that nothing woke for five minutes is looked at again.
 *
 * Heaps hold tickets; a ticket whose pod has moved on since is skipped when it comes up.
 */
import { Heap } from 'heap-js';
import type { Clock, Timer } from '../../kube/ports.ts';
import type { PodInfo } from './pod-info.ts';
import { type ClusterEvent, type PodChange, type Rejecter, wakes } from './wakes.ts';

export type QueueOptions = {
  readonly clock: Clock;
  readonly initialBackoffMs: number;
  readonly maxBackoffMs: number;
  /** backoffs end at multiples of this */
  readonly backoffWindowMs: number;
  /** PreEnqueue: false keeps the pod out of the active queue until `recheck` */
  readonly mayEnter: (info: PodInfo) => boolean;
};

type Place = 'held' | 'active' | 'backoff' | 'error-backoff' | 'unschedulable' | 'cycle';
type Waiting = {
  info: PodInfo;
  place: Place;
  /** of its newest entry in a heap */
  ticket: number;
  /** order of queueing */
  sequence: number;
  queuedAt: number;
  /** end of its backoff, at a whole window */
  readyAt: number;
  attempts: number;
  errors: number;
  rejecters: ReadonlySet<Rejecter>;
  /** events seen while in a cycle */
  missed: ClusterEvent[];
};
type Entry = { readonly waiting: Waiting; readonly ticket: number };

const FLUSH_EVERY_MS = 30_000;
const LONGEST_UNSCHEDULABLE_MS = 300_000;

function byPriority(a: Entry, b: Entry): number {
  return b.waiting.info.priority - a.waiting.info.priority || a.waiting.sequence - b.waiting.sequence;
}

function byEnd(a: Entry, b: Entry): number {
  return a.waiting.readyAt - b.waiting.readyAt || byPriority(a, b);
}

export class SchedulingQueue {
  readonly #options: QueueOptions;
  readonly #pods = new Map<string, Waiting>();
  readonly #active = new Heap<Entry>(byPriority);
  readonly #backoff = new Heap<Entry>(byEnd);
  readonly #errorBackoff = new Heap<Entry>(byEnd);
  /** also those in a cycle: who has to hear of events */
  readonly #listening = new Set<Waiting>();
  #sequence = 0;
  #tickets = 0;
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

  /** A new or changed pod that is not bound. `changes` is what differs from the object known before. */
  upsert(info: PodInfo, changes: ReadonlySet<PodChange>): void {
    const known = this.#pods.get(info.uid);
    if (known === undefined) {
      this.#sequence += 1;
      const waiting: Waiting = {
        info,
        place: 'held',
        ticket: 0,
        sequence: this.#sequence,
        queuedAt: this.#options.clock.monotonic(),
        readyAt: 0,
        attempts: 0,
        errors: 0,
        rejecters: new Set(),
        missed: [],
      };
      this.#pods.set(info.uid, waiting);
      this.#enter(waiting);
    } else {
      const reorder = known.info.priority !== info.priority && known.place !== 'cycle';
      known.info = info;
      if (reorder) this.#put(known, known.place);
      this.#event(known, { kind: 'own-update', changes });
      if (known.place === 'held') this.#enter(known);
    }
    this.#signal();
  }

  remove(uid: string): void {
    const waiting = this.#pods.get(uid);
    if (waiting === undefined) return;
    waiting.ticket = -1;
    this.#listening.delete(waiting);
    this.#pods.delete(uid);
  }

  /** Something happened in the cluster: moves the pods it may help. */
  event(event: ClusterEvent): void {
    for (const waiting of this.#listening) this.#event(waiting, event);
    this.#signal();
  }

  /** What held these pods back may be over. */
  recheck(which: (info: PodInfo) => boolean): void {
    for (const waiting of this.#pods.values())
      if (waiting.place === 'held' && which(waiting.info)) this.#enter(waiting);
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

  /** Waiting pods that go through a cycle with the one just popped, in the order of the active queue. */
  popWith(which: (info: PodInfo) => boolean): PodInfo[] {
    const found = [...this.#pods.values()].filter(
      ({ place, info }) => place !== 'cycle' && place !== 'held' && which(info),
    );
    found.sort((a, b) => b.info.priority - a.info.priority || a.sequence - b.sequence);
    for (const waiting of found) this.#begin(waiting);
    return found.map((waiting) => waiting.info);
  }

  /** The cycle of a pod ended without a node. */
  rejected(uid: string, rejecters: ReadonlySet<Rejecter>): void {
    const waiting = this.#pods.get(uid);
    if (waiting === undefined) return;
    waiting.attempts += 1;
    waiting.errors = 0;
    waiting.rejecters = rejecters;
    this.#requeue(waiting, waiting.attempts);
    this.#put(waiting, 'unschedulable');
    if (waiting.missed.some((event) => this.#matters(waiting, event))) this.#enter(waiting);
    this.#signal();
  }

  /** The cycle or the bind of a pod failed by an error: tried again after its backoff, without any event. */
  failed(uid: string): void {
    const waiting = this.#pods.get(uid);
    if (waiting === undefined) return;
    waiting.errors += 1;
    waiting.rejecters = new Set();
    this.#requeue(waiting, waiting.errors);
    this.#put(waiting, 'error-backoff');
    this.#signal();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#signal();
  }

  #requeue(waiting: Waiting, attempts: number): void {
    const { clock, initialBackoffMs, maxBackoffMs, backoffWindowMs } = this.#options;
    const now = clock.monotonic();
    const backoffMs = Math.min(maxBackoffMs, initialBackoffMs * 2 ** (attempts - 1));
    this.#sequence += 1;
    waiting.sequence = this.#sequence;
    waiting.queuedAt = now;
    waiting.readyAt = Math.ceil((now + backoffMs) / backoffWindowMs) * backoffWindowMs;
  }

  #matters(waiting: Waiting, event: ClusterEvent): boolean {
    for (const rejecter of waiting.rejecters) if (wakes(waiting.info, rejecter, event)) return true;
    return waiting.rejecters.size === 0;
  }

  #event(waiting: Waiting, event: ClusterEvent): void {
    if (waiting.place === 'cycle') waiting.missed.push(event);
    else if (waiting.place === 'unschedulable' && this.#matters(waiting, event)) this.#enter(waiting);
  }

  /** To the active queue, by way of backoff if that is not over; held where PreEnqueue says no. */
  #enter(waiting: Waiting): void {
    if (!this.#options.mayEnter(waiting.info)) this.#put(waiting, 'held');
    else this.#put(waiting, waiting.readyAt <= this.#options.clock.monotonic() ? 'active' : 'backoff');
  }

  #put(waiting: Waiting, place: Place): void {
    this.#tickets += 1;
    waiting.place = place;
    waiting.ticket = this.#tickets;
    const entry = { waiting, ticket: waiting.ticket };
    if (place === 'active') this.#active.push(entry);
    else if (place === 'backoff') this.#backoff.push(entry);
    else if (place === 'error-backoff') this.#errorBackoff.push(entry);
    if (place === 'unschedulable' || place === 'cycle') this.#listening.add(waiting);
    else this.#listening.delete(waiting);
  }

  #begin(waiting: Waiting): void {
    this.#put(waiting, 'cycle');
    waiting.missed = [];
  }

  /** The first entry of a heap that still stands for its pod. */
  #first(heap: Heap<Entry>): Waiting | null {
    for (;;) {
      const entry = heap.peek();
      if (entry === undefined) return null;
      if (entry.ticket === entry.waiting.ticket) return entry.waiting;
      heap.pop();
    }
  }

  #take(): Waiting | null {
    const now = this.#options.clock.monotonic();
    this.#flush(now);
    for (const heap of [this.#backoff, this.#errorBackoff]) {
      for (;;) {
        const first = this.#first(heap);
        if (first === null || first.readyAt > now) break;
        heap.pop();
        this.#enter(first);
      }
    }
    const next = this.#first(this.#active) ?? this.#early();
    if (next) this.#begin(next);
    return next;
  }

  #early(): Waiting | null {
    const passed: Entry[] = [];
    let found: Waiting | null = null;
    for (;;) {
      found = this.#first(this.#backoff);
      if (found === null || found.info.group === '') break;
      passed.push(this.#backoff.pop()!);
    }
    for (const entry of passed) this.#backoff.push(entry);
    return found;
  }

  #flush(now: number): void {
    if (now - this.#flushedAt < FLUSH_EVERY_MS) return;
    this.#flushedAt = now;
    for (const waiting of this.#listening)
      if (waiting.place === 'unschedulable' && now - waiting.queuedAt >= LONGEST_UNSCHEDULABLE_MS) this.#enter(waiting);
  }

  /** One timer for the earliest end of a backoff, or the next flush. */
  #arm(): void {
    const now = this.#options.clock.monotonic();
    const ends = [this.#first(this.#errorBackoff), this.#first(this.#backoff)].map((one) => one?.readyAt ?? Infinity);
    const at = Math.min(this.#flushedAt + FLUSH_EVERY_MS, ...ends);
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
