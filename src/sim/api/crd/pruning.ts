/** Takes out the fields that a schema does not know, and says which they were. Copies only what changes. */
import { isObject, type JsonObject } from '../object.ts';
import { EMBEDDED, fieldPath, fieldSchema, itemSchema, keepsUnknown, type Schema } from './schema.ts';

const TYPE_META = new Set(['apiVersion', 'kind', 'metadata']);
const META_FIELDS = new Set(
  (
    'name generateName namespace selfLink uid resourceVersion generation creationTimestamp deletionTimestamp ' +
    'deletionGracePeriodSeconds labels annotations ownerReferences finalizers managedFields'
  ).split(' '),
);

/** @param unknown gets the paths of the fields that were taken out */
export function pruned(value: unknown, schema: Schema, path: string, unknown: string[], isResource = false): unknown {
  if (Array.isArray(value)) {
    const items = itemSchema(schema);
    if (items === null) return value;
    const next = value.map((one, index) => pruned(one, items, `${path}[${index}]`, unknown));
    return next.some((one, index) => one !== value[index]) ? next : value;
  }
  if (!isObject(value)) return value;
  const resource = isResource || schema[EMBEDDED] === true;
  let next: JsonObject | null = null;
  for (const [name, child] of Object.entries(value)) {
    const at = fieldPath(path, name);
    if (resource && TYPE_META.has(name)) {
      if (name !== 'metadata' || !isObject(child)) continue;
      const metadata = prunedMetadata(child, at, unknown);
      if (metadata !== child) next = { ...(next ?? value), metadata };
      continue;
    }
    const known = fieldSchema(schema, name);
    if (known === null) {
      if (keepsUnknown(schema)) continue;
      unknown.push(at);
      next = { ...(next ?? value) };
      delete next[name];
      continue;
    }
    const kept = pruned(child, known, at, unknown);
    if (kept !== child) next = { ...(next ?? value), [name]: kept };
  }
  return next ?? value;
}

function prunedMetadata(metadata: JsonObject, path: string, unknown: string[]): JsonObject {
  const strange = Object.keys(metadata).filter((name) => !META_FIELDS.has(name));
  if (strange.length === 0) return metadata;
  unknown.push(...strange.map((name) => fieldPath(path, name)));
  return Object.fromEntries(Object.entries(metadata).filter(([name]) => META_FIELDS.has(name)));
}
