/** POST on `pods/x/binding`. Who owns which field does not change: the real server writes bindings past that. */
import { badRequest } from '../errors.ts';
import { checkMetadata } from '../metadata.ts';
import { isObject } from '../object.ts';
import { boundPod } from '../pod-rules.ts';
import type { Route } from '../route.ts';
import { type Asked, commit, PODS, stored, type WritesOptions } from './writing.ts';

export async function bind(options: WritesOptions, route: Route, body: unknown, by: Asked): Promise<void> {
  const { store } = options;
  const current = stored(store, { ...route, subresource: '' });
  if (!isObject(body)) throw badRequest('the body of the request is not a Binding');
  const next = boundPod(current.object, body, options.clock.now());
  checkMetadata('Pod', next.metadata, false);
  const admitted = options.admit
    ? await options.admit({ operation: 'CREATE', route, object: next, old: current.object })
    : next;
  // admission may have taken time: what it saw is bound only if it is still what is stored
  if (store.table(PODS).get(current.key) !== current) return bind(options, route, body, by);
  commit(store, route, admitted, by.dryRun);
}
