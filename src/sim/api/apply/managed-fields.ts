/** `metadata.managedFields` read and written: who holds which fields, by which operation, since when. */
import { arrayAt, isObject, type JsonObject, objectAt, textAt } from '../object.ts';
import { type FieldSet, fromJson, isEmpty, toJson, union } from './field-set.ts';

export type Operation = 'Apply' | 'Update';

export type Holding = {
  readonly manager: string;
  readonly operation: Operation;
  readonly apiVersion: string;
  /** '' for the object itself */
  readonly subresource: string;
  readonly time: string;
  readonly set: FieldSet;
};

/** updates by so many different managers are told apart; older ones become one */
const UPDATERS_AT_MOST = 10;
const OLDER_UPDATERS = 'ancient-changes';

/** objects never change, so what was read once holds for as long as the list lives */
const read = new WeakMap<readonly unknown[], readonly Holding[]>();

/** An applier stays the same one across versions of the API. */
export function sameHolder(
  one: Pick<Holding, 'manager' | 'operation' | 'apiVersion' | 'subresource'>,
  other: Pick<Holding, 'manager' | 'operation' | 'apiVersion' | 'subresource'>,
): boolean {
  return (
    one.manager === other.manager &&
    one.operation === other.operation &&
    one.subresource === other.subresource &&
    (one.operation === 'Apply' || one.apiVersion === other.apiVersion)
  );
}

/** Null when one of the entries is not what an entry must be. */
export function holdings(entries: readonly unknown[]): readonly Holding[] | null {
  const known = read.get(entries);
  if (known !== undefined) return known;
  const found: Holding[] = [];
  for (const entry of entries) {
    const operation = textAt(entry, 'operation');
    if (operation !== 'Apply' && operation !== 'Update') return null;
    if (textAt(entry, 'fieldsType') !== 'FieldsV1' || !isObject(entry)) return null;
    found.push({
      manager: textAt(entry, 'manager'),
      operation,
      apiVersion: textAt(entry, 'apiVersion'),
      subresource: textAt(entry, 'subresource'),
      time: textAt(entry, 'time'),
      set: fromJson(objectAt(entry, 'fieldsV1')),
    });
  }
  read.set(entries, found);
  return found;
}

/** A list with one empty entry asks to forget all holders. */
export function asksToForget(metadata: JsonObject): boolean {
  const entries = arrayAt(metadata, 'managedFields');
  return entries.length === 1 && isObject(entries[0]) && Object.keys(entries[0]).length === 0;
}

/** As it is stored: appliers first, then by time. */
export function written(all: readonly Holding[]): JsonObject[] {
  const kept = capped(all.filter((one) => !isEmpty(one.set)));
  const order = (one: Holding): string =>
    `${one.operation}\0${one.time}\0${one.manager}\0${one.apiVersion}\0${one.subresource}`;
  const sorted = kept.toSorted((a, b) => (order(a) < order(b) ? -1 : 1));
  const entries = sorted.map((one) => ({
    manager: one.manager,
    operation: one.operation,
    apiVersion: one.apiVersion,
    ...(one.time === '' ? {} : { time: one.time }),
    fieldsType: 'FieldsV1',
    fieldsV1: toJson(one.set),
    ...(one.subresource === '' ? {} : { subresource: one.subresource }),
  }));
  read.set(entries, sorted);
  return entries;
}

function capped(all: readonly Holding[]): readonly Holding[] {
  const updates = all.filter((one) => one.operation === 'Update' && one.subresource === '');
  if (updates.length <= UPDATERS_AT_MOST) return all;
  const oldest = updates.toSorted((a, b) => (a.time < b.time ? -1 : 1)).slice(0, updates.length - UPDATERS_AT_MOST + 1);
  const merged = oldest.reduce((left, right) => ({
    ...right,
    manager: OLDER_UPDATERS,
    set: union(left.set, right.set),
  }));
  return [...all.filter((one) => !oldest.includes(one)), { ...merged, manager: OLDER_UPDATERS }];
}
