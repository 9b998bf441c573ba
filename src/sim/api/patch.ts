/** The patch types of the API: content type and body → the patched object. */
import { applyPatch, type Operation } from 'rfc6902';
import { ApiError, badRequest } from './errors.ts';
import { isObject, type JsonObject } from './object.ts';
import { strategicMerge } from './strategic-merge.ts';

export const JSON_PATCH = 'application/json-patch+json';
export const MERGE_PATCH = 'application/merge-patch+json';
export const STRATEGIC_MERGE_PATCH = 'application/strategic-merge-patch+json';

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
  const copy = structuredClone(current);
  const failed = applyPatch(copy, patch as Operation[]).find((result) => result !== null);
  if (failed) {
    throw new ApiError('Invalid', `the server rejected our request due to an error in our request: ${failed.message}`);
  }
  return copy;
}

/** Throws 415 for other content types, 400 for a malformed patch, 422 for a JSON patch that does not apply. */
export function applyPatchOf(contentType: string, current: JsonObject, patch: unknown): JsonObject {
  if (contentType === JSON_PATCH) return jsonPatch(current, patch);
  if (!isObject(patch)) throw badRequest('the patch is not a JSON object');
  if (contentType === MERGE_PATCH) return mergePatch(current, patch) as JsonObject;
  if (contentType === STRATEGIC_MERGE_PATCH) return strategicMerge(current, patch);
  throw new ApiError(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${JSON_PATCH}, ${MERGE_PATCH}, ${STRATEGIC_MERGE_PATCH}`,
  );
}
