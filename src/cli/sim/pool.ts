/** Runs seeds, on this thread or over several, and tells their days in order of the seeds. */
import { Worker } from 'node:worker_threads';
import { moduleBeside } from '../../kube/decoder.ts';
import { type Day, type DayOptions, runDay } from './day.ts';

export type PoolOptions = DayOptions & {
  readonly from: number;
  readonly to: number;
  /** threads; 1: this one */
  readonly jobs: number;
};

/** A day is mostly short-lived objects: with room for them few are copied, a tenth of the time. */
const YOUNG_MIB = 96;

/** Rejects when a thread dies; seeds that are being run then end with it. */
export async function runSeeds(options: PoolOptions, onDay: (day: Day) => void): Promise<void> {
  const { from, to, jobs, ...day } = options;
  if (jobs === 1) {
    for (let seed = from; seed <= to; seed++) onDay(await runDay(seed, day));
    return;
  }
  const inOrder = ordered(from, onDay);
  let next = from;
  const workers = Array.from({ length: Math.min(jobs, to - from + 1) }, () => {
    return new Worker(new URL(moduleBeside(import.meta.url, './worker')), {
      workerData: day,
      name: 'muster-sim',
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MIB },
    });
  });
  try {
    await Promise.all(
      workers.map(
        (worker) =>
          new Promise<void>((resolve, reject) => {
            const more = (): void => {
              if (next > to) resolve();
              else worker.postMessage(next++);
            };
            worker.on('error', reject);
            worker.on('exit', (code) => reject(new Error(`a simulation thread ended with status ${code}`)));
            worker.on('message', (done: Day) => {
              inOrder(done);
              more();
            });
            more();
          }),
      ),
    );
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

/** Days come as they are done and go on in the order of their seeds. */
function ordered(first: number, onDay: (day: Day) => void): (day: Day) => void {
  const early = new Map<number, Day>();
  let next = first;
  return (day) => {
    early.set(day.seed, day);
    for (let due = early.get(next); due !== undefined; due = early.get(next)) {
      early.delete(next);
      next++;
      onDay(due);
    }
  };
}
