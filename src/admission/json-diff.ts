/**
 * The difference of two JSON values as RFC 6902 operations. Own code, because objects here share every part that was not
 * changed: equal references are skipped without a look, so cost follows what changed and not what a hostile pod contains
 * (a general diff of lists is quadratic in their length and recurses as deep as they nest).
 */

import { type JsonPatchOperation, pointerStep } from '../kube/patch.ts';
import { type Bag, isBag } from './json-value.ts';

/** Lists of equal length are compared position by position, others are replaced whole. [] when nothing differs. */
export function diffJson(before: unknown, after: unknown, path = ''): JsonPatchOperation[] {
  if (before === after) return [];
  if (Array.isArray(before) && Array.isArray(after) && before.length === after.length) {
    return before.flatMap((item, at) => diffJson(item, after[at], `${path}/${at}`));
  }
  if (isBag(before) && isBag(after)) return diffBags(before, after, path);
  return [{ op: 'replace', path, value: after }];
}

function diffBags(before: Bag, after: Bag, path: string): JsonPatchOperation[] {
  const operations: JsonPatchOperation[] = [];
  for (const key of Object.keys(before)) {
    if (!Object.hasOwn(after, key)) operations.push({ op: 'remove', path: `${path}/${pointerStep(key)}` });
  }
  for (const [key, value] of Object.entries(after)) {
    const at = `${path}/${pointerStep(key)}`;
    if (Object.hasOwn(before, key)) operations.push(...diffJson(before[key], value, at));
    else operations.push({ op: 'add', path: at, value });
  }
  return operations;
}
