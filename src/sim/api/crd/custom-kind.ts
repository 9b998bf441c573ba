/** One served version of a CustomResourceDefinition as the rules of its kind. */
import type { StatusCause } from '../errors.ts';
import { invalidValue, required } from '../faults.ts';
import { type JsonPath, jsonPath } from '../json-path.ts';
import { arrayAt, isObject, type JsonObject, type KubeObject, objectAt, textAt } from '../object.ts';
import type { Column, KindRules, Resource, ScalePaths } from '../resources.ts';
import { age } from '../table/age.ts';
import { defaulted } from './defaulting.ts';
import { pruned } from './pruning.ts';
import { compileRules, ruleFaults } from './rules.ts';
import { PRESERVE, type Schema } from './schema.ts';
import { listAndResourceFaults, schemaFaults } from './validation.ts';

/** after these faults the rules are not run: they could trip over what the schema already refuses */
const BLOCKING = new Set([
  'FieldValueNotSupported',
  'FieldValueRequired',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
]);
const NOT_CHECKED =
  'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation';

export function schemaOfVersion(version: JsonObject): Schema {
  return objectAt(objectAt(version, 'schema'), 'openAPIV3Schema');
}

/** @param definition a valid one, with its defaults. @param version one of its versions */
export function customResource(definition: KubeObject, version: JsonObject): Resource {
  const spec = objectAt(definition, 'spec');
  const names = objectAt(spec, 'names');
  const subresources = objectAt(version, 'subresources');
  const strings = (list: unknown[]) => list.filter((one) => typeof one === 'string');
  const scale = scalePaths(subresources);
  return {
    group: textAt(spec, 'group'),
    version: textAt(version, 'name'),
    plural: textAt(names, 'plural'),
    singular: textAt(names, 'singular'),
    kind: textAt(names, 'kind'),
    namespaced: textAt(spec, 'scope') === 'Namespaced',
    shortNames: strings(arrayAt(names, 'shortNames')),
    categories: strings(arrayAt(names, 'categories')),
    status: isObject(subresources.status),
    subresources: scale === null ? [] : [{ name: 'scale', kind: 'Scale', groupVersion: 'autoscaling/v1' }],
    rules: customRules(version, scale),
  };
}

function scalePaths(subresources: JsonObject): ScalePaths | null {
  if (!isObject(subresources.scale)) return null;
  const { scale } = subresources;
  return {
    spec: textAt(scale, 'specReplicasPath'),
    status: textAt(scale, 'statusReplicasPath'),
    selector: textAt(scale, 'labelSelectorPath') || null,
  };
}

function customRules(version: JsonObject, scale: ScalePaths | null): KindRules {
  const schema = schemaOfVersion(version);
  const tree = compileRules(schema, '', []);
  const keepsAll = schema[PRESERVE] === true && Object.keys(objectAt(schema, 'properties')).length === 0;
  return {
    schema,
    decode(given) {
      const unknown: string[] = [];
      const known = pruned(given, keepsAll ? { ...schema, [PRESERVE]: true } : schema, '', unknown, true);
      return { object: defaulted(known, schema) as JsonObject, unknown };
    },
    prepared: (next) => next,
    deleting: (object) => object,
    faults(next, old, subresource) {
      const both = [next, old].map((one) => (one === null ? undefined : withoutMetadata(one)));
      const [value, before] = subresource === 'status' ? both.map(statusOnly) : both;
      const faults =
        subresource === 'status'
          ? schemaFaults(value, statusSchema(schema), '', before).map(withinStatus)
          : schemaFaults(value, schema, '', before);
      faults.push(...listAndResourceFaults(value, schema, ''));
      if (scale !== null) faults.push(...scaleFaults(next, scale));
      if (tree !== null && faults.some(({ reason }) => BLOCKING.has(reason)))
        faults.push({ ...invalidValue('<nil>', null, NOT_CHECKED) });
      else faults.push(...ruleFaults(tree, next, old ?? undefined, '').filter(inScope(subresource)));
      return faults;
    },
    columns: columnsOf(version),
    scale,
    selectableFields: new Map(
      arrayAt(version, 'selectableFields').map((one) => {
        const path = textAt(one, 'jsonPath');
        const read = jsonPath(path);
        return [path.replace(/^\./, ''), (object) => textOf(read(object)[0])];
      }),
    ),
  };
}

/** A status write is not refused for what stands in the spec already. */
function inScope(subresource: string): (fault: StatusCause) => boolean {
  if (subresource !== 'status') return () => true;
  return ({ field = '' }) => !field.startsWith('spec');
}

