/** What differs between two states of an object, as three sets of fields. */
import { isDeepStrictEqual } from 'node:util';
import { isObject, type JsonObject } from '../object.ts';
import { fieldType, type Type } from '../types/type.ts';
import { stepOf } from './elements.ts';
import { type FieldSet, type GrowingSet, grow, growing } from './field-set.ts';
import { isAtomic } from './fields-of.ts';

export type Comparison = { readonly added: FieldSet; readonly modified: FieldSet; readonly removed: FieldSet };
type Growing = { readonly added: GrowingSet; readonly modified: GrowingSet; readonly removed: GrowingSet };

/** undefined: absent. A field that is null is there, but empty. */
export function compared(left: unknown, right: unknown, type: Type): Comparison {
  const found: Growing = { added: growing(), modified: growing(), removed: growing() };
  walk(left, right, type, found, []);
  return found;
}

function mark(set: GrowingSet, path: readonly string[]): void {
  let node = set;
  for (const step of path) node = grow(node, step);
  node.member = true;
}

function size(value: unknown): number {
  return Array.isArray(value) ? value.length : isObject(value) ? Object.keys(value).length : 0;
}

function walk(left: unknown, right: unknown, type: Type, found: Growing, path: readonly string[]): void {
  if (left === right) return;
  const shape = right ?? left;
  const leaf = isAtomic(shape, type) || (size(left) === 0 && size(right) === 0);
  if (left === undefined) mark(found.added, path);
  else if (right === undefined) mark(found.removed, path);
  else if (leaf && !isDeepStrictEqual(left, right)) mark(found.modified, path);
  if (leaf) return;
  if (type.kind === 'list') {
    const before = bySteps(left, type);
    const after = bySteps(right, type);
    for (const step of new Set([...before.keys(), ...after.keys()]))
      walk(before.get(step), after.get(step), type.of, found, [...path, step]);
    return;
  }
  const before: JsonObject = isObject(left) ? left : {};
  const after: JsonObject = isObject(right) ? right : {};
  for (const field of Object.keys(before)) {
    const inner = fieldType(type, field);
    if (inner && before[field] !== after[field])
      walk(before[field], after[field], inner, found, [...path, `f:${field}`]);
  }
  for (const field of Object.keys(after)) {
    const inner = fieldType(type, field);
    if (inner && !(field in before)) walk(undefined, after[field], inner, found, [...path, `f:${field}`]);
  }
}

function bySteps(list: unknown, type: Type & { kind: 'list' }): Map<string, unknown> {
  const steps = new Map<string, unknown>();
  for (const element of Array.isArray(list) ? list : []) {
    const step = stepOf(type, element);
    if (step !== null) steps.set(step, element);
  }
  return steps;
}
