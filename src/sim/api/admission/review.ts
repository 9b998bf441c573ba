/** One write as admission sees it, and the `request` that webhooks and expressions get of it. */
import type { User } from '../access/user.ts';
import { userInfo } from '../access/user.ts';
import { type JsonObject, type KubeObject, textAt } from '../object.ts';
import { groupVersion } from '../resources.ts';
import type { Route } from '../route.ts';

export type Operation = 'CREATE' | 'UPDATE' | 'DELETE';

export type Review = {
  readonly operation: Operation;
  readonly route: Route;
  /** null for DELETE */
  readonly object: KubeObject | null;
  /** null for CREATE */
  readonly old: KubeObject | null;
  readonly user: User;
};

export type GroupVersionKind = { group: string; version: string; kind: string };

function split(apiVersion: string): { group: string; version: string } {
  const slash = apiVersion.indexOf('/');
  return { group: apiVersion.slice(0, Math.max(slash, 0)), version: apiVersion.slice(slash + 1) };
}

/** What kind of object the request carries: a subresource may have its own. */
export function kindOf({ route, object }: Review): GroupVersionKind {
  const { resource, subresource } = route;
  const own = resource.subresources.find((one) => one.name === subresource);
  if (own !== undefined && textAt(object, 'kind') === own.kind) return { ...split(own.groupVersion), kind: own.kind };
  return { ...split(groupVersion(resource)), kind: resource.kind };
}

export function isDryRun(review: Review): boolean {
  return review.route.query.getAll('dryRun').includes('All');
}

export function nameOf({ route, object, old }: Review): string {
  return route.name || object?.metadata.name || old?.metadata.name || '';
}

const OPTIONS = { CREATE: 'CreateOptions', UPDATE: 'UpdateOptions', DELETE: 'DeleteOptions' } as const;

/** `AdmissionRequest` of admission.k8s.io/v1 without uid and objects. */
export function requestOf(review: Review): JsonObject {
  const { route, operation, user } = review;
  const { resource, subresource } = route;
  const kind = kindOf(review);
  const target = { group: resource.group, version: resource.version, resource: resource.plural };
  const sub = subresource === '' ? {} : { subResource: subresource };
  const name = nameOf(review);
  const fieldManager = route.query.get('fieldManager');
  return {
    kind,
    resource: target,
    ...sub,
    requestKind: kind,
    requestResource: target,
    ...(subresource === '' ? {} : { requestSubResource: subresource }),
    ...(name === '' ? {} : { name }),
    ...(route.namespace === null && resource.kind !== 'Namespace' ? {} : { namespace: route.namespace ?? name }),
    operation,
    userInfo: userInfo(user),
    dryRun: isDryRun(review),
    options: {
      kind: OPTIONS[operation],
      apiVersion: 'meta.k8s.io/v1',
      ...(fieldManager === null || fieldManager === '' ? {} : { fieldManager }),
      ...(isDryRun(review) ? { dryRun: ['All'] } : {}),
    },
  };
}
