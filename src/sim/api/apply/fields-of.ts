/** Which fields an object sets: what its applier will own. */
import { isObject } from '../object.ts';
import { fieldType, type Type } from '../types/type.ts';
import { isMerged, stepOf } from './elements.ts';
import { type FieldSet, type GrowingSet, grow, growing } from './field-set.ts';

export function fieldsOf(value: unknown, type: Type): FieldSet {
  const set = growing();
  collect(value, type, set);
  return set;
}

function collect(value: unknown, type: Type, set: GrowingSet): void {
  if (type.kind === 'scalar' || isAtomic(value, type)) {
    set.member = true;
  } else if (Array.isArray(value)) {
    if (type.kind !== 'list') return;
    for (const element of value) {
      const step = stepOf(type, element);
      if (step === null) continue;
      const child = grow(set, step);
      collect(element, type.of, child);
      child.member = true;
    }
  } else if (isObject(value)) {
    for (const [field, inner] of Object.entries(value)) {
      const innerType = fieldType(type, field);
      if (innerType === undefined) continue;
      const child = grow(set, `f:${field}`);
      collect(inner, innerType, child);
      const declared = type.kind === 'struct' && type.struct.fields.has(field);
      if (!declared || inner === null || (isObject(inner) && Object.keys(inner).length === 0)) child.member = true;
      if (!child.member && child.children.size === 0) set.children.delete(`f:${field}`);
    }
  }
}

/** Owned whole: scalars, atomic structs, maps and lists, lists of free form. */
export function isAtomic(value: unknown, type: Type): boolean {
  if (type.kind === 'any') return type.atomic || !isObject(value);
  if (type.kind === 'list') return !isMerged(type);
  if (type.kind === 'struct' || type.kind === 'map') return type.atomic;
  return true;
}
