/** The real clock and real chance. The only file that reads time, sets timers or draws random numbers. */
import type { Clock, Rng } from './ports.ts';

/** setTimeout fires at once for longer delays (it keeps them in 31 bits) */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export const nodeClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, Math.min(Math.max(ms, 0), LONGEST_TIMER_MS));
    return { cancel: () => clearTimeout(timer) };
  },
};

export const nodeRng: Rng = { next: () => Math.random() };
