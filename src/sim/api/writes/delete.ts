/** DELETE: at once, or marked while grace runs or finalizers hold the object. Who depends on it is the garbage collector's work. */
import { ApiError, badRequest, conflict } from '../errors.ts';
import { arrayAt, type JsonObject, type KubeObject, numberAt, objectAt, textAt, timestamp } from '../object.ts';
import { isTerminal } from '../pod-rules.ts';
import type { Route } from '../route.ts';
import { kindName } from '../rules/immutable.ts';
import type { Version } from '../store.ts';
import { holders } from './update.ts';
import { commit, NAMESPACES, PODS, stored, type WritesOptions } from './writing.ts';

const ORPHAN = 'orphan';
const FOREGROUND = 'foregroundDeletion';
const LASTING_NAMESPACES: ReadonlySet<string> = new Set(['default', 'kube-public', 'kube-system']);
/** kinds whose dependents stay when nobody says otherwise, as they did before there was a collector */
const ORPHANING: ReadonlySet<string> = new Set(['batch/Job', '/ReplicationController']);

export type Removed = {
  readonly version: Version;
  /** it is not there any more */
  readonly gone: boolean;
};

export function remove(options: WritesOptions, route: Route, given: JsonObject): Removed {
  const { store, clock } = options;
  const current = stored(store, route);
  const old = route.resource.rules?.deleting(current.object) ?? current.object;
  if (route.id === NAMESPACES && LASTING_NAMESPACES.has(route.name)) {
    throw new ApiError('Forbidden', `namespaces "${route.name}" is forbidden: this namespace may not be deleted`, {
      name: route.name,
      kind: 'namespaces',
    });
  }
  checkPreconditions(route, old, given);
  const dryRun = arrayAt(given, 'dryRun').includes('All') || route.query.getAll('dryRun').includes('All');
  const finalizers = finalizersAfter(route, old, given);
  const grace = route.id === PODS ? graceOf(old, given) : 0;
  const held = route.id === NAMESPACES && holders(old) > 0;
  if (grace === 0 && finalizers.length === 0 && !held)
    return { version: dryRun ? current : store.remove(route.id, old), gone: true };
  const already = old.metadata.deletionGracePeriodSeconds;
  const marked = old.metadata.deletionTimestamp !== undefined;
  // a second delete may only shorten the first one's grace
  const shortens = route.id !== NAMESPACES && (already === undefined || grace < already);
  const sameFinalizers = finalizers.join() === (old.metadata.finalizers ?? []).join();
  if (marked && !shortens && sameFinalizers) return { version: current, gone: false };
  const next = markedForDeletion(route, old, finalizers, marked && !shortens ? null : grace, clock.now());
  return { version: commit(store, route, next, dryRun), gone: false };
}

/** @param grace seconds; null: what was said before stays */
function markedForDeletion(
  route: Route,
  old: KubeObject,
  finalizers: readonly string[],
  grace: number | null,
  nowMs: number,
): KubeObject {
  const { finalizers: _finalizers, ...rest } = old.metadata;
  const { generation = 0, deletionTimestamp } = old.metadata;
  const metadata = {
    ...rest,
    ...(finalizers.length > 0 ? { finalizers: [...finalizers] } : {}),
    ...(generation > 0 && deletionTimestamp === undefined ? { generation: generation + 1 } : {}),
  };
  if (route.id === NAMESPACES) {
    metadata.deletionTimestamp ??= timestamp(nowMs);
    return { ...old, metadata, status: { ...old.status, phase: 'Terminating' } };
  }
  if (grace !== null) {
    metadata.deletionTimestamp = timestamp(nowMs + grace * 1000);
    metadata.deletionGracePeriodSeconds = grace;
  }
  return { ...old, metadata };
}

/** What becomes of the dependents is said by a finalizer that the collector works off. Throws 400 and 422. */
function finalizersAfter(route: Route, object: KubeObject, options: JsonObject): readonly string[] {
  const existing = object.metadata.finalizers ?? [];
  const policy = textAt(options, 'propagationPolicy') || (route.query.get('propagationPolicy') ?? '');
  const orphans = options.orphanDependents;
  if (policy !== '' && !['Background', 'Foreground', 'Orphan'].includes(policy)) {
    throw badRequest(`invalid DeleteOptions: propagationPolicy: Unsupported value: "${policy}"`);
  }
  if (policy !== '' && orphans !== undefined)
    throw badRequest('invalid DeleteOptions: orphanDependents and deletionPropagation cannot be both set');
  const others = existing.filter((one) => one !== ORPHAN && one !== FOREGROUND);
  if (policy === 'Orphan' || orphans === true) return [...others, ORPHAN];
  if (policy === 'Foreground') return [...others, FOREGROUND];
  if (policy === 'Background' || orphans === false) return others;
  if (others.length < existing.length) return existing;
  const { group, kind } = route.resource;
  return ORPHANING.has(`${group}/${kind}`) ? [...existing, ORPHAN] : existing;
}

function graceOf(pod: KubeObject, options: JsonObject): number {
  if (textAt(pod.spec, 'nodeName') === '' || isTerminal(pod)) return 0;
  const wanted = numberAt(options, 'gracePeriodSeconds') ?? numberAt(pod.spec, 'terminationGracePeriodSeconds') ?? 30;
  return wanted < 0 ? 1 : wanted;
}

/** Throws 409. */
export function checkPreconditions(route: Route, object: KubeObject, options: unknown): void {
  const preconditions = objectAt(options, 'preconditions');
  for (const [field, label, guess] of PRECONDITIONS) {
    const wanted = textAt(preconditions, field);
    const is = object.metadata[field];
    if (wanted === '' || wanted === is) continue;
    throw conflict(
      kindName(route.resource),
      route.name,
      `the ${label} in the precondition (${wanted}) does not match the ${label} in record (${is}). The object might have been ${guess}`,
    );
  }
}

const PRECONDITIONS = [
  ['uid', 'UID', 'deleted and then recreated'],
  ['resourceVersion', 'ResourceVersion', 'modified'],
] as const;
