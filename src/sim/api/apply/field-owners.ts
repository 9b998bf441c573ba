/** `managedFields` of an object that is being written, and apply itself, in the API server's words. */
import { parse } from 'yaml';
import { ApiError, badRequest, invalid } from '../errors.ts';
import { arrayAt, isObject, type JsonObject, type KubeObject, type ObjectMeta, textAt, timestamp } from '../object.ts';
import { groupVersion, type Resource } from '../resources.ts';
import { fieldType, type Type } from '../types/type.ts';
import { stepOf } from './elements.ts';
import { paths } from './field-set.ts';
import { fieldsOf } from './fields-of.ts';
import { asksToForget, type Holding, holdings, written } from './managed-fields.ts';
import { afterApply, afterUpdate, type Conflict, ownable, type Writer } from './ownership.ts';

const SPEC = ['spec'];
const STATUS = ['status'];
/** kubectl's own manager: what its client-side apply wrote is its to take over */
const KUBECTL = 'kubectl';
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';
const BEFORE_FIRST_APPLY = 'before-first-apply';

type Write = { resource: Resource; type: Type; subresource: string; manager: string; nowMs: number };

function ignoredBy(write: Write): readonly string[] {
  if (write.subresource === 'status') return SPEC;
  return write.resource.status ? STATUS : [];
}

function writer(write: Write, operation: 'Apply' | 'Update'): Writer {
  return {
    manager: write.manager,
    operation,
    apiVersion: groupVersion(write.resource),
    subresource: write.subresource,
    time: timestamp(write.nowMs),
  };
}

export function withOwners(object: KubeObject, held: readonly Holding[]): KubeObject {
  const { managedFields: _old, ...metadata } = object.metadata as ObjectMeta & { managedFields?: unknown };
  const entries = written(held);
  return {
    ...object,
    metadata: (entries.length > 0 ? { ...metadata, managedFields: entries } : metadata) as ObjectMeta,
  };
}

const entriesOf = (object: KubeObject): readonly unknown[] => arrayAt(object.metadata, 'managedFields');

/**
 * `next` with the owners that this update makes. Clients may write `managedFields` themselves; what is no list of owners is
 * taken as not said.
 * @param before null at creation
 * @param empty the state before a creation
 */
export function ownedAfterUpdate(
  before: KubeObject | null,
  next: KubeObject,
  empty: JsonObject,
  write: Write,
  always: boolean,
): KubeObject {
  const old = before === null ? [] : entriesOf(before);
  if (asksToForget(next.metadata)) return withOwners(next, []);
  const given = entriesOf(next);
  let held = given === old || write.subresource !== '' ? null : holdings(given);
  if (held === null || held.length === 0) held = holdings(old) ?? [];
  if (held.length === 0 && before !== null && !always) return withOwners(next, []);
  if (before === null && !always) return withOwners(next, []);
  const ignored = ignoredBy(write);
  const after = afterUpdate(
    ownable(before ?? empty, ignored),
    ownable(next, ignored),
    held,
    writer(write, 'Update'),
    write.type,
  );
  if (before !== null && after === holdings(old)) return given === old ? next : withEntries(next, old);
  return withOwners(next, after);
}

function withEntries(object: KubeObject, entries: readonly unknown[]): KubeObject {
  return { ...object, metadata: { ...object.metadata, managedFields: entries } as ObjectMeta };
}