/** The real server names the field whole, but speaks of it as seen from the status. */
function withinStatus(fault: StatusCause): StatusCause {
  return { ...fault, message: fault.message.replace(/(^|: )status\.(\S+ in body)/, '$1$2') };
}

function statusOnly(value: JsonObject | undefined): JsonObject | undefined {
  return value === undefined ? undefined : value.status === undefined ? {} : { status: value.status };
}

function statusSchema(schema: Schema): Schema {
  const { required: _required, ...rest } = schema;
  return rest;
}

/** metadata has rules of its own */
function withoutMetadata(object: KubeObject): JsonObject {
  const { metadata: _metadata, ...rest } = object;
  return rest;
}

function textOf(value: unknown): string {
  return value === undefined || value === null ? '' : String(value);
}

function goType(value: unknown): string {
  if (Array.isArray(value)) return '[]interface {}';
  if (isObject(value)) return 'map[string]interface {}';
  return typeof value === 'number' ? 'float64' : typeof value === 'boolean' ? 'bool' : typeof value;
}

function scaleFaults(object: KubeObject, scale: ScalePaths): StatusCause[] {
  return [scale.spec, scale.status].flatMap((path) => {
    const value = jsonPath(path)(object)[0];
    if (value === undefined || value === null) return [];
    if (typeof value !== 'number' || !Number.isInteger(value)) {
      const why = `${path} accessor error: ${textOf(value)} is of the type ${goType(value)}, expected int64`;
      return [invalidValue(path, 0, why)];
    }
    return value < 0 ? [invalidValue(path, value, 'should be a non-negative integer')] : [];
  });
}

function columnsOf(version: JsonObject): readonly Column[] | null {
  const given = arrayAt(version, 'additionalPrinterColumns').filter(isObject);
  if (given.length === 0) return null;
  return given.map((column) => {
    const path = textAt(column, 'jsonPath');
    const type = textAt(column, 'type');
    const read = jsonPath(path);
    return {
      name: textAt(column, 'name'),
      type,
      format: textAt(column, 'format'),
      description: textAt(column, 'description') || `Custom resource definition column (in JSONPath format): ${path}`,
      priority: typeof column.priority === 'number' ? column.priority : 0,
      cell: (object, nowMs) => customCell(read, type, object, nowMs),
    };
  });
}

/** The first value found, if it is of the column's type; lists and objects as JSON. */
function customCell(read: JsonPath, type: string, object: KubeObject, nowMs: number): unknown {
  const found = read(object);
  const value = found[0];
  if (value === undefined || value === null) return null;
  if (type === 'date') return typeof value === 'string' ? age(value, nowMs) : null;
  if (type === 'integer') return typeof value === 'number' ? Math.trunc(value) : null;
  if (type === 'number') return typeof value === 'number' ? value : null;
  if (type === 'boolean') return typeof value === 'boolean' ? value : null;
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** The `scale` of an object, as autoscaling/v1 writes it. */
export function customScale(object: KubeObject, paths: ScalePaths): KubeObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const number = (path: string) => {
    const value = jsonPath(path)(object)[0];
    return typeof value === 'number' ? value : 0;
  };
  const selector = paths.selector === null ? '' : textOf(jsonPath(paths.selector)(object)[0]);
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, ...(namespace === undefined ? {} : { namespace }), uid, resourceVersion, creationTimestamp },
    spec: { replicas: number(paths.spec) },
    status: { replicas: number(paths.status), ...(selector === '' ? {} : { selector }) },
  };
}

/** The object with as many replicas as a Scale says. */
export function scaled(object: KubeObject, replicas: number, paths: ScalePaths): KubeObject {
  const set = (at: unknown, names: readonly string[]): unknown => {
    const [name, ...rest] = names;
    if (name === undefined) return replicas;
    const parent = isObject(at) ? at : {};
    return { ...parent, [name]: set(parent[name], rest) };
  };
  return set(object, paths.spec.split('.').slice(1)) as KubeObject;
}

function isPath(path: string): boolean {
  try {
    jsonPath(path);
    return true;
  } catch {
    return false;
  }
}

/** Faults of a path that must be like `.spec.replicas`. */
export function simplePathFaults(path: string, field: string, mayBeAbsent: boolean): StatusCause[] {
  if (path === '') return mayBeAbsent ? [] : [required(field)];
  return path.startsWith('.') && isPath(path)
    ? []
    : [invalidValue(field, path, 'must be a simple json path starting with .')];
}
