/** What every Kubernetes object has, and how the store names it. Objects are never changed in place: a write makes a new one. */
export type JsonObject = { [key: string]: unknown };

export type OwnerReference = {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
};

export type ObjectMeta = {
  name: string;
  generateName?: string;
  namespace?: string;
  uid: string;
  resourceVersion: string;
  generation?: number;
  creationTimestamp: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
  managedFields?: readonly unknown[];
};

export type KubeObject = {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  spec?: JsonObject;
  status?: JsonObject;
  [field: string]: unknown;
};

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A child that is an object, or an empty one. */
export function objectAt(parent: unknown, key: string): JsonObject {
  const child = isObject(parent) ? parent[key] : undefined;
  return isObject(child) ? child : {};
}

export function arrayAt(parent: unknown, key: string): unknown[] {
  const child = isObject(parent) ? parent[key] : undefined;
  return Array.isArray(child) ? child : [];
}

export function textAt(parent: unknown, key: string): string {
  const child = isObject(parent) ? parent[key] : undefined;
  return typeof child === 'string' ? child : '';
}

export function numberAt(parent: unknown, key: string): number | null {
  const child = isObject(parent) ? parent[key] : undefined;
  return typeof child === 'number' ? child : null;
}

/** Kubernetes writes times in whole seconds. */
export function timestamp(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d{3}Z$/, 'Z');
}

/** Sorts like etcd does: by namespace, then name. */
export function storeKey(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

/** `conditions` with one of them replaced or added. lastTransitionTime moves only when the status does. */
export function withCondition(conditions: unknown[], next: JsonObject, nowMs: number): unknown[] {
  const old = conditions.find((condition) => textAt(condition, 'type') === next.type);
  const same = textAt(old, 'status') === next.status;
  const merged = {
    lastProbeTime: null,
    lastTransitionTime: same ? textAt(old, 'lastTransitionTime') : timestamp(nowMs),
    ...next,
  };
  return old === undefined
    ? [...conditions, merged]
    : conditions.map((condition) => (condition === old ? merged : condition));
}
