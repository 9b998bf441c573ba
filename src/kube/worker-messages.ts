/** What the serving thread and the decode worker say to each other. Ids are unique per worker. */
import type { DecodedObject, PageEnd, WatchEvent } from './decoder.ts';
import type { DecodeErrorCode } from './errors.ts';

export type ToWorker =
  | { kind: 'page'; id: number; projection: ProjectionAddress; body: Uint8Array }
  | { kind: 'chunk'; id: number; projection: ProjectionAddress; bytes: Uint8Array }
  /** no more chunks: what is left must be nothing */
  | { kind: 'end'; id: number; projection: ProjectionAddress }
  | { kind: 'forget'; id: number }
  /** one batch was handled; the worker may send another */
  | { kind: 'credit' };

export type ProjectionAddress = { module: string; name: string };

export type FromWorker =
  /** needs a credit each */
  | { kind: 'objects'; id: number; batch: DecodedObject<unknown>[] }
  | { kind: 'events'; id: number; batch: WatchEvent<unknown>[] }
  /** the oldest chunk (or the end) of this watch was decoded whole */
  | { kind: 'taken'; id: number }
  | { kind: 'page-end'; id: number; end: PageEnd }
  | { kind: 'failed'; id: number; code: DecodeErrorCode; message: string };

/** batches on their way at once: the serving thread handles at most so many in one turn of its loop */
export const CREDITS = 2;
/** what one batch may hold, whichever comes first; about 2 ms of the serving thread */
export const BATCH_OBJECTS = 200;
export const BATCH_SOURCE_BYTES = 512 * 1024;
