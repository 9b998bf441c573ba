/** PUT and PATCH on an object or its status: reads, makes the next state, lets admission look, stores if nothing else was stored meanwhile. */
import { isDeepStrictEqual } from 'node:util';
import { applied, applyAsked, ownedAfterUpdate, readApplied, refuseForce } from '../apply/field-owners.ts';
import { hasGeneration, withAddresses } from '../defaults/created.ts';
import { defaulted } from '../defaults/defaults.ts';
import { ApiError, badRequest, conflict, invalid, notFound, OBJECT_MODIFIED } from '../errors.ts';
import { EVENTS, eventIn } from '../events.ts';
import { checkedByRules, inVersion, strategicType } from '../kind-rules.ts';
import { checkFinalizers, checkMetadata, updatedMetadata } from '../metadata.ts';
import { isObject, type JsonObject, type KubeObject, storeKey } from '../object.ts';
import { APPLY_PATCHES, applyPatchOf } from '../patch.ts';
import { checkPodUpdate } from '../pod-rules.ts';
import { qualified, type Resource } from '../resources.ts';
import type { Route } from '../route.ts';
import { checkUpdate, kindName } from '../rules/immutable.ts';
import { needsVersion } from '../rules/unconditional.ts';
import type { Version } from '../store.ts';
import { zero } from '../types/canonical.ts';
import { create } from './create.ts';
import { POD_PARTS, withPart } from './pod-parts.ts';
import {
  type Asked,
  asObject,
  commit,
  NAMESPACES,
  PODS,
  SERVICES,
  stored,
  typeOf,
  type WritesOptions,
} from './writing.ts';

/** how often a patch without a version of its own is made anew because the object changed under it */
const PATCH_ATTEMPTS = 5;

export async function update(options: WritesOptions, route: Route, body: unknown, by: Asked): Promise<Version> {
  const current = stored(options.store, route);
  const given = asObject(body, route, true);
  if (given.metadata.name !== route.name)
    throw badRequest(
      `the name of the object (${given.metadata.name}) does not match the name on the URL (${route.name})`,
    );
  if (!given.metadata.resourceVersion && needsVersion(route.resource)) {
    throw invalid(qualified(route.resource), route.name, [
      {
        reason: 'FieldValueInvalid',
        message: 'Invalid value: 0: must be specified for an update',
        field: 'metadata.resourceVersion',
      },
    ]);
  }
  return replaceWith(options, route, current, given, by, false);
}

