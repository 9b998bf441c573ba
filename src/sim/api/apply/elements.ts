/** How elements of lists are told apart in server-side apply. */
import { isObject, type JsonObject } from '../object.ts';
import type { ListType } from '../types/type.ts';

/** Lists whose elements can have different owners. */
export function isMerged(type: ListType): boolean {
  return type.keys !== null || type.set;
}

/** The step of an element in a field set; null when it carries none of its keys. */
export function stepOf(type: ListType, element: unknown): string | null {
  if (type.set) return `v:${JSON.stringify(element)}`;
  if (!isObject(element)) return null;
  const fields = type.of.kind === 'struct' ? type.of.struct.fields : null;
  const keys: JsonObject = {};
  let any = false;
  for (const key of (type.keys ?? []).toSorted()) {
    const value = element[key] ?? fields?.get(key)?.fallback ?? undefined;
    if (value === undefined) continue;
    keys[key] = value;
    any = true;
  }
  return any ? `k:${JSON.stringify(keys)}` : null;
}
