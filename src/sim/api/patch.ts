/** The patch content types that change what is stored: a stored object and a patch body → the patched object. (Apply: apply/.) */
import { applyPatch, type Operation } from 'rfc6902';
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
  const copy = structuredClone(current);
  const failed = applyPatch(copy, patch as Operation[]).find((result) => result !== null);
  if (failed) {
    throw new ApiError('Invalid', `the server rejected our request due to an error in our request: ${failed.message}`);
  }
  return copy;
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
