/** Rules of `metadata` that hold for every kind: what the server sets, what it keeps from the old object, what it refuses. */
import { invalid, type StatusCause } from './errors.ts';
import { type ObjectMeta, timestamp } from './object.ts';

const DNS_SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const RBAC_NAME = /^[^/%]+$/;
const QUALIFIED_NAME = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const LABEL_VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/;
const ANNOTATIONS_LIMIT_BYTES = 256 * 1024;

/** Kubernetes' base name is cut so that the five random characters still fit into 63. */
const GENERATED_BASE_LENGTH = 58;

export function generatedName(base: string, suffix: string): string {
  return base.slice(0, GENERATED_BASE_LENGTH) + suffix;
}

function keyFault(key: string): string | null {
  const slash = key.lastIndexOf('/');
  const prefix = slash < 0 ? null : key.slice(0, slash);
  const name = key.slice(slash + 1);
  if (prefix !== null && (prefix.length > 253 || !DNS_SUBDOMAIN.test(prefix.toLowerCase())))
    return 'prefix part must be a DNS subdomain';
  if (name.length > 63) return 'name part must be no more than 63 characters';
  if (!QUALIFIED_NAME.test(name)) return "name part must consist of alphanumeric characters, '-', '_' or '.'";
  return null;
}

function faults(metadata: ObjectMeta, looseName: boolean): StatusCause[] {
  const causes: StatusCause[] = [];
  const add = (field: string, value: string, message: string) =>
    causes.push({ reason: 'FieldValueInvalid', message: `Invalid value: "${value}": ${message}`, field });
  const name = metadata.name;
  if (name.length > 253 || !(looseName ? RBAC_NAME : DNS_SUBDOMAIN).test(name)) {
    add(
      'metadata.name',
      name,
      "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.'",
    );
  }
  for (const [key, value] of Object.entries(metadata.labels ?? {})) {
    const fault = keyFault(key);
    if (fault) add('metadata.labels', key, fault);
    if (typeof value !== 'string' || value.length > 63 || !LABEL_VALUE.test(value)) {
      add(
        'metadata.labels',
        String(value),
        "a valid label must be an empty string or consist of at most 63 alphanumeric characters, '-', '_' or '.'",
      );
    }
  }
  for (const [at, finalizer] of (metadata.finalizers ?? []).entries()) {
    if (!finalizer.includes('/') && !STANDARD_FINALIZERS.has(finalizer)) {
      add(
        `metadata.finalizers[${at}]`,
        finalizer,
        'name is neither a standard finalizer name nor is it fully qualified',
      );
    }
  }
  let annotationBytes = 0;
  for (const [key, value] of Object.entries(metadata.annotations ?? {})) {
    annotationBytes += key.length + value.length;
    const fault = keyFault(key);
    if (fault) add('metadata.annotations', key, fault);
  }
  if (annotationBytes > ANNOTATIONS_LIMIT_BYTES) {
    causes.push({
      reason: 'FieldValueTooLong',
      message: 'Too long: may not be more than 262144 bytes',
      field: 'metadata.annotations',
    });
  }
  return causes;
}

/** Throws 422. @param looseName RBAC kinds allow colons and capitals */
export function checkMetadata(kind: string, metadata: ObjectMeta, looseName: boolean): void {
  const causes = faults(metadata, looseName);
  if (causes.length > 0) throw invalid(kind, metadata.name, causes);
}

/** `metadata` of a new object. Clients cannot set what the server owns. @param counted changes of this kind have a generation */
export function createdMetadata(given: ObjectMeta, uid: string, nowMs: number, counted: boolean): ObjectMeta {
  const {
    resourceVersion: _rv,
    deletionTimestamp: _dt,
    deletionGracePeriodSeconds: _grace,
    generation: _generation,
    ...kept
  } = given;
  return {
    ...kept,
    uid,
    resourceVersion: '',
    ...(counted ? { generation: 1 } : {}),
    creationTimestamp: timestamp(nowMs),
  };
}

/** `metadata` of an update: identity and deletion state stay as they were. */
export function updatedMetadata(given: ObjectMeta, old: ObjectMeta): ObjectMeta {
  const {
    deletionTimestamp: _dt,
    deletionGracePeriodSeconds: _grace,
    generateName: _generated,
    generation: _generation,
    ...kept
  } = given;
  const { labels: _l, annotations: _a, finalizers: _f, ownerReferences: _o, managedFields: _m, ...fixed } = old;
  return { ...kept, ...fixed };
}

const STANDARD_FINALIZERS: ReadonlySet<string> = new Set(['kubernetes', 'orphan', 'foregroundDeletion']);

/** Throws 422 for a finalizer that comes while the object goes, and for new ones without a domain. */
export function checkFinalizers(kind: string, next: ObjectMeta, old: ObjectMeta): void {
  const before = old.finalizers ?? [];
  const added = (next.finalizers ?? []).filter((one) => !before.includes(one));
  if (added.length === 0 || next.deletionTimestamp === undefined) return;
  throw invalid(kind, next.name, [
    {
      reason: 'FieldValueForbidden',
      message: `Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{${added.map((one) => `"${one}"`).join(', ')}}`,
      field: 'metadata.finalizers',
    },
  ]);
}
