/** The type that an OpenAPI v3 schema of a CustomResourceDefinition describes. */
import { arrayAt, isObject, type JsonObject, objectAt, textAt } from '../object.ts';
import { type Field, FREE_FORM, type Scalar, type Type } from './type.ts';

const SCALARS: Readonly<Record<string, Scalar>> = {
  string: 'text',
  integer: 'integer',
  boolean: 'boolean',
  number: 'number',
};

/** @param metadata the type of `metadata`, which a definition's schema does not describe */
export function customType(schema: JsonObject, metadata: Type): Type {
  const described = typeOfSchema(schema);
  const fields = new Map(described.kind === 'struct' ? described.struct.fields : []);
  const rest = described.kind === 'struct' ? described.struct.rest : FREE_FORM;
  const text: Field = { type: { kind: 'scalar', scalar: 'text' }, always: 'no', fallback: null };
  fields.set('apiVersion', text);
  fields.set('kind', text);
  fields.set('metadata', { type: metadata, always: 'struct', fallback: null });
  return { kind: 'struct', struct: { name: 'custom', fields, rest }, atomic: false, retainKeys: false };
}

export function typeOfSchema(schema: JsonObject): Type {
  if (schema['x-kubernetes-int-or-string'] === true) return { kind: 'scalar', scalar: 'integer-or-text' };
  const atomic = schema['x-kubernetes-map-type'] === 'atomic';
  const type = textAt(schema, 'type');
  if (type === 'array') {
    const list = textAt(schema, 'x-kubernetes-list-type');
    const keys = arrayAt(schema, 'x-kubernetes-list-map-keys').filter((key) => typeof key === 'string');
    return {
      kind: 'list',
      of: typeOfSchema(objectAt(schema, 'items')),
      keys: list === 'map' ? keys : null,
      set: list === 'set',
      patchKey: null,
      retainKeys: false,
    };
  }
  const properties = objectAt(schema, 'properties');
  if (Object.keys(properties).length > 0) {
    const rest = schema['x-kubernetes-preserve-unknown-fields'] === true ? FREE_FORM : null;
    const fields = new Map<string, Field>();
    for (const [name, property] of Object.entries(properties)) {
      const fallback = isObject(property) && typeof property.default === 'string' ? property.default : null;
      fields.set(name, { type: typeOfSchema(isObject(property) ? property : {}), always: 'no', fallback });
    }
    return { kind: 'struct', struct: { name: 'custom', fields, rest }, atomic, retainKeys: false };
  }
  if (isObject(schema.additionalProperties))
    return { kind: 'map', of: typeOfSchema(schema.additionalProperties), atomic };
  const scalar = SCALARS[type];
  return scalar ? { kind: 'scalar', scalar } : atomic ? { kind: 'any', atomic: true } : FREE_FORM;
}
