/** GET, PUT and PATCH on `…/scale`: the replicas of a workload, in the one shape that scalers know. */
import { customScale, scaled } from '../crd/custom-kind.ts';
import { badRequest, conflict, OBJECT_MODIFIED } from '../errors.ts';
import { inVersion } from '../kind-rules.ts';
import { arrayAt, isObject, type JsonObject, type KubeObject, numberAt, objectAt, textAt } from '../object.ts';
import { applyPatchOf } from '../patch.ts';
import { qualified, type Resource } from '../resources.ts';
import type { Route } from '../route.ts';
import type { Version } from '../store.ts';
import { replaceWith } from './update.ts';
import { type Asked, asObject, stored, type WritesOptions } from './writing.ts';

export function scaleOf(resource: Resource, object: KubeObject): KubeObject {
  if (resource.rules?.scale) return customScale(object, resource.rules.scale);
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const replicas = numberAt(object.spec, 'replicas') ?? 0;
  const selector = selectorText(object.spec?.selector);
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, ...(namespace === undefined ? {} : { namespace }), uid, resourceVersion, creationTimestamp },
    spec: replicas === 0 ? {} : { replicas },
    status: { replicas: numberAt(object.status, 'replicas') ?? 0, ...(selector === '' ? {} : { selector }) },
  };
}

function selectorText(selector: unknown): string {
  if (!isObject(selector)) return '';
  const isLabels = selector.matchLabels === undefined && selector.matchExpressions === undefined;
  const labels = isLabels ? selector : objectAt(selector, 'matchLabels');
  const equal = Object.entries(labels).map(([key, value]) => `${key}=${String(value)}`);
  const others = arrayAt(selector, 'matchExpressions').map((one) => {
    const values = `(${arrayAt(one, 'values').toSorted().join(',')})`;
    const key = textAt(one, 'key');
    switch (textAt(one, 'operator')) {
      case 'In':
        return `${key} in ${values}`;
      case 'NotIn':
        return `${key} notin ${values}`;
      case 'DoesNotExist':
        return `!${key}`;
      default:
        return key;
    }
  });
  return [...equal, ...others].sort().join(',');
}

export async function writeScale(
  options: WritesOptions,
  route: Route,
  change: { contentType: string | null; body: unknown },
  by: Asked,
): Promise<KubeObject> {
  const target = { ...route, subresource: '' };
  const current = stored(options.store, target);
  const before = scaleOf(route.resource, current.object);
  const body: unknown =
    change.contentType === null ? change.body : applyPatchOf(change.contentType, before, change.body);
  if (!isObject(body)) throw badRequest('the body of the request is not a Scale');
  const { uid, resourceVersion } = objectAt(body, 'metadata') as JsonObject;
  if (uid && uid !== before.metadata.uid)
    throw conflict(
      qualified(route.resource),
      route.name,
      `Precondition failed: UID in precondition: ${String(uid)}, UID in object meta: ${before.metadata.uid}`,
    );
  if (resourceVersion && resourceVersion !== before.metadata.resourceVersion)
    throw conflict(qualified(route.resource), route.name, OBJECT_MODIFIED);
  const replicas = numberAt(objectAt(body, 'spec'), 'replicas') ?? 0;
  if (!Number.isInteger(replicas) || replicas < 0)
    throw badRequest(`spec.replicas: Invalid value: ${replicas}: must be greater than or equal to 0`);
  const live = inVersion(route.resource, current.object);
  const custom = route.resource.rules?.scale;
  const next = custom ? scaled(live, replicas, custom) : { ...live, spec: { ...live.spec, replicas } };
  const object = asObject(next, target, false, live);
  const version: Version = await replaceWith(options, target, current, object, by, false);
  return scaleOf(route.resource, version.object);
}
