/**
 * The decode thread: takes bytes, gives projected objects in small batches. One job at a time in order of arrival; a batch is
 * sent only while the serving thread has credits left, so nothing piles up on its side. Started by worker-decoder.ts.
 */
import { parentPort } from 'node:worker_threads';
import { decodePage, decodeWatchLine, LineSplitter } from './decode.ts';
import type { DecodedObject, Projection, WatchEvent } from './decoder.ts';
import { DecodeError } from './errors.ts';
import {
  BATCH_OBJECTS,
  BATCH_SOURCE_BYTES,
  CREDITS,
  type FromWorker,
  type ProjectionAddress,
  type ToWorker,
} from './worker-messages.ts';

type Job = Exclude<ToWorker, { kind: 'forget' | 'credit' }>;

const port = parentPort;
if (port === null) throw new DecodeError('closed', 'decode-worker.ts runs as a worker thread only');
const send = (message: FromWorker): void => port.postMessage(message);

const projections = new Map<string, Promise<Projection<unknown>>>();
const splitters = new Map<number, LineSplitter>();
/** ids whose remaining jobs are not worth doing */
const forgotten = new Set<number>();
const jobs: Job[] = [];
let busy = false;
let credits = CREDITS;
let wakeForCredit: (() => void) | null = null;

port.on('message', (message: ToWorker) => {
  if (message.kind === 'credit') {
    credits += 1;
    wakeForCredit?.();
  } else if (message.kind === 'forget') {
    splitters.delete(message.id);
    if (busy) forgotten.add(message.id);
  } else {
    jobs.push(message);
    if (!busy) void work();
  }
});

async function work(): Promise<void> {
  busy = true;
  for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
    try {
      if (!forgotten.has(job.id)) await run(job, await load(job.projection));
    } catch (error) {
      splitters.delete(job.id);
      forgotten.add(job.id);
      const known = error instanceof DecodeError;
      send({
        kind: 'failed',
        id: job.id,
        code: known ? error.code : 'malformed',
        message: known ? error.message : 'decoding failed',
      });
    }
  }
  forgotten.clear();
  busy = false;
}

async function run(job: Job, project: Projection<unknown>): Promise<void> {
  const { id } = job;
  if (job.kind === 'page') {
    const { count, items, end } = decodePage(asBuffer(job.body), project);
    const bytesEach = job.body.length / Math.max(count, 1);
    giveBack(job.body);
    let batch: DecodedObject<unknown>[] = [];
    for (const object of items) {
      batch.push(object);
      if (batch.length < BATCH_OBJECTS && batch.length * bytesEach < BATCH_SOURCE_BYTES) continue;
      if (!(await credit(id))) return;
      send({ kind: 'objects', id, batch });
      batch = [];
    }
    if (batch.length > 0) {
      if (!(await credit(id))) return;
      send({ kind: 'objects', id, batch });
    }
    send({ kind: 'page-end', id, end });
    return;
  }
  if (job.kind === 'end') {
    const left = splitters.get(id)?.pendingBytes ?? 0;
    splitters.delete(id);
    if (left > 0) throw new DecodeError('malformed', 'the stream ended inside a line');
    send({ kind: 'taken', id });
    return;
  }
  let splitter = splitters.get(id);
  if (splitter === undefined) {
    splitter = new LineSplitter();
    splitters.set(id, splitter);
  }
  let batch: WatchEvent<unknown>[] = [];
  let bytes = 0;
  let fault: unknown = null;
  try {
    for (const line of splitter.push(asBuffer(job.bytes))) {
      batch.push(decodeWatchLine(line, project));
      bytes += line.length;
      if (batch.length < BATCH_OBJECTS && bytes < BATCH_SOURCE_BYTES) continue;
      if (!(await credit(id))) return;
      send({ kind: 'events', id, batch });
      batch = [];
      bytes = 0;
    }
  } catch (error) {
    fault = error;
  }
  giveBack(job.bytes);
  // what came before the fault is good and was sent before it
  if (batch.length > 0) {
    if (!(await credit(id))) return;
    send({ kind: 'events', id, batch });
  }
  if (fault !== null) throw fault;
  send({ kind: 'taken', id });
}

/** false: the job was forgotten while it waited */
async function credit(id: number): Promise<boolean> {
  while (credits === 0) {
    await new Promise<void>((resolve) => {
      wakeForCredit = resolve;
    });
    wakeForCredit = null;
  }
  if (forgotten.has(id)) return false;
  credits -= 1;
  return true;
}

function load(address: ProjectionAddress): Promise<Projection<unknown>> {
  const key = `${address.module}#${address.name}`;
  let loading = projections.get(key);
  if (loading === undefined) {
    loading = importProjection(address);
    projections.set(key, loading);
  }
  return loading;
}

async function importProjection({ module, name }: ProjectionAddress): Promise<Projection<unknown>> {
  let exported: unknown;
  try {
    exported = ((await import(module)) as Record<string, unknown>)[name];
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new DecodeError('projection', `cannot load ${module}: ${text}`);
  }
  if (typeof exported !== 'function') throw new DecodeError('projection', `${module} exports no function ${name}`);
  return exported as Projection<unknown>;
}

/**
 * Hundreds of megabytes pass through here while a cluster is listed; left to the collector they stand beside the heap for long.
 * What was handed over is ours alone, and nothing decoded refers to it.
 */
function giveBack(bytes: Uint8Array): void {
  (bytes.buffer as ArrayBuffer).transfer(0);
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
