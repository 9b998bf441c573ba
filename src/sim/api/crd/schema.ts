/** A structural schema as the definition wrote it, and the few questions that everything here asks of it. */
import { isObject, type JsonObject, objectAt, textAt } from '../object.ts';

export type Schema = JsonObject;

export const PRESERVE = 'x-kubernetes-preserve-unknown-fields';
export const EMBEDDED = 'x-kubernetes-embedded-resource';
export const INT_OR_STRING = 'x-kubernetes-int-or-string';
export const LIST_TYPE = 'x-kubernetes-list-type';
export const LIST_KEYS = 'x-kubernetes-list-map-keys';
export const RULES = 'x-kubernetes-validations';

export function propertiesOf(schema: Schema): [string, Schema][] {
  return Object.entries(objectAt(schema, 'properties')).filter((entry): entry is [string, Schema] =>
    isObject(entry[1]),
  );
}

/** The schema of a named field: its own, or that of a map's values; null when the schema says nothing of it. */
export function fieldSchema(schema: Schema, name: string): Schema | null {
  const properties = objectAt(schema, 'properties');
  const own = Object.hasOwn(properties, name) ? properties[name] : undefined;
  if (isObject(own)) return own;
  const { additionalProperties } = schema;
  return isObject(additionalProperties) ? additionalProperties : null;
}

export function itemSchema(schema: Schema): Schema | null {
  return isObject(schema.items) ? schema.items : null;
}

export function keepsUnknown(schema: Schema): boolean {
  return schema[PRESERVE] === true || schema.additionalProperties === true;
}

export function isMap(schema: Schema): boolean {
  return isObject(schema.additionalProperties) || schema.additionalProperties === true;
}

export function typeOf(schema: Schema): string {
  return textAt(schema, 'type');
}

/** `spec.list[0].name`; keys of maps are written as fields, as the real API server does. */
export function fieldPath(parent: string, name: string): string {
  return parent === '' ? name : `${parent}.${name}`;
}
