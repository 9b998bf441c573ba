/**
 * A cluster as a text of lines: a head with the counter of versions and what its owner wants kept, a line per object, and an end
 * that says how many there were. Lines, because a cluster of 50,000 pods is not one string.
 */
import { isObject, type JsonObject, type KubeObject, numberAt, objectAt, textAt } from './api/object.ts';
import type { Store } from './api/store.ts';

const KIND = 'MusterClusterSave';
const FORMAT = 1;
/** objects encoded in one turn of the loop */
const SLICE = 500;

/** What is wrong with a save, and where: `line` counts from 1. */
export class SaveError extends Error {
  override readonly name = 'SaveError';
  readonly code = 'save';
  constructor(file: string, line: number, why: string) {
    super(`${file}, line ${line}: ${why}`);
  }
}

/**
 * The lines in pieces. What is stored at the first call is what is written, whatever changes while the caller takes its time.
 * @param kept the owner's: keys, tokens
 */
export function* saveLines(store: Store, kept: JsonObject, savedAt: string): Generator<string> {
  const all: { id: string; object: KubeObject }[] = [];
  for (const [id, table] of store.tables())
    for (const key of table.keys()) all.push({ id, object: table.get(key)!.object });
  const head = {
    kind: KIND,
    format: FORMAT,
    savedAt,
    resourceVersion: String(store.version),
    objects: all.length,
    kept,
  };
  yield `${JSON.stringify(head)}\n`;
  for (let at = 0; at < all.length; at += SLICE) {
    yield all
      .slice(at, at + SLICE)
      .map((one) => `${JSON.stringify(one)}\n`)
      .join('');
  }
  yield `${JSON.stringify({ end: all.length })}\n`;
}

export type Save = {
  readonly version: number;
  readonly kept: JsonObject;
  readonly objects: readonly { readonly id: string; readonly object: KubeObject }[];
};

/** @param file names the save in errors. Throws SaveError. */
export function readSave(lines: Iterable<string>, file: string): Save {
  let at = 0;
  let head: JsonObject | null = null;
  let ended = false;
  const objects: { id: string; object: KubeObject }[] = [];
  for (const line of lines) {
    at += 1;
    if (line === '') continue;
    const fail = (why: string) => new SaveError(file, at, why);
    if (ended) throw fail('there is more after the end');
    const value = parsed(line, fail);
    if (head === null) {
      if (value.kind !== KIND) throw fail('this is no save of muster cluster');
      if (value.format !== FORMAT)
        throw fail(`format ${String(value.format)} is not known to this version; it reads format ${FORMAT}`);
      head = value;
    } else if ('end' in value) {
      ended = true;
      if (value.end !== objects.length)
        throw fail(`${String(value.end)} objects were written and ${objects.length} are here`);
    } else objects.push(readObject(value, fail));
  }
  if (head === null) throw new SaveError(file, 1, 'the file is empty');
  if (!ended) throw new SaveError(file, at, 'the file ends here, before its last line was written');
  const version = Number(textAt(head, 'resourceVersion'));
  if (!Number.isSafeInteger(version) || version <= 0) throw new SaveError(file, 1, 'resourceVersion is no number');
  return { version, kept: objectAt(head, 'kept'), objects };
}

function parsed(line: string, fail: (why: string) => SaveError): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw fail(`no JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!isObject(value)) throw fail('not an object');
  return value;
}

function readObject(value: JsonObject, fail: (why: string) => SaveError): { id: string; object: KubeObject } {
  const { object } = value;
  const id = textAt(value, 'id');
  const metadata = objectAt(object, 'metadata');
  if (id === '' || !isObject(object)) throw fail('neither object nor end');
  for (const field of ['name', 'uid', 'resourceVersion']) {
    if (textAt(metadata, field) === '') throw fail(`${id}: metadata.${field} is missing`);
  }
  if (!(Number(metadata.resourceVersion) > 0)) throw fail(`${id}: metadata.resourceVersion is no number`);
  if (numberAt(object, 'kind') !== null || textAt(object, 'kind') === '') throw fail(`${id}: kind is missing`);
  return { id, object: object as KubeObject };
}

/** Definitions of custom resources first: their objects need a table. Throws SaveError for a resource that is not served. */
export function restore(store: Store, save: Save, file: string): void {
  const rank = (id: string) => (id.endsWith('/customresourcedefinitions') ? 0 : 1);
  const ordered = save.objects
    .map((one, at) => ({ ...one, at }))
    .sort((a, b) => rank(a.id) - rank(b.id) || a.at - b.at);
  let line = 0;
  const counted = function* () {
    for (const one of ordered) {
      line = one.at + 2;
      yield one;
    }
  };
  try {
    store.restore(save.version, counted());
  } catch (error) {
    throw new SaveError(file, line, error instanceof Error ? error.message : String(error));
  }
}
