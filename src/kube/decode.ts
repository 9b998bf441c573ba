/** The decoding itself, the same on every thread: lines out of chunks, events and pages out of JSON. Pure but for LineSplitter's rest. */
import type { DecodedObject, PageEnd, Projection, WatchError, WatchEvent } from './decoder.ts';
import { DecodeError } from './errors.ts';

const NEWLINE = 0x0a;
/** a line longer than this is no Kubernetes object (etcd's own limit is 1.5 MiB): garbage without newlines must not eat memory */
const LONGEST_LINE = 64 * 1024 * 1024;
const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';

type Fields = Record<string, unknown>;

/** Cuts a byte stream at newlines. Works on bytes, so a chunk may end inside a UTF-8 sequence. */
export class LineSplitter {
  #rest: Buffer[] = [];
  #restBytes = 0;

  /** Complete lines of this chunk, without their newline; empty lines are left out. Throws DecodeError for endless lines. */
  *push(chunk: Buffer): Generator<Buffer, void, void> {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(NEWLINE, start);
      if (end < 0) break;
      let line = chunk.subarray(start, end);
      if (this.#restBytes > 0) {
        this.#rest.push(line);
        line = Buffer.concat(this.#rest);
        this.#rest = [];
        this.#restBytes = 0;
      }
      start = end + 1;
      if (line.length > 0) yield line;
    }
    if (start === chunk.length) return;
    this.#restBytes += chunk.length - start;
    if (this.#restBytes > LONGEST_LINE) throw new DecodeError('malformed', `a line of more than ${LONGEST_LINE} bytes`);
    // a copy: the chunk is used again by whoever gave it
    this.#rest.push(Buffer.from(chunk.subarray(start)));
  }

  /** bytes of a line that has not ended */
  get pendingBytes(): number {
    return this.#restBytes;
  }
}

/** Throws DecodeError 'malformed' for what is no watch event. */
export function decodeWatchLine<T>(line: Buffer, project: Projection<T>): WatchEvent<T> {
  const event = parse(line, 'watch line');
  const type = event.type;
  const object = event.object;
  if (!isFields(object)) throw new DecodeError('malformed', 'a watch event without an object');
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED': {
      return { type, ...decodeObject(object, project) };
    }
    case 'BOOKMARK': {
      const metadata = fields(object.metadata);
      const resourceVersion = text(metadata.resourceVersion);
      if (resourceVersion === '') throw new DecodeError('malformed', 'a bookmark without a resourceVersion');
      const initialEventsEnd = fields(metadata.annotations)[INITIAL_EVENTS_END] === 'true';
      return { type, resourceVersion, initialEventsEnd };
    }
    case 'ERROR':
      return { type, error: watchError(object) };
    default:
      throw new DecodeError('malformed', 'a watch event of unknown type');
  }
}

/** Throws DecodeError 'malformed' for what is no list. `items` are decoded lazily, in order. */
export function decodePage<T>(
  body: Buffer,
  project: Projection<T>,
): { count: number; items: Generator<DecodedObject<T>, void, void>; end: PageEnd } {
  const list = parse(body, 'list page');
  const metadata = fields(list.metadata);
  const items = list.items ?? [];
  const resourceVersion = text(metadata.resourceVersion);
  if (!Array.isArray(items) || resourceVersion === '') {
    throw new DecodeError('malformed', 'a list page without items or resourceVersion');
  }
  return {
    count: items.length,
    items: decodeItems(items, project),
    end: { resourceVersion, continueToken: text(metadata.continue) },
  };
}

function* decodeItems<T>(items: unknown[], project: Projection<T>): Generator<DecodedObject<T>, void, void> {
  for (const item of items) yield decodeObject(item, project);
}

function decodeObject<T>(object: unknown, project: Projection<T>): DecodedObject<T> {
  const metadata = fields(fields(object).metadata);
  const key = {
    uid: text(metadata.uid),
    namespace: text(metadata.namespace),
    name: text(metadata.name),
    resourceVersion: text(metadata.resourceVersion),
  };
  if (key.uid === '' || key.name === '' || key.resourceVersion === '') return { ...key, object: null };
  return { ...key, object: projected(object, project) };
}

/** A projection that throws is as good as one that refuses: one odd object must not stop all others. */
function projected<T>(object: unknown, project: Projection<T>): T | null {
  try {
    return project(object);
  } catch {
    return null;
  }
}

function watchError(status: Fields): WatchError {
  const message = text(status.message).slice(0, 300);
  const causes = fields(status.details).causes;
  return {
    code: typeof status.code === 'number' ? status.code : 500,
    reason: text(status.reason).slice(0, 100),
    message,
    ahead:
      message.startsWith('Too large resource version') ||
      (Array.isArray(causes) && causes.some((cause) => fields(cause).reason === 'ResourceVersionTooLarge')),
  };
}

function parse(bytes: Buffer, what: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    // the parser's own message quotes the text, which may hold secrets
    throw new DecodeError('malformed', `a ${what} of ${bytes.length} bytes is not JSON`);
  }
  if (!isFields(value)) throw new DecodeError('malformed', `a ${what} is not an object`);
  return value;
}

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const fields = (value: unknown): Fields => (isFields(value) ? value : {});
const text = (value: unknown): string => (typeof value === 'string' ? value : '');
