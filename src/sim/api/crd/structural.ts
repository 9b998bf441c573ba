/** What makes a schema structural, and what else the API server refuses in one, in its words and with its paths. */
import { regex } from '../../cel/re2.ts';
import type { StatusCause } from '../errors.ts';
import { forbidden, goJson, invalidValue, required, unsupported } from '../faults.ts';
import { arrayAt, isObject, objectAt, textAt } from '../object.ts';
import { pruned } from './pruning.ts';
import {
  EMBEDDED,
  INT_OR_STRING,
  itemSchema,
  LIST_KEYS,
  LIST_TYPE,
  PRESERVE,
  propertiesOf,
  type Schema,
  typeOf,
} from './schema.ts';
import { schemaFaults } from './validation.ts';

const TYPES = ['array', 'boolean', 'integer', 'number', 'object', 'string'];
const NOT_SUPPORTED = ['$ref', 'patternProperties', 'dependencies', 'definitions', 'additionalItems', 'id', '$schema'];
/** what may stand inside allOf, anyOf, oneOf, not only as a check, never as a definition */
const NOT_IN_CHECKS = ['type', 'default', 'nullable', 'title', 'description', 'additionalProperties', PRESERVE];

type Place = 'root' | 'field' | 'item' | 'values';
const MISSING: Readonly<Record<Place, string>> = {
  root: 'must not be empty at the root',
  field: 'must not be empty for specified object fields',
  item: 'must not be empty for specified array items',
  values: 'must not be empty for specified object fields',
};

export function structuralFaults(schema: Schema, path: string, place: Place = 'root'): StatusCause[] {
  const faults: StatusCause[] = [];
  const type = typeOf(schema);
  const preserve = schema[PRESERVE];
  if (type === '' && schema[INT_OR_STRING] !== true && (preserve !== true || place === 'root'))
    faults.push(required(`${path}.type`, MISSING[place]));
  else if (type !== '' && !TYPES.includes(type)) faults.push(unsupported(`${path}.type`, type, TYPES));
  else if (place === 'root' && type !== 'object')
    faults.push(invalidValue(`${path}.type`, type, 'must be object at the root'));
  for (const field of NOT_SUPPORTED)
    if (schema[field] !== undefined) faults.push(forbidden(`${path}.${field}`, `${field} is not supported`));
  if (schema.uniqueItems === true) {
    const why = 'uniqueItems cannot be set to true since the runtime complexity becomes quadratic';
    faults.push(forbidden(`${path}.uniqueItems`, why));
  }
  if (preserve !== undefined && preserve !== true)
    faults.push(invalidValue(`${path}.${PRESERVE}`, preserve, 'must be true or undefined'));
  if (schema[EMBEDDED] === true) {
    if (propertiesOf(schema).length === 0 && preserve !== true) {
      const why = `must not be empty if ${EMBEDDED} is true without ${PRESERVE}`;
      faults.push(required(`${path}.properties`, why));
    }
    if (type !== 'object') faults.push(invalidValue(`${path}.type`, type, `must be object if ${EMBEDDED} is true`));
  }
  if (schema.additionalProperties !== undefined && propertiesOf(schema).length > 0)
    faults.push(forbidden(`${path}.additionalProperties`, 'additionalProperties and properties are mutual exclusive'));
  const pattern = textAt(schema, 'pattern');
  const objection = pattern === '' ? null : objectionTo(pattern);
  if (objection !== null) {
    const why = `must be a valid regular expression, but isn't: ${objection}`;
    faults.push(invalidValue(`${path}.pattern`, pattern, why));
  }
  faults.push(...listFaults(schema, path), ...checkFaults(schema, path), ...defaultFaults(schema, path));
  if (place === 'root') {
    const metadata = objectAt(objectAt(schema, 'properties'), 'metadata');
    if (propertiesOf(metadata).some(([name]) => name !== 'name' && name !== 'generateName')) {
      const why = 'must not specify anything other than name and generateName, but metadata is implicitly specified';
      faults.push(forbidden(`${path}.properties[metadata]`, why));
    }
  }
  for (const [name, one] of propertiesOf(schema))
    faults.push(...structuralFaults(one, `${path}.properties[${name}]`, 'field'));
  if (isObject(schema.additionalProperties))
    faults.push(...structuralFaults(schema.additionalProperties, `${path}.additionalProperties`, 'values'));
  const items = itemSchema(schema);
  if (items !== null) faults.push(...structuralFaults(items, `${path}.items`, 'item'));
  return faults;
}

