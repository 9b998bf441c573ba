/**
 * What a write does to who owns what: an update takes the fields it changes from everybody; an apply owns what it names, gives up
 * what it names no more, and is refused where another one's value would change (unless forced).
 */
import type { JsonObject } from '../object.ts';
import type { Type } from '../types/type.ts';
import { type Comparison, compared } from './compare.ts';
import { difference, EMPTY, type FieldSet, intersection, isEmpty, sameSet, union, withParents } from './field-set.ts';
import { fieldsOf } from './fields-of.ts';
import { type Holding, sameHolder } from './managed-fields.ts';
import { laidOver, takenOut } from './merge.ts';

export type Writer = Pick<Holding, 'manager' | 'operation' | 'apiVersion' | 'subresource' | 'time'>;
export type Conflict = { readonly holder: Holding; readonly set: FieldSet };

const NEVER_OWNED: ReadonlySet<string> = new Set([
  'name',
  'namespace',
  'creationTimestamp',
  'selfLink',
  'uid',
  'generation',
  'managedFields',
  'resourceVersion',
]);

/** The part of an object that can have owners. @param ignored top-level fields that this write does not reach */
export function ownable(object: JsonObject, ignored: readonly string[]): JsonObject {
  const view: JsonObject = {};
  for (const [field, value] of Object.entries(object)) {
    if (field === 'apiVersion' || field === 'kind' || ignored.includes(field)) continue;
    view[field] = field === 'metadata' ? ownableMetadata(value as JsonObject) : value;
  }
  return view;
}

function ownableMetadata(metadata: JsonObject): JsonObject {
  const view: JsonObject = {};
  for (const [field, value] of Object.entries(metadata)) if (!NEVER_OWNED.has(field)) view[field] = value;
  return view;
}

/** Who owns what after `next` replaced `before`; the same list when nothing changed hands. */
export function afterUpdate(
  before: JsonObject,
  next: JsonObject,
  held: readonly Holding[],
  writer: Writer,
  type: Type,
): readonly Holding[] {
  const comparison = compared(before, next, type);
  const taken = union(comparison.modified, comparison.added);
  if (isEmpty(taken) && isEmpty(comparison.removed)) return held;
  const others = released(held, comparison);
  if (isEmpty(taken)) return others;
  const own = held.find((one) => sameHolder(one, writer));
  const set = union(difference(own?.set ?? EMPTY, comparison.removed), taken);
  return [...others.filter((one) => !sameHolder(one, writer)), { ...writer, set }];
}

/** Without what a write changed or removed. */
function released(held: readonly Holding[], { added, modified, removed }: Comparison): Holding[] {
  const gone = union(union(added, modified), removed);
  return held.map((one) => ({ ...one, set: difference(one.set, gone) })).filter((one) => !isEmpty(one.set));
}

export type Applied =
  | { readonly kind: 'conflict'; readonly conflicts: readonly Conflict[] }
  | { readonly kind: 'applied'; readonly object: JsonObject; readonly held: readonly Holding[] };

/** @param live null when the apply creates the object */
export function afterApply(
  live: JsonObject,
  config: JsonObject,
  held: readonly Holding[],
  writer: Writer,
  type: Type,
  force: boolean,
): Applied {
  const last = held.find((one) => sameHolder(one, writer));
  const mine: Holding = { ...writer, set: fieldsOf(config, type) };
  const holders = [...held.filter((one) => !sameHolder(one, writer)), mine];
  const merged = laidOver(live, config, type) as JsonObject;
  const object = last === undefined ? merged : pruned(merged, last.set, holders, type);
  const comparison = compared(live, object, type);
  const changed = union(comparison.modified, comparison.added);
  const conflicts: Conflict[] = [];
  for (const holder of holders) {
    if (holder === mine) continue;
    const set = intersection(holder.set, changed);
    if (!isEmpty(set)) conflicts.push({ holder, set });
  }
  if (conflicts.length > 0 && !force) return { kind: 'conflict', conflicts };
  const others = released(
    holders.filter((one) => one !== mine),
    comparison,
  );
  const unchanged = last !== undefined && sameSet(last.set, mine.set) && last.apiVersion === mine.apiVersion;
  const nothing = isEmpty(changed) && isEmpty(comparison.removed);
  return {
    kind: 'applied',
    object,
    // an apply that does nothing keeps its time
    held: unchanged && nothing ? held : [...others, { ...mine, set: difference(mine.set, comparison.removed) }],
  };
}

/** `merged` without what the writer applied the last time, unless it or anybody else still holds it. */
function pruned(merged: JsonObject, last: FieldSet, holders: readonly Holding[], type: Type): JsonObject {
  const lastWhole = withParents(last, type);
  const bare = takenOut(merged, lastWhole, type) ?? {};
  const everything = withParents(fieldsOf(merged, type), type);
  const left = withParents(fieldsOf(bare, type), type);
  const managed = withParents(
    holders.reduce<FieldSet>((all, one) => union(all, one.set), EMPTY),
    type,
  );
  const gone = intersection(difference(difference(everything, left), managed), lastWhole);
  return (takenOut(merged, gone, type) ?? {}) as JsonObject;
}
