/** POST to a collection, and apply of what is not there. */
import { ownedAfterUpdate } from '../apply/field-owners.ts';
import { hasGeneration, withAddresses, withFirstStatus, withJobSelector } from '../defaults/created.ts';
import { defaulted } from '../defaults/defaults.ts';
import { ApiError, alreadyExists, badRequest, invalid } from '../errors.ts';
import { checkedByRules } from '../kind-rules.ts';
import { checkMetadata, createdMetadata, generatedName } from '../metadata.ts';
import { type KubeObject, storeKey } from '../object.ts';
import { checkPod, createdPod } from '../pod-rules.ts';
import { chargeQuotas } from '../quota.ts';
import { qualified } from '../resources.ts';
import type { Route } from '../route.ts';
import { checkCreation, kindName } from '../rules/immutable.ts';
import type { Version } from '../store.ts';
import { canonicalObject, zero } from '../types/canonical.ts';
import { builtInType } from '../types/types.ts';
import {
  type Asked,
  asObject,
  checkNamespace,
  commit,
  PODS,
  PRIORITY_CLASSES,
  SERVICES,
  typeOf,
  type WritesOptions,
} from './writing.ts';

/** how often a name is made anew because it is taken */
const NAME_ATTEMPTS = 8;

/** @param owned the body's managedFields are the server's own (an apply made them) */
export async function create(
  options: WritesOptions,
  route: Route,
  body: unknown,
  by: Asked,
  owned = false,
): Promise<Version> {
  const { resource } = route;
  if (resource.namespaced && route.namespace === null)
    throw new ApiError('MethodNotAllowed', 'the server does not allow this method on the requested resource');
  const given = asObject(body, route, true);
  if (given.metadata.resourceVersion) throw badRequest('resourceVersion should not be set on objects to be created');
  const base = given.metadata.generateName ?? '';
  const named = given.metadata.name ?? '';
  if (named === '' && base === '') {
    throw invalid(kindName(resource), '', [
      {
        reason: 'FieldValueRequired',
        message: 'Required value: name or generateName is required',
        field: 'metadata.name',
      },
    ]);
  }
  for (let attempt = 1; ; attempt += 1) {
    const name = named === '' ? generatedName(base, options.newSuffix()) : named;
    try {
      return await createNamed(options, route, { ...given, metadata: { ...given.metadata, name } }, by, owned);
    } catch (error) {
      const taken = error instanceof ApiError && error.reason === 'AlreadyExists';
      if (!taken || named !== '' || attempt === NAME_ATTEMPTS) throw error;
    }
  }
}

async function createNamed(
  options: WritesOptions,
  route: Route,
  given: KubeObject,
  by: Asked,
  owned: boolean,
): Promise<Version> {
  const { store, clock } = options;
  const { resource } = route;
  const { name } = given.metadata;
  checkNamespace(store, route, name);
  const counted = hasGeneration(resource);
  const metadata = createdMetadata(given.metadata, options.newUid(), clock.now(), counted);
  let next = defaulted(resource, { ...given, metadata });
  if (!owned) next = withCreator(options, route, next, by);
  next = withFirstStatus(resource, next);
  if (route.id === PODS) next = createdPod(next, priorityClasses(options), clock.now());
  else if (resource.kind === 'Job' && resource.group === 'batch') next = withJobSelector(next);
  checkMetadata(kindName(resource), metadata, resource.group === 'rbac.authorization.k8s.io');
  checkCreation(resource, next);
  if (options.admit) next = await options.admit({ operation: 'CREATE', route, object: next, old: null });
  if (route.id === PODS) checkPod(next);
  next = checkedByRules(route, next, null);
  if (store.table(route.id).get(storeKey(route.namespace ?? '', name))) throw alreadyExists(qualified(resource), name);
  checkNamespace(store, route, name);
  if (route.id === SERVICES) next = withAddresses(next, store);
  const type = resource.status ? builtInType(resource) : null;
  if (type !== null) next = canonicalObject(next, type) as KubeObject;
  if (route.id === PODS) chargeQuotas(store, next, by.dryRun);
  return commit(store, route, next, by.dryRun);
}

function withCreator(options: WritesOptions, route: Route, next: KubeObject, by: Asked): KubeObject {
  if (options.managedFields !== 'always') {
    if (!('managedFields' in next.metadata)) return next;
  }
  const type = typeOf(route.resource);
  const write = { resource: route.resource, type, subresource: '', manager: by.manager, nowMs: options.clock.now() };
  return ownedAfterUpdate(null, next, zero(type), write, options.managedFields === 'always');
}

function priorityClasses(options: WritesOptions) {
  const table = options.store.table(PRIORITY_CLASSES);
  return {
    byName: (name: string) => table.get(storeKey('', name))?.object ?? null,
    globalDefault: () =>
      table
        .keys()
        .map((key) => table.get(key)!.object)
        .find((one) => one.globalDefault === true) ?? null,
  };
}
