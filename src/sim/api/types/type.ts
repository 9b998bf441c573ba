/** What the API knows of a value's shape: enough to merge it, to say who owns which part, and to write it canonically. */
export type Scalar = 'text' | 'integer' | 'boolean' | 'number' | 'quantity' | 'time' | 'integer-or-text';

export type Struct = {
  readonly name: string;
  readonly fields: ReadonlyMap<string, Field>;
  /** the type of fields that are not declared; null: there may be none */
  readonly rest: Type | null;
};

export type Field = {
  readonly type: Type;
  /** the server writes the field even when nobody set it: as null or empty, or as an empty struct */
  readonly always: 'no' | 'empty' | 'struct';
  /** default of a scalar; keys of list elements fall back to it */
  readonly fallback: string | null;
};

export type ListType = {
  readonly kind: 'list';
  readonly of: Type;
  /** server-side apply: fields that identify an element */
  readonly keys: readonly string[] | null;
  /** server-side apply: a set of plain values */
  readonly set: boolean;
  /** strategic merge: the field that identifies an element; '' for a set of plain values; null: replaced whole */
  readonly patchKey: string | null;
  readonly retainKeys: boolean;
};

export type Type =
  | { readonly kind: 'scalar'; readonly scalar: Scalar }
  /** free form; atomic: one owner for all of it */
  | { readonly kind: 'any'; readonly atomic: boolean }
  | { readonly kind: 'struct'; readonly struct: Struct; readonly atomic: boolean; readonly retainKeys: boolean }
  | { readonly kind: 'map'; readonly of: Type; readonly atomic: boolean }
  | ListType;

/** Objects of unknown shape: fields are owned one by one, lists whole. */
export const FREE_FORM: Type = { kind: 'any', atomic: false };

/** The type of a field. Undefined: the type has no such field. */
export function fieldType(type: Type, field: string): Type | undefined {
  if (type.kind === 'struct') return type.struct.fields.get(field)?.type ?? type.struct.rest ?? undefined;
  if (type.kind === 'map') return type.of;
  return type.kind === 'any' ? type : undefined;
}
