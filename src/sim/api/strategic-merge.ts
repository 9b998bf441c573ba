/**
 * Strategic merge patch for the built-in kinds: like a merge patch, but lists whose elements have a key are merged by it. Which
 * lists those are is told by the types; all others are replaced whole. Directives: `$patch` (replace, delete), `$retainKeys`,
 * `$setElementOrder/list`, `$deleteFromPrimitiveList/list`.
 */
import { ApiError, badRequest } from './errors.ts';
import { isObject, type JsonObject } from './object.ts';
import { FREE_FORM, fieldType, type ListType, type Type } from './types/type.ts';

const DELETE_FROM_SET = '$deleteFromPrimitiveList/';
const ELEMENT_ORDER = '$setElementOrder/';

/** Returns a new object; neither argument is changed. Throws 500 for elements without their key, as the real one does, and 400 for unknown directives. */
export function strategicMerge(current: JsonObject, patch: JsonObject, type: Type): JsonObject {
  const { $patch: directive, $retainKeys: retained, ...fields } = patch;
  if (directive === 'replace') return fields;
  if (directive === 'delete') return {};
  if (directive !== undefined && directive !== 'merge')
    throw badRequest(`unknown patch type: ${String(directive)} in map`);
  const merged: JsonObject = { ...current };
  if (retained !== undefined) {
    if (!Array.isArray(retained)) throw badRequest('invalid patch format of retainKeys');
    for (const field of Object.keys(merged)) if (!retained.includes(field)) delete merged[field];
  }
  for (const [field, value] of Object.entries(fields)) {
    if (field.startsWith(DELETE_FROM_SET)) {
      const target = field.slice(DELETE_FROM_SET.length);
      const list = merged[target];
      if (!Array.isArray(value)) throw badRequest('invalid patch format of delete primitive list');
      if (Array.isArray(list)) merged[target] = list.filter((element) => !value.includes(element));
    } else if (field.startsWith('$') || field === '__proto__') {
      // orders are looked at after everything is merged
    } else if (value === null) {
      delete merged[field];
    } else {
      merged[field] = mergedValue(field, merged[field], value, fieldType(type, field) ?? FREE_FORM);
    }
  }
  for (const field of Object.keys(merged)) {
    const of = fieldType(type, field);
    const list = merged[field];
    const patched = fields[field];
    const order = fields[ELEMENT_ORDER + field] ?? patched;
    if (of?.kind !== 'list' || of.patchKey === null || order === undefined || !Array.isArray(list)) continue;
    if (!Array.isArray(order)) throw badRequest('invalid patch format of setElementOrder list');
    // a list that replaced the old one has its own order
    if (arrayOf(patched).some((element) => isObject(element) && element.$patch === 'replace')) continue;
    merged[field] = ordered(list, order, arrayOf(current[field]), arrayOf(patched), of.patchKey);
  }
  return merged;
}

function mergedValue(field: string, old: unknown, value: unknown, type: Type): unknown {
  if (Array.isArray(value)) {
    const list = arrayOf(old);
    if (type.kind !== 'list' || type.patchKey === null) return value;
    if (type.patchKey === '') return [...new Set([...list, ...value])];
    return mergedElements(field, list, value, type);
  }
  if (isObject(value)) return strategicMerge(isObject(old) ? old : {}, value, type);
  return value;
}

function mergedElements(
  field: string,
  current: readonly unknown[],
  patch: readonly unknown[],
  type: ListType,
): unknown[] {
  const key = type.patchKey ?? '';
  const elements = patch.filter(isObject);
  if (elements.length !== patch.length) throw badRequest(`an element of ${field} in the patch is not an object`);
  if (elements.some((element) => element.$patch === 'replace')) {
    return elements
      .filter((element) => element.$patch !== 'replace')
      .map((element) => strategicMerge({}, element, type.of));
  }
  let merged = [...current];
  for (const element of elements) {
    const { $patch: directive, ...rest } = element;
    const id = element[key];
    if (id === undefined || id === null) {
      throw new ApiError(
        'InternalError',
        `map: ${JSON.stringify(element)} does not contain declared merge key: ${key}`,
      );
    }
    const isSame = (candidate: unknown) => isObject(candidate) && String(candidate[key]) === String(id);
    if (directive === 'delete') {
      merged = merged.filter((candidate) => !isSame(candidate));
      continue;
    }
    if (directive !== undefined) throw badRequest(`unknown patch type: ${String(directive)} in list`);
    const at = merged.findIndex(isSame);
    if (at >= 0) merged[at] = strategicMerge(merged[at] as JsonObject, rest, type.of);
    else merged.push(strategicMerge({}, rest, type.of));
  }
  return merged;
}

function arrayOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** What the patch names stands in its order; what only the server has keeps its place among the others as far as possible. */
function ordered(
  merged: readonly unknown[],
  order: readonly unknown[],
  before: readonly unknown[],
  patched: readonly unknown[],
  key: string,
): unknown[] {
  const id = (element: unknown): string => String(isObject(element) ? element[key] : element);
  const wanted = new Map(order.map((element, at) => [id(element), at]));
  const unordered = patched.find((element) => !(isObject(element) && element.$patch) && !wanted.has(id(element)));
  if (unordered !== undefined)
    throw badRequest(`The order in patch list:\n${JSON.stringify(patched)}\n doesn't match $setElementOrder list`);
  const place = new Map(before.map((element, at) => [id(element), at]));
  const named = merged
    .filter((element) => wanted.has(id(element)))
    .toSorted((a, b) => wanted.get(id(a))! - wanted.get(id(b))!);
  const others = merged.filter((element) => !wanted.has(id(element)));
  const result: unknown[] = [];
  let left = 0;
  let right = 0;
  while (left < named.length || right < others.length) {
    const one = named[left];
    const other = others[right];
    const onePlace = left < named.length ? place.get(id(one)) : undefined;
    const otherPlace = right < others.length ? place.get(id(other)) : undefined;
    const otherFirst =
      left >= named.length ||
      (right < others.length && onePlace !== undefined && otherPlace !== undefined && otherPlace < onePlace);
    if (!otherFirst) {
      result.push(one);
      left += 1;
    } else {
      result.push(other);
      right += 1;
    }
  }
  return result;
}
