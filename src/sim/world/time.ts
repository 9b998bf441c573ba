/**
 * Virtual time: one queue of what is to happen, in order of time and then of planning. Nothing waits; time jumps to the next
 * entry. A `Process` is what can be paused or killed: its timers and what is delivered to it wait, or never come.
 */
import type { Clock, Timer } from '../../kube/ports.ts';

/** 2026-01-01, where every world begins */
const EPOCH_MS = 1_767_225_600_000;

export type Entry = { at: number; sequence: number; run: (() => void) | null; readonly owner: Process | null };

export class VirtualTime {
  now = 0;
  /** a binary heap, the earliest first */
  readonly #heap: Entry[] = [];
  #sequence = 0;

  /** Plans `run` in `ms` from now. `owner` null: nothing can keep it from happening. */
  after(ms: number, run: () => void, owner: Process | null = null): Timer {
    const entry: Entry = { at: this.now + Math.max(0, ms), sequence: this.#sequence++, run, owner };
    this.#push(entry);
    return {
      cancel: () => {
        entry.run = null;
      },
    };
  }

  /** Stops a process. When it goes on it finds everything that piled up, in the order in which it came. */
  pause(process: Process, until: number): void {
    process.pausedUntil = Math.max(process.pausedUntil, until);
    this.after(until - this.now, () => {
      if (process.pausedUntil > this.now) return;
      for (const entry of process.backlog.splice(0)) {
        entry.at = this.now;
        entry.sequence = this.#sequence++;
        this.#push(entry);
      }
    });
  }

  /** Moves to the next entry and runs it. False when there is none. */
  next(): boolean {
    for (;;) {
      const entry = this.#pop();
      if (entry === undefined) return false;
      const { run, owner } = entry;
      if (run === null || owner?.dead) continue;
      if (owner !== null && owner.pausedUntil > entry.at) {
        owner.backlog.push(entry);
        continue;
      }
      this.now = Math.max(this.now, entry.at);
      run();
      return true;
    }
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let child = heap.push(entry) - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (!before(heap[child]!, heap[parent]!)) break;
      [heap[child], heap[parent]] = [heap[parent]!, heap[child]!];
      child = parent;
    }
  }

  #pop(): Entry | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    heap[0] = last;
    for (let parent = 0; ; ) {
      let child = 2 * parent + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, heap[parent]!)) break;
      [heap[child], heap[parent]] = [heap[parent]!, heap[child]!];
      parent = child;
    }
    return first;
  }
}

const before = (a: Entry, b: Entry): boolean => a.at < b.at || (a.at === b.at && a.sequence < b.sequence);

/** One machine's wall clock, which may be wrong. */
export class WallClock {
  offsetMs = 0;
}

/** One run of one program. A restart is a new Process. */
export class Process {
  readonly name: string;
  readonly clock: Clock;
  dead = false;
  pausedUntil = 0;
  /** what was due while it was paused */
  readonly backlog: Entry[] = [];
  readonly #ends = new Set<() => void>();

  constructor(name: string, time: VirtualTime, wall: WallClock) {
    this.name = name;
    this.clock = {
      now: () => EPOCH_MS + time.now + wall.offsetMs,
      monotonic: () => time.now,
      after: (ms, run) => time.after(ms, run, this),
    };
  }

  /** Called when it is killed: its connections break. What is returned takes that back. */
  onEnd(run: () => void): () => void {
    this.#ends.add(run);
    return () => this.#ends.delete(run);
  }

  kill(): void {
    if (this.dead) return;
    this.dead = true;
    for (const end of this.#ends) end();
  }
}
