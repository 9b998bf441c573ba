/** POST on `pods/x/eviction`: spends a disruption of the pod's budget, then deletes the pod with its grace. */
import { badRequest } from '../errors.ts';
import { spendDisruption } from '../eviction.ts';
import { arrayAt, isObject, objectAt, withCondition } from '../object.ts';
import type { Route } from '../route.ts';
import { checkPreconditions, remove } from './delete.ts';
import { type Asked, BUDGETS, PODS, stored, type WritesOptions } from './writing.ts';

/** Throws 429 while a budget allows no disruption. */
export function evict(options: WritesOptions, route: Route, body: unknown, by: Asked): void {
  const { store, clock } = options;
  if (!isObject(body)) throw badRequest('the body of the request is not an Eviction');
  const pod = stored(store, { ...route, subresource: '' }).object;
  const given = objectAt(body, 'deleteOptions');
  checkPreconditions(route, pod, given);
  const dryRun = by.dryRun || arrayAt(given, 'dryRun').includes('All');
  const budgets = store.table(BUDGETS);
  const prefix = `${route.namespace}/`;
  const near = budgets
    .keys()
    .filter((key) => key.startsWith(prefix))
    .map((key) => budgets.get(key)!.object);
  const spent = spendDisruption(pod, near, clock.now());
  if (dryRun) return;
  if (spent) store.put(BUDGETS, spent);
  if (pod.metadata.deletionTimestamp === undefined) {
    const disrupted = {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'EvictionByEvictionAPI',
      message: 'Eviction API: evicting',
    };
    const conditions = withCondition(arrayAt(pod.status, 'conditions'), disrupted, clock.now());
    store.put(PODS, { ...pod, status: { ...pod.status, conditions } });
  }
  remove(options, { ...route, subresource: '' }, given);
}
