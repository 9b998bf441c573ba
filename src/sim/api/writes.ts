/**
 * Every way an object changes: create, update, patch, status, binding, eviction, delete. Each write reads the stored object,
 * makes the next one from it, lets admission look, and stores it only if nothing else was stored meanwhile.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../kube/ports.ts';
import { scaled, scaleOf } from './crd/custom-kind.ts';
import { ApiError, alreadyExists, badRequest, conflict, notFound, OBJECT_MODIFIED } from './errors.ts';
import { spendDisruption } from './eviction.ts';
import { changesGeneration, checkedByRules, checkPatchType, decodedBody, inVersion } from './kind-rules.ts';
import { checkMetadata, createdMetadata, generatedName, updatedMetadata } from './metadata.ts';
import {
  arrayAt,
  isObject,
  type KubeObject,
  numberAt,
  type ObjectMeta,
  objectAt,
  storeKey,
  textAt,
  timestamp,
  withCondition,
} from './object.ts';
import { applyPatchOf } from './patch.ts';
import { boundPod, checkPodUpdate, createdPod, isTerminal } from './pod-rules.ts';
import { groupVersion, qualified, resourceId } from './resources.ts';
import type { Route } from './route.ts';
import type { Store, Version } from './store.ts';

const PODS = resourceId('v1', 'pods');
const NAMESPACES = resourceId('v1', 'namespaces');
const BUDGETS = resourceId('policy/v1', 'poddisruptionbudgets');
const PRIORITY_CLASSES = resourceId('scheduling.k8s.io/v1', 'priorityclasses');
/** how often a patch without a version of its own is made anew because the object changed under it */
const PATCH_ATTEMPTS = 5;

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

export type WritesOptions = {
  readonly store: Store;
  readonly clock: Clock;
  /** a new uid */
  readonly newUid: () => string;
  /** five characters that end a generated name */
  readonly newSuffix: () => string;
  readonly admit: Admission | null;
};

function asObject(body: unknown, route: Route): KubeObject {
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
  return {
    ...decodedBody(route, body),
    apiVersion: groupVersion(resource),
    kind: resource.kind,
    metadata: namespace === null ? rest : { ...rest, namespace },
  };
}

/** With a status subresource the first status is the server's. */
function withoutGivenStatus(given: KubeObject, hasStatus: boolean): KubeObject {
  if (!hasStatus) return given;
  const { status: _status, ...rest } = given;
  return rest;
}

export class Writes {
  readonly #options: WritesOptions;

  constructor(options: WritesOptions) {
    this.#options = options;
  }

