/** What all writes share: their surroundings, what a request asks for, and the reading of its body. */
import type { Clock } from '../../../kube/ports.ts';
import { ApiError, badRequest, invalid, notFound } from '../errors.ts';
import { EVENTS, eventIn } from '../events.ts';
import { decodedBody, reportFields } from '../kind-rules.ts';
import { isObject, type JsonObject, type KubeObject, type ObjectMeta, objectAt, storeKey, textAt } from '../object.ts';
import { groupVersion, qualified, type Resource, resourceId } from '../resources.ts';
import type { Route } from '../route.ts';
import type { Store, Version } from '../store.ts';
import { canonicalObject } from '../types/canonical.ts';
import type { Type } from '../types/type.ts';
import { builtInType, typeOfResource } from '../types/types.ts';

export const PODS = resourceId('v1', 'pods');
export const NAMESPACES = resourceId('v1', 'namespaces');
export const BUDGETS = resourceId('policy/v1', 'poddisruptionbudgets');
export const SERVICES = resourceId('v1', 'services');
export const PRIORITY_CLASSES = resourceId('scheduling.k8s.io/v1', 'priorityclasses');

/**
 * What stands for admission webhooks: sees the object about to be stored, returns it as it shall be stored, or throws ApiError.
 * `old` is null at creation. Called for objects and their subresources.
 */
export type Admission = (review: {
  operation: 'CREATE' | 'UPDATE';
  route: Route;
  object: KubeObject;
  old: KubeObject | null;
}) => Promise<KubeObject>;

/** always: every write; applied: objects that somebody applied to the server, from then on */
export type ManagedFields = 'always' | 'applied';

export type WritesOptions = {
  readonly store: Store;
  readonly clock: Clock;
  /** a new uid */
  readonly newUid: () => string;
  /** five characters that end a generated name */
  readonly newSuffix: () => string;
  readonly admit: Admission | null;
  readonly managedFields: ManagedFields;
};

/** What a request says beside its object. */
export type Asked = {
  /** who writes, for managedFields */
  readonly manager: string;
  /** nothing is stored */
  readonly dryRun: boolean;
};

const LONGEST_MANAGER = 128;

/** Throws 422 for values that the real server refuses. @param userAgent names the manager when the request does not */
export function asked(query: URLSearchParams, userAgent: string): Asked {
  const dryRun = query.getAll('dryRun');
  const wrong = dryRun.find((one) => one !== 'All');
  if (wrong !== undefined && wrong !== '') {
    throw invalid('PatchOptions.meta.k8s.io', '', [
      {
        reason: 'FieldValueNotSupported',
        message: `Unsupported value: "${wrong}": supported values: "All"`,
        field: 'dryRun',
      },
    ]);
  }
  const manager = query.get('fieldManager') ?? '';
  if (manager.length > LONGEST_MANAGER) {
    throw invalid('PatchOptions.meta.k8s.io', '', [
      {
        reason: 'FieldValueTooLong',
        message: `Too long: may not be more than ${LONGEST_MANAGER} bytes`,
        field: 'fieldManager',
      },
    ]);
  }
  return {
    manager: manager || (userAgent.split('/')[0] ?? '').slice(0, LONGEST_MANAGER),
    dryRun: dryRun.includes('All'),
  };
}

export function typeOf(resource: Resource): Type {
  return typeOfResource(resource, resource.rules?.schema ?? null);
}

/** Throws 404. */
export function stored(store: Store, route: Route): Version {
  const found = store.table(route.id).get(storeKey(route.namespace ?? '', route.name));
  if (found === undefined) throw notFound(qualified(route.resource), route.name);
  return found;
}

/** Stores, or for a dry run shows what would be stored. */
export function commit(store: Store, route: Route, next: KubeObject, dryRun: boolean): Version {
  if (!dryRun) return store.put(route.id, route.id === EVENTS ? eventIn('v1', next) : next);
  const { resourceVersion, ...rest } = next.metadata;
  const metadata = (resourceVersion === '' ? rest : next.metadata) as ObjectMeta;
  return { key: '', rv: 0, object: { ...next, metadata }, json: null };
}

/**
 * The object of a body, with the kind and namespace of its path. Throws 400 where they contradict each other.
 * @param report fields that are unknown are warned of or refused, as the request asks
 */
export function asObject(body: unknown, route: Route, report = false, old: KubeObject | null = null): KubeObject {
  if (!isObject(body)) throw badRequest('the body of the request is not a JSON object');
  const { resource } = route;
  const kind = textAt(body, 'kind');
  const apiVersion = textAt(body, 'apiVersion');
  if ((kind !== '' && kind !== resource.kind) || (apiVersion !== '' && apiVersion !== groupVersion(resource))) {
    throw badRequest(
      `the object provided is a ${apiVersion} ${kind}, not a ${groupVersion(resource)} ${resource.kind}`,
    );
  }
  const metadata = objectAt(body, 'metadata') as ObjectMeta;
  const namespace = route.namespace;
  if (
    namespace !== null &&
    metadata.namespace !== undefined &&
    metadata.namespace !== '' &&
    metadata.namespace !== namespace
  ) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  const { namespace: _given, ...rest } = metadata;
  const { kind: _kind, apiVersion: _version, metadata: _metadata, ...fields } = body;
  const object: KubeObject = {
    kind: resource.kind,
    apiVersion: groupVersion(resource),
    metadata: namespace === null ? rest : { ...rest, namespace },
    ...fields,
  };
  if (resource.rules !== null) return decodedBody(route, object) as KubeObject;
  return canonicalised(object, route, report, old);
}

function canonicalised(object: KubeObject, route: Route, report: boolean, old: KubeObject | null): KubeObject {
  const type = builtInType(route.resource);
  if (type === null) return object;
  const unknown: string[] = [];
  let made: KubeObject;
  if (old === null) {
    made = canonicalObject(object, type, unknown) as KubeObject;
  } else {
    // what a patch left alone is canonical already
    const changed: JsonObject = { kind: object.kind, apiVersion: object.apiVersion };
    for (const [field, value] of Object.entries(object)) if (value !== old[field]) changed[field] = value;
    const canonical = canonicalObject(changed, type, unknown);
    made = { ...object };
    for (const field of Object.keys(changed)) if (!(field in canonical)) delete made[field];
    for (const [field, value] of Object.entries(canonical))
      if (field in changed || !(field in object)) made[field] = value;
  }
  if (report)
    reportFields(
      route,
      unknown.map((path) => `unknown field "${path}"`),
    );
  return made;
}

/** Throws 404 for a namespace that is not there, 403 for one that goes. */
export function checkNamespace(store: Store, route: Route, name: string): void {
  const { namespace } = route;
  if (namespace === null) return;
  const found = store.table(NAMESPACES).get(storeKey('', namespace));
  if (found === undefined) throw notFound('namespaces', namespace);
  if (found.object.metadata.deletionTimestamp === undefined) return;
  const kind = qualified(route.resource);
  throw new ApiError(
    'Forbidden',
    `${kind} "${name}" is forbidden: unable to create new content in namespace ${namespace} because it is being terminated`,
    {
      name,
      kind,
      causes: [
        {
          reason: 'NamespaceTerminating',
          message: `namespace ${namespace} is being terminated`,
          field: 'metadata.namespace',
        },
      ],
    },
  );
}
