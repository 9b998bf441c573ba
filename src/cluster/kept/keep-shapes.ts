/** Copying the readable part of JSON whose shape nobody promised: wrong types are left out where they read as absent. */
import { fieldsOf, listOf, own } from '../projection/shapes.ts';

export type Plain = Record<string, unknown>;

const isPlain = (value: unknown): boolean =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';

/** These fields where they are text, number or boolean. */
export function plain(object: unknown, keys: readonly string[]): Plain {
  const kept: Plain = {};
  for (const key of keys) {
    const value = own(object, key);
    if (isPlain(value)) kept[key] = value;
  }
  return kept;
}

/** A map of names to texts or amounts, in its order; what is neither is null (some readers tell that from absent). */
export function texts(value: unknown, wanted: (key: string) => boolean = () => true): Plain {
  const entries = Object.entries(fieldsOf(value)).filter(([key]) => wanted(key));
  return Object.fromEntries(
    entries.map(([key, item]) => [key, typeof item === 'string' || typeof item === 'number' ? item : null]),
  );
}

/** What is kept of every item; `{}` for items that are no objects, so that positions and counts stay. */
export const each = (value: unknown, keep: (item: unknown) => Plain): Plain[] => listOf(value).map(keep);

/** Sets `key` unless there is nothing in it. */
export function put(into: Plain, key: string, value: Plain | readonly unknown[]): void {
  if (Array.isArray(value) ? value.length > 0 : Object.keys(value).length > 0) into[key] = value;
}

/** Texts stay, anything else is null: where one odd value spoils the list it goes on doing so. */
export const values = (value: unknown): unknown[] =>
  listOf(value).map((item) => (typeof item === 'string' ? item : null));
