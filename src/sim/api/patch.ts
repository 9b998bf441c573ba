/** The patch content types that change what is stored: a stored object and a patch body → the patched object. (Apply: apply/.) */
import { applyPatch, type Operation, Pointer } from 'rfc6902';
import { ApiError, badRequest } from './errors.ts';
import { isObject, type JsonObject } from './object.ts';
import { strategicMerge } from './strategic-merge.ts';
import { FREE_FORM, type Type } from './types/type.ts';

export const JSON_PATCH = 'application/json-patch+json';
export const MERGE_PATCH = 'application/merge-patch+json';
export const STRATEGIC_MERGE_PATCH = 'application/strategic-merge-patch+json';
export const APPLY_PATCHES: readonly string[] = ['application/apply-patch+yaml', 'application/apply-patch+json'];

/** as the real API server */
const OPERATIONS_AT_MOST = 10_000;
/** what the copies of one patch may add up to: forty of them, each doubling the object, would end the process */
const COPIED_AT_MOST_CHARACTERS = 3 * 1024 * 1024;

/** RFC 7386. Returns a new object. */
export function mergePatch(current: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const merged: JsonObject = isObject(current) ? { ...current } : {};
  for (const [field, value] of Object.entries(patch)) {
    if (value === null) delete merged[field];
    else if (field !== '__proto__') merged[field] = mergePatch(merged[field], value);
  }
  return merged;
}

function jsonPatch(current: JsonObject, patch: unknown): JsonObject {
  if (!Array.isArray(patch)) throw badRequest('a JSON patch is a list of operations');
  if (patch.length > OPERATIONS_AT_MOST) {
    throw new ApiError(
      'RequestEntityTooLarge',
      `The allowed maximum operations in a JSON patch is ${OPERATIONS_AT_MOST}, got ${patch.length}`,
    );
  }
  const patched = structuredClone(current);
  let copied = 0;
  for (const operation of patch as Operation[]) {
    copied += sizeOfCopy(patched, operation);
    if (copied > COPIED_AT_MOST_CHARACTERS) {
      throw new ApiError(
        'RequestEntityTooLarge',
        `Unable to complete the copy, the accumulated size increase of copy is ${copied}, exceeding the limit ${COPIED_AT_MOST_CHARACTERS}`,
      );
    }
    const [failed] = applyPatch(patched, [operation]);
    if (failed) {
      throw new ApiError(
        'Invalid',
        `the server rejected our request due to an error in our request: ${failed.message}`,
      );
    }
  }
  return patched;
}

/** Characters of JSON that the operation will add by copying; 0 of one that copies nothing, or cannot. */
function sizeOfCopy(object: JsonObject, operation: Operation | null): number {
  if (operation?.op !== 'copy' || typeof operation.from !== 'string') return 0;
  let value: unknown;
  try {
    value = Pointer.fromJSON(operation.from).get(object);
  } catch {
    // applying it says what is wrong with the pointer
    return 0;
  }
  return value === undefined ? 0 : JSON.stringify(value).length;
}

/**
 * @param type of the object; null: it is not built in and knows no strategic merge
 * Throws 415 for other content types, 400 for a malformed patch, 422 for a JSON patch that does not apply.
 */
export function applyPatchOf(
  contentType: string,
  current: JsonObject,
  patch: unknown,
  type: Type | null = FREE_FORM,
): JsonObject {
  if (contentType === JSON_PATCH) return jsonPatch(current, patch);
  if (contentType === MERGE_PATCH || (contentType === STRATEGIC_MERGE_PATCH && type !== null)) {
    if (!isObject(patch)) throw badRequest('the patch is not a JSON object');
    return contentType === MERGE_PATCH
      ? (mergePatch(current, patch) as JsonObject)
      : strategicMerge(current, patch, type ?? FREE_FORM);
  }
  const accepted = [
    JSON_PATCH,
    MERGE_PATCH,
    ...(type === null ? [] : [STRATEGIC_MERGE_PATCH]),
    ...APPLY_PATCHES.slice(0, 1),
  ];
  throw new ApiError(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
  );
}
