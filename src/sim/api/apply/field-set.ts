/**
 * Sets of fields, as `managedFields` writes them (FieldsV1): a tree whose steps are `f:name`, `k:{"name":"x"}` (element of a
 * keyed list) and `v:"x"` (element of a set). A node is a member of the set or only leads to members. Never changed once made.
 */
import { isObject, type JsonObject } from '../object.ts';
import { fieldType, type Type } from '../types/type.ts';

export type FieldSet = { readonly member: boolean; readonly children: ReadonlyMap<string, FieldSet> };
/** while it is being made */
export type GrowingSet = { member: boolean; children: Map<string, GrowingSet> };

export const EMPTY: FieldSet = { member: false, children: new Map() };

export function growing(): GrowingSet {
  return { member: false, children: new Map() };
}

/** The child of `parent`, made at first sight. */
export function grow(parent: GrowingSet, step: string): GrowingSet {
  let child = parent.children.get(step);
  if (child === undefined) {
    child = growing();
    parent.children.set(step, child);
  }
  return child;
}

export function isEmpty(set: FieldSet): boolean {
  return !set.member && set.children.size === 0;
}

type Rule = (left: boolean, right: boolean) => boolean;

function combined(left: FieldSet, right: FieldSet, rule: Rule): FieldSet {
  const children = new Map<string, FieldSet>();
  for (const [step, child] of left.children) {
    const kept = combined(child, right.children.get(step) ?? EMPTY, rule);
    if (!isEmpty(kept)) children.set(step, kept);
  }
  for (const [step, child] of right.children) {
    if (left.children.has(step)) continue;
    const kept = combined(EMPTY, child, rule);
    if (!isEmpty(kept)) children.set(step, kept);
  }
  return { member: rule(left.member, right.member), children };
}

export function union(left: FieldSet, right: FieldSet): FieldSet {
  if (isEmpty(left)) return right;
  if (isEmpty(right)) return left;
  return combined(left, right, (a, b) => a || b);
}

export function difference(left: FieldSet, right: FieldSet): FieldSet {
  return isEmpty(right) ? left : combined(left, right, (a, b) => a && !b);
}

export function intersection(left: FieldSet, right: FieldSet): FieldSet {
  if (isEmpty(left) || isEmpty(right)) return EMPTY;
  return combined(left, right, (a, b) => a && b);
}

/** `set` without everything at and under the paths of `cut` that are members there. */
export function without(set: FieldSet, cut: FieldSet): FieldSet {
  if (cut.member) return EMPTY;
  if (cut.children.size === 0) return set;
  const children = new Map<string, FieldSet>();
  for (const [step, child] of set.children) {
    const other = cut.children.get(step);
    const kept = other === undefined ? child : without(child, other);
    if (!isEmpty(kept)) children.set(step, kept);
  }
  return { member: set.member, children };
}

/** Every declared field that leads to a member becomes one: who owns a part of a struct holds the struct. */
export function withParents(set: FieldSet, type: Type | undefined): FieldSet {
  if (set.children.size === 0) return set;
  const children = new Map<string, FieldSet>();
  for (const [step, child] of set.children) {
    const inner = step.startsWith('f:')
      ? type && fieldType(type, step.slice(2))
      : type?.kind === 'list'
        ? type.of
        : type;
    const deep = withParents(child, inner);
    const declared = step.startsWith('f:') && type?.kind === 'struct' && type.struct.fields.has(step.slice(2));
    children.set(step, declared && !deep.member ? { ...deep, member: true } : deep);
  }
  return { member: set.member, children };
}

export function sameSet(left: FieldSet, right: FieldSet): boolean {
  if (left.member !== right.member || left.children.size !== right.children.size) return false;
  for (const [step, child] of left.children) {
    const other = right.children.get(step);
    if (other === undefined || !sameSet(child, other)) return false;
  }
  return true;
}

/** FieldsV1. */
export function toJson(set: FieldSet): JsonObject {
  const json: JsonObject = {};
  if (set.member && set.children.size > 0) json['.'] = {};
  for (const [step, child] of [...set.children].sort(([a], [b]) => (a < b ? -1 : 1))) json[step] = toJson(child);
  return json;
}

export function fromJson(json: JsonObject): FieldSet {
  const children = new Map<string, FieldSet>();
  for (const [step, value] of Object.entries(json)) {
    if (step === '.' || !isObject(value)) continue;
    const child = fromJson(value);
    children.set(step, child.children.size === 0 ? { ...child, member: true } : child);
  }
  return { member: '.' in json, children };
}

/** The paths of all members, as messages of the API write them: `.spec.containers[name="a"].image`. */
export function paths(set: FieldSet, at = ''): string[] {
  const found = set.member ? [at] : [];
  for (const [step, child] of [...set.children].sort(([a], [b]) => (a < b ? -1 : 1))) {
    found.push(...paths(child, at + shown(step)));
  }
  return found;
}

function shown(step: string): string {
  const kind = step.slice(0, 2);
  const rest = step.slice(2);
  if (kind === 'f:') return `.${rest}`;
  if (kind === 'v:') return `[=${rest}]`;
  if (kind === 'k:') {
    const keys = JSON.parse(rest) as JsonObject;
    return `[${Object.entries(keys)
      .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
      .join(',')}]`;
  }
  return `[${rest}]`;
}