/** The body of an apply. YAML is read as JSON is. Throws 400. */
export function readApplied(text: string, resource: Resource, name: string): JsonObject {
  let body: unknown;
  try {
    body = text.trimStart().startsWith('{') ? JSON.parse(text) : parse(text);
  } catch (error) {
    throw badRequest(`error decoding YAML: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (!isObject(body)) throw badRequest('error decoding YAML: the body is no object');
  const apiVersion = textAt(body, 'apiVersion');
  const kind = textAt(body, 'kind');
  if (apiVersion !== groupVersion(resource) || kind !== resource.kind)
    throw badRequest(`invalid object type: ${apiVersion.includes('/') ? apiVersion : `/${apiVersion}`}, Kind=${kind}`);
  const metadata = isObject(body.metadata) ? body.metadata : {};
  if (arrayAt(metadata, 'managedFields').length > 0) throw badRequest('metadata.managedFields must be nil');
  const given = textAt(metadata, 'name');
  if (given !== '' && given !== name)
    throw badRequest(`the name of the object (${given}) does not match the name on the URL (${name})`);
  return { ...body, metadata: { ...metadata, name } };
}

/** Throws 500 for fields that the type does not have and elements that are there twice, as the real one does. */
function checkTyped(config: JsonObject, type: Type, resource: Resource): void {
  const faults: string[] = [];
  walk(config, type, '', faults);
  if (faults.length === 0) return;
  const metadata = isObject(config.metadata) ? config.metadata : {};
  const group = resource.group === '' ? `/${resource.version}` : groupVersion(resource);
  throw new ApiError(
    'InternalError',
    `failed to create typed patch object (${textAt(metadata, 'namespace')}/${textAt(metadata, 'name')}; ${group}, Kind=${resource.kind}): ${faults.join('\n')}`,
  );
}

function walk(value: unknown, type: Type, path: string, faults: string[]): void {
  if (Array.isArray(value) && type.kind === 'list') {
    const seen = new Set<string>();
    for (const element of value) {
      const step = type.keys === null && !type.set ? null : stepOf(type, element);
      if (step !== null && seen.has(step)) faults.push(`${path}: duplicate entries for key [${step.slice(2)}]`);
      if (step !== null) seen.add(step);
      walk(element, type.of, path, faults);
    }
  } else if (isObject(value)) {
    for (const [field, inner] of Object.entries(value)) {
      const innerType = fieldType(type, field);
      if (innerType === undefined) faults.push(`${path}.${field}: field not declared in schema`);
      else if (inner !== null) walk(inner, innerType, `${path}.${field}`, faults);
    }
  }
}

export type ApplyAsked = { readonly manager: string; readonly force: boolean };

/** Throws 422 without a manager. */
export function applyAsked(query: URLSearchParams): ApplyAsked {
  const manager = query.get('fieldManager') ?? '';
  if (manager === '') {
    throw invalid('PatchOptions.meta.k8s.io', '', [
      { reason: 'FieldValueRequired', message: 'Required value: is required for apply patch', field: 'fieldManager' },
    ]);
  }
  return { manager, force: query.get('force') === 'true' };
}

/** Throws 422 where `force` is asked of another patch. */
export function refuseForce(query: URLSearchParams): void {
  if (query.get('force') === null) return;
  throw invalid('PatchOptions.meta.k8s.io', '', [
    {
      reason: 'FieldValueForbidden',
      message: 'Forbidden: may not be specified for non-apply patch',
      field: 'force',
    },
  ]);
}

/**
 * The object as an apply leaves it, with its owners. Throws 409 with a cause per field that another one holds.
 * @param live null when there is none yet
 */
export function applied(
  live: KubeObject | null,
  config: JsonObject,
  empty: JsonObject,
  write: Write,
  force: boolean,
): KubeObject {
  checkTyped(config, write.type, write.resource);
  const ignored = ignoredBy(write);
  const before: JsonObject = live === null ? { ...empty, metadata: {} } : ownable(live, ignored);
  const { metadata: wantedMetadata, ...wantedFields } = ownable(config, ignored);
  const wanted =
    isObject(wantedMetadata) && Object.keys(wantedMetadata).length > 0
      ? { metadata: wantedMetadata, ...wantedFields }
      : wantedFields;
  const me = writer(write, 'Apply');
  let held = live === null ? [] : (holdings(entriesOf(live)) ?? []);
  if (live !== null && held.length === 0) {
    // nobody looked so far: what is there belongs to somebody, but to no manager
    const set = fieldsOf(before, write.type);
    const nobody = { ...me, manager: BEFORE_FIRST_APPLY, operation: 'Update' as const, subresource: '', set };
    held = [nobody];
  }
  let result = afterApply(before, wanted, held, me, write.type, force);
  if (result.kind === 'conflict' && write.manager === KUBECTL && live !== null) {
    const known = clientApplied(live, write.type);
    if (known !== null && result.conflicts.every((one) => paths(one.set).every((path) => known.has(path))))
      result = afterApply(before, wanted, held, me, write.type, true);
  }
  if (result.kind === 'conflict') throw conflictOf(result.conflicts);
  const merged: JsonObject = live === null ? {} : { ...live };
  for (const field of Object.keys(before)) if (field !== 'metadata' && !(field in result.object)) delete merged[field];
  for (const [field, value] of Object.entries(result.object)) if (field !== 'metadata') merged[field] = value;
  const metadata: JsonObject = { ...(isObject(result.object.metadata) ? result.object.metadata : {}) };
  for (const [field, value] of Object.entries(live?.metadata ?? {}))
    if (!(field in metadata) && !(isObject(before.metadata) && field in before.metadata)) metadata[field] = value;
  const given = isObject(config.metadata) ? config.metadata : {};
  for (const field of ['name', 'namespace', 'uid', 'resourceVersion', 'generateName'])
    if (given[field] !== undefined) metadata[field] = given[field];
  const object = { ...merged, apiVersion: config.apiVersion, kind: config.kind, metadata } as unknown as KubeObject;
  return result.held === held && live !== null ? withEntries(object, entriesOf(live)) : withOwners(object, result.held);
}

/** The fields that `kubectl apply` without the server wrote last; null without its annotation. */
function clientApplied(live: KubeObject, type: Type): ReadonlySet<string> | null {
  const text = live.metadata.annotations?.[LAST_APPLIED];
  if (text === undefined) return null;
  try {
    const last: unknown = JSON.parse(text);
    if (!isObject(last)) return null;
    return new Set([...paths(fieldsOf(last, type)), `.metadata.annotations.${LAST_APPLIED}`]);
  } catch {
    return null;
  }
}

function nameOf(holder: Holding): string {
  const name =
    holder.subresource === ''
      ? JSON.stringify(holder.manager)
      : `${JSON.stringify(holder.manager)} with subresource ${JSON.stringify(holder.subresource)}`;
  if (holder.operation === 'Apply') return name;
  return `${name} using ${holder.apiVersion}${holder.time === '' ? '' : ` at ${holder.time}`}`;
}

function conflictOf(conflicts: readonly Conflict[]): ApiError {
  const all = conflicts
    .map(({ holder, set }) => ({ name: nameOf(holder), paths: paths(set) }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const causes = all.flatMap(({ name, paths: fields }) =>
    fields.map((field) => ({ reason: 'FieldManagerConflict', message: `conflict with ${name}`, field })),
  );
  const first = causes[0];
  const text =
    causes.length === 1
      ? `Apply failed with 1 conflict: ${first?.message}: ${first?.field}`
      : `Apply failed with ${causes.length} conflicts: ${all
          .flatMap(({ name, paths: fields }) => [`conflicts with ${name}:`, ...fields.map((field) => `- ${field}`)])
          .join('\n')}`;
  return new ApiError('Conflict', text, { causes });
}