function objectionTo(pattern: string): string | null {
  try {
    regex(pattern);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

function listFaults(schema: Schema, path: string): StatusCause[] {
  const faults: StatusCause[] = [];
  const items = itemSchema(schema);
  if (typeOf(schema) === 'array' && items === null) {
    if (Array.isArray(schema.items))
      faults.push(forbidden(`${path}.items`, 'items must be a schema object and not an array'));
    else faults.push(required(`${path}.items`, 'must be specified'));
  }
  const listType = textAt(schema, LIST_TYPE);
  const keys = arrayAt(schema, LIST_KEYS);
  if (listType !== '' && !['atomic', 'set', 'map'].includes(listType))
    faults.push(unsupported(`${path}.${LIST_TYPE}`, listType, ['atomic', 'set', 'map']));
  if (listType === 'map' && keys.length === 0)
    faults.push(required(`${path}.${LIST_KEYS}`, `must not be empty if ${LIST_TYPE} is map`));
  const names = new Set(propertiesOf(items ?? {}).map(([name]) => name));
  if (keys.some((key) => typeof key !== 'string' || !names.has(key)))
    faults.push(invalidValue(`${path}.${LIST_KEYS}`, keys, 'entries must all be names of item properties'));
  if (listType === 'set' && items !== null) {
    const kind = typeOf(items);
    const atomic = items['x-kubernetes-map-type'] === 'atomic' || items[LIST_TYPE] === 'atomic';
    if ((kind === 'object' || kind === 'array') && !atomic) {
      const field = kind === 'object' ? 'x-kubernetes-map-type' : LIST_TYPE;
      const why = `must be atomic as item of a list with ${LIST_TYPE}=set`;
      faults.push(invalidValue(`${path}.items.${field}`, items[field] ?? null, why));
    }
  }
  return faults;
}

function checkFaults(schema: Schema, path: string): StatusCause[] {
  const inside = (check: unknown, at: string): StatusCause[] => {
    if (!isObject(check)) return [];
    const own = NOT_IN_CHECKS.filter(
      (field) =>
        check[field] !== undefined &&
        // the three forms in which an int-or-string may say its types
        !(field === 'type' && schema[INT_OR_STRING] === true),
    ).map((field) => forbidden(`${at}.${field}`, 'must be empty to be structural'));
    const nested = propertiesOf(check).flatMap(([name, one]) => inside(one, `${at}.properties[${name}]`));
    const items = itemSchema(check);
    return [...own, ...nested, ...(items === null ? [] : inside(items, `${at}.items`)), ...all(check, at)];
  };
  const all = (from: Schema, at: string): StatusCause[] => [
    ...['allOf', 'anyOf', 'oneOf'].flatMap((kind) =>
      arrayAt(from, kind).flatMap((one, index) => inside(one, `${at}.${kind}[${index}]`)),
    ),
    ...inside(from.not, `${at}.not`),
  ];
  return all(schema, path);
}

function defaultFaults(schema: Schema, path: string): StatusCause[] {
  const { default: given } = schema;
  if (given === undefined) return [];
  const unknown: string[] = [];
  pruned(given, schema, '', unknown);
  if (unknown.length > 0)
    return [
      {
        reason: 'FieldValueInvalid',
        message: `Invalid value: ${goJson(given)}: must not have unknown fields`,
        field: `${path}.default`,
      },
    ];
  return schemaFaults(given, schema, '').map((fault) => ({ ...fault, field: `${path}.default${fault.field ?? ''}` }));
}
