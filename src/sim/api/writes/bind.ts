/** POST on `pods/x/binding`. Who owns which field does not change: the real server writes bindings past that. */
import { badRequest } from '../errors.ts';
import { checkMetadata } from '../metadata.ts';
import { isObject, type KubeObject, type ObjectMeta, objectAt } from '../object.ts';
import { boundPod } from '../pod-rules.ts';
import type { Route } from '../route.ts';
import { type Asked, commit, PODS, stored, type WritesOptions } from './writing.ts';

export async function bind(options: WritesOptions, route: Route, body: unknown, by: Asked): Promise<void> {
  const { store } = options;
  const ofPod = { ...route, subresource: '' };
  stored(store, ofPod);
  if (!isObject(body)) throw badRequest('the body of the request is not a Binding');
  const metadata = { ...objectAt(body, 'metadata'), name: route.name, namespace: route.namespace } as ObjectMeta;
  const binding: KubeObject = { ...body, apiVersion: 'v1', kind: 'Binding', metadata };
  const admitted = options.admit
    ? await options.admit({ operation: 'CREATE', route, object: binding, old: null })
    : binding;
  // admission may have taken time: the pod is read again
  const next = boundPod(stored(store, ofPod).object, admitted, options.clock.now());
  checkMetadata('Pod', next.metadata, false);
  commit(store, { ...route, id: PODS }, next, by.dryRun);
}
