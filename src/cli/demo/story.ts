/** The demo's state, and what has happened since it was folded last: many events a frame, one copy of the state. */
import type { DemoEvent } from './events.ts';
import { type DemoState, reduce } from './model.ts';

/** errors of callers are no news while the extender is dead, and until what failed then was tried again */
const CALM_AFTER_MS = 5_000;

export class Story {
  state: DemoState;
  /** what a part could not do, and not because the extender was dead */
  readonly errors = new Set<string>();
  #events: DemoEvent[] = [];
  #begun = performance.now();
  #calmAt = 0;

  constructor(state: DemoState) {
    this.state = state;
  }

  get elapsedMs(): number {
    return performance.now() - this.#begun;
  }

  /** Time counts from here. */
  begin(): void {
    this.fold();
    this.#begun = performance.now();
    // what starting said is no news
    this.state = { ...this.state, lines: [] };
  }

  happened(event: Unplaced<DemoEvent>): void {
    if (event.kind === 'extender') {
      const dead = event.change.state !== 'deciding';
      this.#calmAt = dead ? Number.POSITIVE_INFINITY : performance.now() + CALM_AFTER_MS;
    }
    this.#events.push({ ...event, atMs: this.elapsedMs });
  }

  wentWrong(error: Error): void {
    // a victim or an ended pod that went by itself is no error
    if (performance.now() < this.#calmAt || error.message.endsWith(' not found')) return;
    this.errors.add(error.message);
    this.happened({ kind: 'said', what: 'problem', text: error.message });
  }

  fold(): void {
    const events = this.#events;
    this.#events = [];
    this.state = reduce(this.state, events);
  }
}

type Unplaced<Event> = Event extends { atMs: number } ? Omit<Event, 'atMs'> : never;
