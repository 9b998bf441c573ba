/** Fills in what a schema has defaults for, and drops nulls that may not be there. Copies only what changes. */
import { isObject, type JsonObject } from '../object.ts';
import { fieldSchema, itemSchema, propertiesOf, type Schema } from './schema.ts';

export function defaulted(value: unknown, schema: Schema): unknown {
  if (Array.isArray(value)) {
    const items = itemSchema(schema);
    if (items === null) return value;
    const next = value.map((one) => defaulted(one, items));
    return next.some((one, index) => one !== value[index]) ? next : value;
  }
  if (!isObject(value)) return value;
  let next: JsonObject = value;
  const set = (name: string, child: unknown) => {
    if (next === value) next = { ...value };
    if (child === undefined) delete next[name];
    else next[name] = child;
  };
  for (const [name, property] of propertiesOf(schema)) {
    // a null that is not allowed counts as absent where there is a default, and is dropped anyway
    if (next[name] === null && property.nullable !== true) set(name, undefined);
    if (next[name] === undefined && property.default !== undefined) set(name, structuredClone(property.default));
  }
  for (const [name, child] of Object.entries(next)) {
    const known = fieldSchema(schema, name);
    if (known === null) continue;
    const filled = defaulted(child, known);
    if (filled !== child) set(name, filled);
  }
  return next;
}
