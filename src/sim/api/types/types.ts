/** Which type an object of a resource has. */
import type { JsonObject } from '../object.ts';
import { groupVersion, type Resource } from '../resources.ts';
import { BUILT_IN } from './built-in.ts';
import { readTypes } from './notation.ts';
import { customType } from './of-schema.ts';
import type { Type } from './type.ts';

/** fields that the server always writes, though its OpenAPI calls them optional */
const ALSO_WRITTEN: Readonly<Record<string, readonly string[]>> = {
  HorizontalPodAutoscalerStatus: ['currentMetrics'],
  PodDisruptionBudgetStatus: ['currentHealthy', 'desiredHealthy', 'disruptionsAllowed', 'expectedPods'],
  StatefulSetStatus: ['availableReplicas'],
};

const TYPES = readTypes(BUILT_IN, ALSO_WRITTEN);
const METADATA: Type = {
  kind: 'struct',
  struct: TYPES.structs.get('ObjectMeta')!,
  atomic: false,
  retainKeys: false,
};
/** metadata is known, everything else is free */
const NO_SCHEMA: JsonObject = {};
const CUSTOM = new WeakMap<JsonObject, Type>();

/** Null for kinds that are not built in. */
export function builtInType(resource: Resource): Type | null {
  return TYPES.byKind.get(`${groupVersion(resource)}/${resource.kind}`) ?? null;
}

/** The type of objects of a resource; `schema` is that of its definition when it has one. */
export function typeOfResource(resource: Resource, schema: JsonObject | null): Type {
  const builtIn = builtInType(resource);
  if (builtIn !== null) return builtIn;
  const known = schema ?? NO_SCHEMA;
  let type = CUSTOM.get(known);
  if (type === undefined) {
    type = customType(known, METADATA);
    CUSTOM.set(known, type);
  }
  return type;
}
