/**
 * A value against its schema, with every fault in the API server's words. Text of each fault is as go-openapi/validate and
 * apiextensions-apiserver write it: clients and people grep for it.
 */
import { isDeepStrictEqual } from 'node:util';
import { regex } from '../../cel/re2.ts';
import type { StatusCause } from '../errors.ts';
import { duplicate, goJson, invalidValue, required, unsupported } from '../faults.ts';
import { arrayAt, isObject, type JsonObject, numberAt, objectAt, textAt } from '../object.ts';
import { hasFormat } from './formats.ts';
import {
  EMBEDDED,
  fieldPath,
  fieldSchema,
  INT_OR_STRING,
  itemSchema,
  LIST_KEYS,
  LIST_TYPE,
  propertiesOf,
  type Schema,
  typeOf,
} from './schema.ts';

/** JSON's name of a value's type, with Go's difference between whole and other numbers. */
export function jsonType(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

function hasType(value: unknown, type: string): boolean {
  const actual = jsonType(value);
  return actual === type || (type === 'number' && actual === 'integer');
}

/**
 * All faults of a value. @param path '' at the root
 * @param old what stood there before: what did not change is not held against an update (undefined: nothing stood there)
 */
export function schemaFaults(value: unknown, schema: Schema, path: string, old?: unknown): StatusCause[] {
  if (value === null && schema.nullable === true) return [];
  if (old !== undefined && isDeepStrictEqual(value, old)) return [];
  const inBody = (why: string) => `${path} in body ${why}`;
  const faults: StatusCause[] = [];
  const actual = jsonType(value);
  const wrongType = (wanted: string): StatusCause => ({
    reason: 'FieldValueTypeInvalid',
    message: `Invalid value: ${JSON.stringify(actual)}: ${inBody(`must be of type ${wanted}: ${JSON.stringify(actual)}`)}`,
    field: path,
  });
  const type = typeOf(schema);
  if (schema[INT_OR_STRING] === true && actual !== 'integer' && actual !== 'string')
    return [wrongType('integer,string')];
  if (type !== '' && schema[INT_OR_STRING] !== true && !hasType(value, type)) faults.push(wrongType(type));
  else if (typeof value === 'number') faults.push(...numberFaults(value, schema, path, inBody));
  else if (typeof value === 'string') faults.push(...textFaults(value, schema, path, inBody));
  else if (Array.isArray(value)) faults.push(...listFaults(value, schema, path));
  else if (isObject(value)) faults.push(...objectFaults(value, schema, path, old));
  const allowed = arrayAt(schema, 'enum');
  if (allowed.length > 0 && !allowed.some((one) => isDeepStrictEqual(one, value)))
    faults.push(unsupported(path, value, allowed));
  faults.push(...combined(value, schema, path));
  return faults;
}

function numberFaults(value: number, schema: Schema, path: string, inBody: (why: string) => string): StatusCause[] {
  const faults: StatusCause[] = [];
  const minimum = numberAt(schema, 'minimum');
  const maximum = numberAt(schema, 'maximum');
  const multiple = numberAt(schema, 'multipleOf');
  const add = (why: string) => faults.push(invalidValue(path, value, inBody(why)));
  if (maximum !== null && schema.exclusiveMaximum === true && value >= maximum) add(`should be less than ${maximum}`);
  else if (maximum !== null && value > maximum) add(`should be less than or equal to ${maximum}`);
  if (minimum !== null && schema.exclusiveMinimum === true && value <= minimum)
    add(`should be greater than ${minimum}`);
  else if (minimum !== null && value < minimum) add(`should be greater than or equal to ${minimum}`);
  if (multiple !== null && !Number.isInteger(value / multiple)) add(`should be a multiple of ${multiple}`);
  return faults;
}

const patterns = new Map<string, ReturnType<typeof regex>>();
function pattern(source: string): ReturnType<typeof regex> {
  let compiled = patterns.get(source);
  if (compiled === undefined) {
    compiled = regex(source);
    patterns.set(source, compiled);
  }
  return compiled;
}

function textFaults(value: string, schema: Schema, path: string, inBody: (why: string) => string): StatusCause[] {
  const faults: StatusCause[] = [];
  const shortest = numberAt(schema, 'minLength');
  const longest = numberAt(schema, 'maxLength');
  const characters = shortest !== null || longest !== null ? [...value].length : 0;
  const source = textAt(schema, 'pattern');
  const format = textAt(schema, 'format');
  if (longest !== null && characters > longest) {
    const message = `Too long: may not be more than ${longest} bytes`;
    faults.push({ reason: 'FieldValueTooLong', message, field: path });
  } else if (shortest !== null && characters < shortest) {
    faults.push(invalidValue(path, value, inBody(`should be at least ${shortest} chars long`)));
  } else if (source !== '' && !pattern(source).test(value)) {
    faults.push(invalidValue(path, value, inBody(`should match '${source}'`)));
  }
  if (format !== '' && !hasFormat(value, format)) {
    const message = `Invalid value: ${JSON.stringify(value)}: ${inBody(`must be of type ${format}: ${JSON.stringify(value)}`)}`;
    faults.push({ reason: 'FieldValueTypeInvalid', message, field: path });
  }
  return faults;
}

function listFaults(list: readonly unknown[], schema: Schema, path: string): StatusCause[] {
  const faults: StatusCause[] = [];
  const most = numberAt(schema, 'maxItems');
  const fewest = numberAt(schema, 'minItems');
  if (most !== null && list.length > most) {
    const message = `Too many: ${list.length}: must have at most ${most} items`;
    faults.push({ reason: 'FieldValueTooMany', message, field: path });
  }
  if (fewest !== null && list.length < fewest)
    faults.push(invalidValue(path, list.length, `${path} in body should have at least ${fewest} items`));
  const items = itemSchema(schema);
  if (items !== null)
    for (const [index, one] of list.entries()) faults.push(...schemaFaults(one, items, `${path}[${index}]`));
  return faults;
}

function objectFaults(object: JsonObject, schema: Schema, path: string, old: unknown): StatusCause[] {
  const faults: StatusCause[] = [];
  const most = numberAt(schema, 'maxProperties');
  const fewest = numberAt(schema, 'minProperties');
  const count = Object.keys(object).length;
  if (most !== null && count > most) {
    const message = `Too many: ${count}: must have at most ${most} items`;
    faults.push({ reason: 'FieldValueTooMany', message, field: path });
  }
  if (fewest !== null && count < fewest)
    faults.push(invalidValue(path, count, `${path} in body should have at least ${fewest} properties`));
  for (const name of arrayAt(schema, 'required')) {
    if (typeof name === 'string' && object[name] === undefined) faults.push(required(fieldPath(path, name)));
  }
  for (const [name, child] of Object.entries(object)) {
    const known = fieldSchema(schema, name);
    if (known !== null)
      faults.push(...schemaFaults(child, known, fieldPath(path, name), isObject(old) ? old[name] : undefined));
  }
  return faults;
}

function combined(value: unknown, schema: Schema, path: string): StatusCause[] {
  const passes = (one: unknown) => isObject(one) && schemaFaults(value, one, path).length === 0;
  const fault = (why: string): StatusCause => ({
    reason: 'FieldValueInvalid',
    message: `Invalid value: "": ${JSON.stringify(path)} must ${why}`,
    field: '<nil>',
  });
  const faults: StatusCause[] = [];
  const anyOf = arrayAt(schema, 'anyOf');
  const oneOf = arrayAt(schema, 'oneOf');
  if (anyOf.length > 0 && !anyOf.some(passes)) faults.push(fault('validate at least one schema (anyOf)'));
  if (oneOf.length > 0) {
    const valid = oneOf.filter(passes).length;
    if (valid !== 1) {
      const found = valid === 0 ? 'Found none valid' : `Found ${valid} valid alternatives`;
      faults.push(fault(`validate one and only one schema (oneOf). ${found}`));
    }
  }
  for (const one of arrayAt(schema, 'allOf')) if (isObject(one)) faults.push(...schemaFaults(value, one, path));
  if (isObject(schema.not) && passes(schema.not)) faults.push(fault('not validate the schema (not)'));
  return faults;
}

/** Sets and maps that hold an element twice, and embedded objects without kind. They come after the schema's own faults. */
export function listAndResourceFaults(value: unknown, schema: Schema, path: string): StatusCause[] {
  if (Array.isArray(value)) {
    const items = itemSchema(schema);
    const inside =
      items === null ? [] : value.flatMap((one, at) => listAndResourceFaults(one, items, `${path}[${at}]`));
    return [...repeated(value, schema, path), ...inside];
  }
  if (!isObject(value)) return [];
  const faults: StatusCause[] = [];
  if (schema[EMBEDDED] === true) {
    for (const name of ['apiVersion', 'kind'])
      if (textAt(value, name) === '') faults.push(required(fieldPath(path, name)));
  }
  for (const [name, child] of Object.entries(value)) {
    const known = fieldSchema(schema, name);
    if (known !== null) faults.push(...listAndResourceFaults(child, known, fieldPath(path, name)));
  }
  return faults;
}

function repeated(list: readonly unknown[], schema: Schema, path: string): StatusCause[] {
  const type = textAt(schema, LIST_TYPE);
  if (type !== 'set' && type !== 'map') return [];
  const keys = arrayAt(schema, LIST_KEYS).filter((key) => typeof key === 'string');
  const defaults = new Map(propertiesOf(itemSchema(schema) ?? {}).map(([name, one]) => [name, one.default]));
  const seen = new Map<string, number>();
  const faults: StatusCause[] = [];
  for (const [index, one] of list.entries()) {
    const identity: unknown =
      type === 'set'
        ? one
        : Object.fromEntries(keys.map((key) => [key, objectAt({ one }, 'one')[key] ?? defaults.get(key)]));
    const text = goJson(identity);
    const times = (seen.get(text) ?? 0) + 1;
    seen.set(text, times);
    if (times === 2) faults.push(duplicate(`${path}[${index}]`, identity));
  }
  return faults;
}