  get #store(): Store {
    return this.#options.store;
  }

  #now(): number {
    return this.#options.clock.now();
  }

  /** Throws 404. */
  read(route: Route): Version {
    const found = this.#store.table(route.id).get(storeKey(route.namespace ?? '', route.name));
    if (found === undefined) throw notFound(qualified(route.resource), route.name);
    return found;
  }

  async create(route: Route, body: unknown): Promise<Version> {
    const { resource } = route;
    if (resource.namespaced && route.namespace === null)
      throw new ApiError('MethodNotAllowed', 'the server does not allow this method on the requested resource');
    const given = asObject(body, route);
    const generateName = given.metadata.generateName ?? '';
    let name = given.metadata.name ?? '';
    if (name === '' && generateName !== '') name = generatedName(generateName, this.#options.newSuffix());
    if (name === '') {
      throw new ApiError(
        'Invalid',
        `${resource.kind} "" is invalid: metadata.name: Required value: name or generateName is required`,
        { kind: resource.kind },
      );
    }
    if (given.metadata.resourceVersion) throw badRequest('resourceVersion should not be set on objects to be created');
    this.#checkNamespace(route.namespace);
    const metadata = createdMetadata({ ...given.metadata, name }, this.#options.newUid(), this.#now());
    let next: KubeObject = { ...given, metadata };
    if (route.id === PODS) next = createdPod(next, this.#priorityClasses(), this.#now());
    else if (route.id === NAMESPACES)
      next = { ...next, spec: { finalizers: ['kubernetes'] }, status: { phase: 'Active' } };
    else if (resource.rules !== null) next = withoutGivenStatus(next, resource.status);
    else if (resource.status && resource.kind !== 'Node') next = { ...next, status: {} };
    checkMetadata(resource.kind, metadata, resource.group === 'rbac.authorization.k8s.io');
    if (this.#options.admit) next = await this.#options.admit({ operation: 'CREATE', route, object: next, old: null });
    next = checkedByRules(route, next, null);
    if (this.#store.table(route.id).get(storeKey(route.namespace ?? '', name)))
      throw alreadyExists(qualified(resource), name);
    return this.#store.put(route.id, next);
  }

  /** PUT on the object or its status. */
  async update(route: Route, body: unknown): Promise<Version> {
    const current = this.read(route);
    const given = asObject(body, route);
    if (given.metadata.name !== route.name)
      throw badRequest(
        `the name of the object (${given.metadata.name}) does not match the name on the URL (${route.name})`,
      );
    return this.#replace(route, current, given);
  }

  /** PATCH on the object or its status. */
  async patch(route: Route, contentType: string, patch: unknown): Promise<Version> {
    checkPatchType(route.resource, contentType);
    for (let attempt = 1; ; attempt += 1) {
      const current = this.read(route);
      const patched = asObject(applyPatchOf(contentType, inVersion(route.resource, current.object), patch), route);
      const own = patched.metadata.resourceVersion !== current.object.metadata.resourceVersion;
      try {
        return await this.#replace(route, current, patched);
      } catch (error) {
        const moved =
          error instanceof ApiError &&
          error.reason === 'Conflict' &&
          this.#store.table(route.id).get(current.key) !== current;
        if (!moved || own || attempt === PATCH_ATTEMPTS) throw error;
      }
    }
  }

  /** GET, PUT and PATCH on `scale` of a custom kind; `change` is null to read. */
  async scale(route: Route, change: { contentType: string; body: unknown } | null): Promise<KubeObject> {
    const paths = route.resource.rules?.scale ?? null;
    if (paths === null) throw notFound(qualified(route.resource), route.name);
    const main = { ...route, subresource: '' };
    const current = this.read(main);
    const before = scaleOf(current.object, paths);
    if (change === null) return before;
    const { contentType } = change;
    const wanted = contentType === '' ? change.body : applyPatchOf(contentType, before, change.body);
    if (!isObject(wanted)) throw badRequest('the body of the request is not a Scale');
    const version = textAt(objectAt(wanted, 'metadata'), 'resourceVersion');
    if (version !== '' && version !== current.object.metadata.resourceVersion)
      throw conflict(qualified(route.resource), route.name, OBJECT_MODIFIED);
    const next = scaled(inVersion(route.resource, current.object), wanted, paths);
    return scaleOf((await this.#replace(main, current, next)).object, paths);
  }

  async #replace(route: Route, current: Version, given: KubeObject): Promise<Version> {
    const { resource } = route;
    const old = inVersion(resource, current.object);
    const refuse = (why: string) => conflict(qualified(resource), route.name, why);
    const { uid, resourceVersion } = given.metadata;
    if (uid && uid !== old.metadata.uid)
      throw refuse(`Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`);
    if (resourceVersion && resourceVersion !== old.metadata.resourceVersion) throw refuse(OBJECT_MODIFIED);
    const metadata = updatedMetadata(given.metadata, old.metadata);
    let next: KubeObject = { ...given, metadata };
    if (route.subresource === 'status') {
      next = {
        ...old,
        metadata:
          resource.rules !== null
            ? old.metadata
            : {
                ...metadata,
                ...(old.metadata.ownerReferences ? { ownerReferences: old.metadata.ownerReferences } : {}),
              },
      };
      if (given.status) next.status = given.status;
    } else if (resource.status) {
      const { status: _status, ...rest } = next;
      next = old.status ? { ...rest, status: old.status } : rest;
      if (route.id === PODS) checkPodUpdate(next, old);
    }
    checkMetadata(resource.kind, metadata, resource.group === 'rbac.authorization.k8s.io');
    if (this.#options.admit) next = await this.#options.admit({ operation: 'UPDATE', route, object: next, old });
    next = checkedByRules(route, next, old);
    if (this.#store.table(route.id).get(current.key) !== current) throw refuse(OBJECT_MODIFIED);
    if (isDeepStrictEqual(next, old)) return current;
    if (route.subresource !== 'status' && changesGeneration(resource, next, old))
      next = { ...next, metadata: { ...next.metadata, generation: (old.metadata.generation ?? 0) + 1 } };
    if (
      next.metadata.deletionTimestamp !== undefined &&
      (next.metadata.finalizers ?? []).length === 0 &&
      (next.metadata.deletionGracePeriodSeconds ?? 0) === 0
    ) {
      return this.#store.remove(route.id, next);
    }
    return this.#store.put(route.id, next);
  }

  async bind(route: Route, body: unknown): Promise<void> {
    const current = this.read({ ...route, subresource: '' });
    if (!isObject(body)) throw badRequest('the body of the request is not a Binding');
    const next = boundPod(current.object, body, this.#now());
    checkMetadata('Pod', next.metadata, false);
    const admitted = this.#options.admit
      ? await this.#options.admit({ operation: 'CREATE', route, object: next, old: current.object })
      : next;
    // admission may have taken time: what it saw is bound only if it is still what is stored
    if (this.#store.table(PODS).get(current.key) !== current) return this.bind(route, body);
    this.#store.put(PODS, admitted);
  }

  evict(route: Route, body: unknown): void {
    const pod = this.read({ ...route, subresource: '' }).object;
    const options = objectAt(body, 'deleteOptions');
    this.#checkPreconditions(route, pod, options);
    const budgets = this.#store.table(BUDGETS);
    const prefix = `${route.namespace}/`;
    const near = budgets
      .keys()
      .filter((key) => key.startsWith(prefix))
      .map((key) => budgets.get(key)!.object);
    const spent = spendDisruption(pod, near, this.#now());
    if (spent) this.#store.put(BUDGETS, spent);
    const disrupted = {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'EvictionByEvictionAPI',
      message: 'Eviction API: evicting',
    };
    const status = {
      ...pod.status,
      conditions: withCondition(arrayAt(pod.status, 'conditions'), disrupted, this.#now()),
    };
    this.#store.put(PODS, { ...pod, status });
    this.remove({ ...route, subresource: '' }, options);
  }

  /** Deletes or, for pods with a grace period and objects with finalizers, marks. Returns the object's last state. */
  remove(route: Route, options: unknown): { version: Version; gone: boolean } {
    const current = this.read(route);
    const old = route.resource.rules?.deleting(current.object) ?? current.object;
    this.#checkPreconditions(route, old, options);
    const grace = route.id === PODS ? this.#grace(old, options) : 0;
    const finalized = (old.metadata.finalizers ?? []).length === 0;
    if (grace === 0 && finalized) {
      if (route.id === NAMESPACES) this.#emptyNamespace(route.name);
      return { version: this.#store.remove(route.id, old), gone: true };
    }
    const already = old.metadata.deletionGracePeriodSeconds;
    // a second delete may only shorten the first one's grace
    if (already !== undefined && already <= grace) return { version: current, gone: false };
    const metadata = {
      ...old.metadata,
      deletionTimestamp: timestamp(this.#now() + grace * 1000),
      deletionGracePeriodSeconds: grace,
    };
    return { version: this.#store.put(route.id, { ...old, metadata }), gone: false };
  }

  #grace(pod: KubeObject, options: unknown): number {
    if (textAt(pod.spec, 'nodeName') === '' || isTerminal(pod)) return 0;
    const wanted = numberAt(options, 'gracePeriodSeconds') ?? numberAt(pod.spec, 'terminationGracePeriodSeconds') ?? 30;
    return wanted < 0 ? 1 : wanted;
  }

  #checkPreconditions(route: Route, object: KubeObject, options: unknown): void {
    const preconditions = objectAt(options, 'preconditions');
    for (const [field, label] of [
      ['uid', 'UID'],
      ['resourceVersion', 'ResourceVersion'],
    ] as const) {
      const wanted = textAt(preconditions, field);
      if (wanted !== '' && wanted !== object.metadata[field]) {
        throw conflict(
          qualified(route.resource),
          route.name,
          `Precondition failed: ${label} in precondition: ${wanted}, ${label} in object meta: ${object.metadata[field]}`,
        );
      }
    }
  }

  #emptyNamespace(namespace: string): void {
    const prefix = `${namespace}/`;
    for (const [id, table] of this.#store.tables()) {
      for (const key of table.keys()) if (key.startsWith(prefix)) this.#store.remove(id, table.get(key)!.object);
    }
  }

  #checkNamespace(namespace: string | null): void {
    if (namespace === null) return;
    if (this.#store.table(NAMESPACES).get(storeKey('', namespace)) === undefined)
      throw notFound('namespaces', namespace);
  }

  #priorityClasses() {
    const table = this.#store.table(PRIORITY_CLASSES);
    return {
      byName: (name: string) => table.get(storeKey('', name))?.object ?? null,
      globalDefault: () =>
        table
          .keys()
          .map((key) => table.get(key)!.object)
          .find((one) => one.globalDefault === true) ?? null,
    };
  }
}
