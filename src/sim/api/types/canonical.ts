/**
 * An object as the real server would read and write it again: unknown fields, nulls and empty maps and lists are gone,
 * quantities are canonical, structs that are always written are there.
 */
import { badRequest } from '../errors.ts';
import { isObject, type JsonObject } from '../object.ts';
import { BILLIONTHS, quantityText, THOUSANDTHS } from './quantity-text.ts';
import type { Field, Scalar, Type } from './type.ts';

const GO_TYPES: Readonly<Record<Scalar, string>> = {
  text: 'string',
  integer: 'int32',
  boolean: 'bool',
  number: 'float64',
  quantity: 'resource.Quantity',
  time: 'Time',
  'integer-or-text': 'intstr.IntOrString',
};

type Place = { readonly kind: string; readonly version: string; readonly unknown: string[] };

/**
 * Returns `value` itself when it is canonical already. `unknown` receives the paths of fields that the type does not have.
 * Throws 400 for a value that its field cannot hold.
 */
export function canonicalObject(value: JsonObject, type: Type, unknown: string[] = []): JsonObject {
  const place = { kind: String(value.kind ?? ''), version: String(value.apiVersion ?? ''), unknown };
  return canonical(value, type, place, '') as JsonObject;
}

function refuse(place: Place, path: string, value: unknown, wanted: string): never {
  const given = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
  throw badRequest(
    `${place.kind} in version "${place.version.split('/').at(-1)}" cannot be handled as a ${place.kind}: json: cannot unmarshal ${given} into Go struct field ${place.kind}${path} of type ${wanted}`,
  );
}

function canonical(value: unknown, type: Type, place: Place, path: string): unknown {
  switch (type.kind) {
    case 'any':
      return value;
    case 'scalar':
      return scalar(value, type.scalar, place, path);
    case 'list':
      if (!Array.isArray(value)) return refuse(place, path, value, '[]');
      return list(value, type.of, place, path);
    case 'map':
      if (!isObject(value)) return refuse(place, path, value, 'map[string]');
      return map(value, type.of, place, path);
    case 'struct':
      if (!isObject(value)) return refuse(place, path, value, type.struct.name);
      return struct(value, type.struct.fields, type.struct.rest, place, path);
  }
}

function scalar(value: unknown, kind: Scalar, place: Place, path: string): unknown {
  switch (kind) {
    case 'text':
    case 'time':
      if (typeof value !== 'string') return refuse(place, path, value, GO_TYPES[kind]);
      return value;
    case 'integer':
      if (typeof value !== 'number' || !Number.isInteger(value)) return refuse(place, path, value, GO_TYPES[kind]);
      return value;
    case 'number':
      if (typeof value !== 'number') return refuse(place, path, value, GO_TYPES[kind]);
      return value;
    case 'boolean':
      if (typeof value !== 'boolean') return refuse(place, path, value, GO_TYPES[kind]);
      return value;
    case 'integer-or-text':
      if (typeof value !== 'number' && typeof value !== 'string') return refuse(place, path, value, GO_TYPES[kind]);
      return value;
    case 'quantity':
      return quantity(value, BILLIONTHS, place);
  }
}

function quantity(value: unknown, finest: typeof BILLIONTHS | typeof THOUSANDTHS, place: Place): string {
  const text = quantityText(value, finest);
  if (text !== null) return text;
  throw badRequest(
    `${place.kind} in version "${place.version.split('/').at(-1)}" cannot be handled as a ${place.kind}: quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'`,
  );
}

function list(given: readonly unknown[], of: Type, place: Place, path: string): unknown {
  let changed: unknown[] | null = null;
  for (let at = 0; at < given.length; at += 1) {
    const next = given[at] === null ? null : canonical(given[at], of, place, path);
    if (next !== given[at]) {
      changed ??= [...given];
      changed[at] = next;
    }
  }
  return changed ?? given;
}

function map(given: JsonObject, of: Type, place: Place, path: string): unknown {
  let changed: JsonObject | null = null;
  const amounts = of.kind === 'scalar' && of.scalar === 'quantity';
  for (const [key, value] of Object.entries(given)) {
    if (amounts && value !== null) {
      const text = quantity(value, THOUSANDTHS, place);
      if (text !== value) {
        changed ??= { ...given };
        changed[key] = text;
      }
      continue;
    }
    // null in a map of texts is the empty text; in other maps the entry stays empty
    const next =
      value === null ? (of.kind === 'scalar' && of.scalar === 'text' ? '' : null) : canonical(value, of, place, path);
    if (next !== value) {
      changed ??= { ...given };
      changed[key] = next;
    }
  }
  return changed ?? given;
}

/** Lists and maps that are empty are not written; where their field always is, it is null. */
function isNothing(value: unknown, type: Type): boolean {
  if (value === null) return true;
  if (type.kind === 'list') return Array.isArray(value) && value.length === 0;
  return type.kind === 'map' && isObject(value) && Object.keys(value).length === 0;
}

/** what a field without a value holds, where it is always written */
function nothing(type: Type): unknown {
  if (type.kind !== 'scalar' || type.scalar === 'time') return null;
  if (type.scalar === 'text') return '';
  if (type.scalar === 'quantity') return '0';
  return type.scalar === 'boolean' ? false : 0;
}

function struct(
  given: JsonObject,
  fields: ReadonlyMap<string, Field>,
  rest: Type | null,
  place: Place,
  path: string,
): unknown {
  let changed: JsonObject | null = null;
  for (const name of Object.keys(given)) {
    const value = given[name];
    const field = fields.get(name);
    if (field === undefined) {
      if (rest !== null) continue;
      place.unknown.push(`${path}.${name}`.slice(1));
    } else if (!isNothing(value, field.type)) {
      const next = canonical(value, field.type, place, `${path}.${name}`);
      if (next === value) continue;
      changed ??= { ...given };
      changed[name] = next;
      continue;
    } else if (field.always === 'empty' && value === nothing(field.type)) {
      continue;
    }
    changed ??= { ...given };
    delete changed[name];
  }
  for (const [name, field] of fields) {
    if (field.always === 'no' || (changed ?? given)[name] !== undefined) continue;
    changed ??= { ...given };
    changed[name] =
      field.always === 'struct' && field.type.kind === 'struct'
        ? struct({}, field.type.struct.fields, null, place, path)
        : nothing(field.type);
  }
  return changed ?? given;
}

/** What the server would write for an object with nothing set: the state before a creation. */
export function zero(type: Type): JsonObject {
  const made: JsonObject = {};
  if (type.kind !== 'struct') return made;
  for (const [name, field] of type.struct.fields) {
    if (field.always === 'struct') made[name] = zero(field.type);
    else if (field.always === 'empty') made[name] = nothing(field.type);
  }
  return made;
}