/** @param text the body as it came, which apply reads as YAML */
export async function patch(
  options: WritesOptions,
  route: Route,
  contentType: string,
  text: string,
  by: Asked,
): Promise<{ version: Version; created: boolean }> {
  const isApply = APPLY_PATCHES.includes(contentType);
  if (!isApply) refuseForce(route.query);
  const wanted = isApply ? applyAsked(route.query) : null;
  const type = typeOf(route.resource);
  const body = isApply ? readApplied(text, route.resource, route.name) : parsed(text);
  for (let attempt = 1; ; attempt += 1) {
    const current = options.store.table(route.id).get(storeKey(route.namespace ?? '', route.name));
    const live = current === undefined ? null : inVersion(route.resource, current.object);
    try {
      if (wanted !== null) {
        const write = { ...route, type, manager: wanted.manager, nowMs: options.clock.now() };
        const config = withNamespace(body as JsonObject, route);
        const next = applied(live, config, zero(type), write, wanted.force);
        if (current === undefined || live === null)
          return { version: await applyNew(options, route, next, by), created: true };
        const object = asObject(next, route, false, live);
        return { version: await replaceWith(options, route, current, object, by, true), created: false };
      }
      if (current === undefined || live === null) throw notFound(qualified(route.resource), route.name);
      const patched = applyPatchOf(contentType, live, body, strategicType(route.resource));
      const object = asObject(patched, route, true, live);
      return { version: await replaceWith(options, route, current, object, by, false), created: false };
    } catch (error) {
      const moved =
        error instanceof ApiError &&
        (error.reason === 'Conflict' || error.reason === 'AlreadyExists') &&
        options.store.table(route.id).get(storeKey(route.namespace ?? '', route.name)) !== current;
      if (!moved || attempt === PATCH_ATTEMPTS || ownVersion(body)) throw error;
    }
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw badRequest(`the body of the request is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function ownVersion(body: unknown): boolean {
  return isObject(body) && isObject(body.metadata) && Boolean(body.metadata.resourceVersion);
}

function withNamespace(config: JsonObject, route: Route): JsonObject {
  const metadata = isObject(config.metadata) ? config.metadata : {};
  return route.namespace === null || metadata.namespace !== undefined
    ? config
    : { ...config, metadata: { ...metadata, namespace: route.namespace } };
}

/** Throws 404 for the status of nothing, 409 where the object was named by uid or version. */
async function applyNew(options: WritesOptions, route: Route, next: KubeObject, by: Asked): Promise<Version> {
  if (route.subresource !== '') throw notFound(qualified(route.resource), route.name);
  const { uid, resourceVersion } = next.metadata;
  if (uid) {
    throw conflict(
      qualified(route.resource),
      route.name,
      `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`,
    );
  }
  if (resourceVersion) throw notFound(qualified(route.resource), route.name);
  return create(options, route, next, by, true);
}

/** @param owned `given` carries its managedFields already */
export async function replaceWith(
  options: WritesOptions,
  route: Route,
  current: Version,
  given: KubeObject,
  by: Asked,
  owned: boolean,
): Promise<Version> {
  const { store } = options;
  const { resource } = route;
  const old = inVersion(resource, current.object);
  const refuse = (why: string) => conflict(qualified(resource), route.name, why);
  const { uid, resourceVersion } = given.metadata;
  if (uid && uid !== old.metadata.uid)
    throw refuse(`Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`);
  if (resourceVersion && resourceVersion !== old.metadata.resourceVersion) throw refuse(OBJECT_MODIFIED);
  let next = nextState(route, given, old, owned);
  if (!owned) next = withUpdater(options, route, next, old, by);
  checkMetadata(kindName(resource), next.metadata, resource.group === 'rbac.authorization.k8s.io');
  checkFinalizers(kindName(resource), next.metadata, old.metadata);
  if (route.subresource === '') {
    if (route.id === PODS) checkPodUpdate(next, old);
    else checkUpdate(resource, next, old);
  }
  if (options.admit) next = await options.admit({ operation: 'UPDATE', route, object: next, old });
  next = checkedByRules(route, next, old);
  if (store.table(route.id).get(current.key) !== current) throw refuse(OBJECT_MODIFIED);
  if (isDeepStrictEqual(next, old)) return current;
  if (route.id === SERVICES && route.subresource === '') next = withAddresses(next, store);
  if (hasGeneration(resource) && route.subresource !== 'status' && contentChanged(resource, next, old))
    next = { ...next, metadata: { ...next.metadata, generation: (old.metadata.generation ?? 0) + 1 } };
  if (!by.dryRun && isGone(route, next))
    return store.remove(route.id, route.id === EVENTS ? eventIn('v1', next) : next);
  return commit(store, route, next, by.dryRun);
}

/** Everything but metadata and, where it has a path of its own, status: what a generation counts. */
function contentChanged(resource: Resource, next: KubeObject, old: KubeObject): boolean {
  const fields = new Set([...Object.keys(next), ...Object.keys(old)]);
  for (const field of ['metadata', 'kind', 'apiVersion']) fields.delete(field);
  if (resource.rules === null || resource.status) fields.delete('status');
  for (const field of fields) if (!isDeepStrictEqual(next[field], old[field])) return true;
  return false;
}

function nextState(route: Route, given: KubeObject, old: KubeObject, owned: boolean): KubeObject {
  const { resource } = route;
  const metadata = updatedMetadata(given.metadata, old.metadata);
  if (route.subresource === 'status') {
    const { status: _status, ...rest } = old;
    const fixed = old.metadata.ownerReferences ? { ownerReferences: old.metadata.ownerReferences } : {};
    // the status of custom kinds is written alone, without any of the metadata
    const kept = resource.rules?.schema ? old.metadata : { ...metadata, ...fixed };
    const made = { ...rest, metadata: kept };
    return given.status ? { ...made, status: given.status } : made;
  }
  if (route.id === PODS && POD_PARTS.has(route.subresource)) return withPart(route.subresource, given, old);
  const { status: _status, ...rest } = given;
  let next: KubeObject = resource.status ? { ...rest, metadata } : { ...given, metadata };
  if (resource.status && old.status) next.status = old.status;
  const untouched = Object.keys(next).every((field) => field === 'metadata' || next[field] === old[field]);
  if (!untouched || owned) next = defaulted(resource, next);
  if (resource.status && old.status) next.status = old.status;
  // what only /finalize and the server itself change
  if (route.id === NAMESPACES && old.spec) next.spec = old.spec;
  if (route.id === SERVICES) next = keptAddresses(next, old);
  return next;
}

/** An update that does not say its addresses keeps them, as `kubectl replace` expects. */
function keptAddresses(next: KubeObject, old: KubeObject): KubeObject {
  const spec: JsonObject = { ...next.spec };
  if (spec.type === 'ExternalName') return { ...next, spec };
  for (const field of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy'])
    if (spec[field] === undefined && old.spec?.[field] !== undefined) spec[field] = old.spec[field];
  return { ...next, spec };
}

function withUpdater(options: WritesOptions, route: Route, next: KubeObject, old: KubeObject, by: Asked): KubeObject {
  const always = options.managedFields === 'always';
  if (!always && !('managedFields' in old.metadata) && !('managedFields' in next.metadata)) return next;
  const type = typeOf(route.resource);
  const write = { ...route, type, manager: by.manager, nowMs: options.clock.now() };
  return ownedAfterUpdate(old, next, {}, write, always);
}

/** Marked, and nothing holds it any more. */
function isGone(route: Route, next: KubeObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, finalizers = [] } = next.metadata;
  if (deletionTimestamp === undefined || finalizers.length > 0 || deletionGracePeriodSeconds > 0) return false;
  return route.id !== NAMESPACES || holders(next) === 0;
}

export function holders(namespace: KubeObject): number {
  const finalizers = namespace.spec?.finalizers;
  return Array.isArray(finalizers) ? finalizers.length : 0;
}

/** PUT on `namespaces/x/finalize`: what holds the namespace itself. */
export async function finalize(options: WritesOptions, route: Route, body: unknown, by: Asked): Promise<Version> {
  const object = { ...route, subresource: '' };
  const current = stored(options.store, object);
  const given = asObject(body, object);
  const { resourceVersion } = given.metadata;
  const old = current.object;
  if (resourceVersion && resourceVersion !== old.metadata.resourceVersion)
    throw conflict('namespaces', route.name, OBJECT_MODIFIED);
  const finalizers = given.spec?.finalizers;
  const next = { ...old, spec: Array.isArray(finalizers) && finalizers.length > 0 ? { finalizers } : {} };
  if (isDeepStrictEqual(next, old)) return current;
  if (!by.dryRun && isGone(route, next)) return options.store.remove(route.id, next);
  return commit(options.store, route, next, by.dryRun);
}
