/** A thread of `muster sim --jobs`: gets seeds, gives days. Started by pool.ts. */
import { parentPort, workerData } from 'node:worker_threads';
import { type DayOptions, runDay } from './day.ts';

const options = workerData as DayOptions;
// seeds come one at a time: the next when the day before is told
parentPort?.on('message', (seed: number) => void runDay(seed, options).then((day) => parentPort?.postMessage(day)));
