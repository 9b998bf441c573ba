/** The live object with an applied configuration laid over it, and objects with fields taken out. */
import { isObject, type JsonObject } from '../object.ts';
import { fieldType, type ListType, type Type } from '../types/type.ts';
import { stepOf } from './elements.ts';
import type { FieldSet } from './field-set.ts';
import { isAtomic } from './fields-of.ts';

export function laidOver(live: unknown, applied: unknown, type: Type): unknown {
  if (applied === undefined) return live;
  if (isAtomic(applied, type) || live === undefined || live === null) return applied;
  if (type.kind === 'list') {
    return Array.isArray(applied) && Array.isArray(live) ? mergedList(live, applied, type) : applied;
  }
  if (!isObject(applied) || !isObject(live)) return applied;
  const merged: JsonObject = { ...live };
  for (const [field, value] of Object.entries(applied)) {
    const inner = fieldType(type, field);
    if (inner) merged[field] = laidOver(live[field], value, inner);
  }
  return merged;
}

/** The order of the applied list holds; elements that only live has stay beside their neighbours. */
function mergedList(live: readonly unknown[], applied: readonly unknown[], type: ListType): unknown[] {
  const left = live.map((element) => stepOf(type, element));
  const right = applied.map((element) => stepOf(type, element));
  const inRight = new Set(right);
  const at = new Map(left.map((step, index) => [step, index]));
  const shared = right.filter((step) => at.has(step));
  const merged: unknown[] = [];
  let l = 0;
  let r = 0;
  let nextShared = 0;
  while (l < left.length || r < right.length) {
    if (l < left.length && r < right.length) {
      const step = left[l]!;
      if (step === right[r]) {
        merged.push(laidOver(live[l], applied[r], type.of));
        l += 1;
        r += 1;
        nextShared += 1;
        continue;
      }
      // shared, but its turn in the applied order has not come or is over
      if (inRight.has(step) && shared[nextShared] !== step) {
        l += 1;
        continue;
      }
    }
    if (l < left.length) {
      const step = left[l]!;
      if (!inRight.has(step)) {
        merged.push(live[l]);
        l += 1;
        continue;
      }
      if (r >= right.length) {
        l += 1;
        continue;
      }
    }
    if (r < right.length) {
      const step = right[r]!;
      const index = at.get(step);
      merged.push(index === undefined ? applied[r] : laidOver(live[index], applied[r], type.of));
      if (shared[nextShared] === step) nextShared += 1;
      r += 1;
    }
  }
  return merged;
}

/** `value` without the fields that are members of `gone`; undefined when nothing is left. */
export function takenOut(value: unknown, gone: FieldSet, type: Type): unknown {
  if (gone.children.size === 0 || isAtomic(value, type)) return value;
  if (Array.isArray(value) && type.kind === 'list') {
    const kept: unknown[] = [];
    for (const element of value) {
      const child = gone.children.get(stepOf(type, element) ?? '');
      if (child === undefined) kept.push(element);
      else if (!child.member) kept.push(takenOut(element, child, type.of));
    }
    return kept.length > 0 ? kept : undefined;
  }
  if (!isObject(value)) return value;
  const kept: JsonObject = {};
  for (const [field, inner] of Object.entries(value)) {
    const child = gone.children.get(`f:${field}`);
    const innerType = fieldType(type, field);
    if (child === undefined || innerType === undefined) kept[field] = inner;
    else if (!child.member) {
      const rest = takenOut(inner, child, innerType);
      if (rest !== undefined) kept[field] = rest;
    }
  }
  return Object.keys(kept).length > 0 ? kept : undefined;
}
