/**
 * Strategic merge patch for the built-in kinds: like a merge patch, but lists whose elements have a key are merged by it.
 * A list without an entry here is replaced whole, as Kubernetes does for its atomic lists (taints, tolerations, …).
 */
import { badRequest } from './errors.ts';
import { isObject, type JsonObject } from './object.ts';

/** field name of a list → the keys that identify an element; the first one an element carries counts */
const MERGE_KEYS: Readonly<Record<string, readonly string[]>> = {
  addresses: ['type'],
  conditions: ['type'],
  containers: ['name'],
  env: ['name'],
  ephemeralContainers: ['name'],
  hostAliases: ['ip'],
  imagePullSecrets: ['name'],
  initContainers: ['name'],
  ownerReferences: ['uid'],
  podIPs: ['ip'],
  ports: ['containerPort', 'port'],
  resourceClaims: ['name'],
  schedulingGates: ['name'],
  secrets: ['name'],
  topologySpreadConstraints: ['topologyKey'],
  volumeDevices: ['devicePath'],
  volumeMounts: ['mountPath'],
  volumes: ['name'],
  webhooks: ['name'],
};

/** lists of plain values that are merged as sets */
const MERGED_SETS: ReadonlySet<string> = new Set(['finalizers']);

const DELETE_FROM_SET = '$deleteFromPrimitiveList/';

function identity(element: JsonObject, keys: readonly string[]): string | null {
  const key = keys.find((name) => element[name] !== undefined);
  return key === undefined ? null : `${key}=${String(element[key])}`;
}

function mergeKeyedList(field: string, current: readonly unknown[], patch: readonly unknown[]): unknown[] {
  const keys = MERGE_KEYS[field] ?? [];
  const elements = patch.filter(isObject);
  if (elements.some((element) => element.$patch === 'replace')) {
    return elements.filter((element) => element.$patch !== 'replace').map((element) => strategicMerge({}, element));
  }
  const merged = [...current];
  for (const element of elements) {
    const id = identity(element, keys);
    if (id === null) throw badRequest(`an element of ${field} in the patch lacks its key ${keys[0]}`);
    const at = merged.findIndex((candidate) => isObject(candidate) && identity(candidate, keys) === id);
    if (element.$patch === 'delete') {
      if (at >= 0) merged.splice(at, 1);
    } else if (at >= 0) {
      merged[at] = strategicMerge(merged[at] as JsonObject, element);
    } else {
      merged.push(strategicMerge({}, element));
    }
  }
  return merged;
}

/** Returns a new object; neither argument is changed. Throws 400 for elements without their key. */
export function strategicMerge(current: JsonObject, patch: JsonObject): JsonObject {
  if (patch.$patch === 'replace') {
    const { $patch: _directive, ...rest } = patch;
    return rest;
  }
  if (patch.$patch === 'delete') return {};
  const merged: JsonObject = { ...current };
  for (const [field, value] of Object.entries(patch)) {
    const old = merged[field];
    if (field.startsWith(DELETE_FROM_SET)) {
      const target = field.slice(DELETE_FROM_SET.length);
      const gone = new Set(Array.isArray(value) ? value : []);
      const list = merged[target];
      if (Array.isArray(list)) merged[target] = list.filter((element) => !gone.has(element));
    } else if (field.startsWith('$') || field === '__proto__') {
      // $setElementOrder and $retainKeys only matter for order and unions, which no client of ours relies on
    } else if (value === null) {
      delete merged[field];
    } else if (Array.isArray(value)) {
      const list = Array.isArray(old) ? old : [];
      if (MERGE_KEYS[field] && value.every(isObject)) merged[field] = mergeKeyedList(field, list, value);
      else if (MERGED_SETS.has(field)) merged[field] = [...new Set([...list, ...value])];
      else merged[field] = value;
    } else if (isObject(value)) {
      merged[field] = strategicMerge(isObject(old) ? old : {}, value);
    } else {
      merged[field] = value;
    }
  }
  return merged;
}
