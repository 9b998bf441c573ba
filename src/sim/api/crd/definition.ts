/** CustomResourceDefinitions themselves: their defaults, their status, and what is refused in them. */
import type { StatusCause } from '../errors.ts';
import { invalidValue, required, unsupported } from '../faults.ts';
import { arrayAt, isObject, type JsonObject, type KubeObject, objectAt, textAt, timestamp } from '../object.ts';
import type { KindRules, Resource } from '../resources.ts';
import { definitionColumns } from '../table/built-in.ts';
import { schemaOfVersion, simplePathFaults } from './custom-kind.ts';
import { compileRules } from './rules.ts';
import { fieldSchema, INT_OR_STRING, type Schema, typeOf } from './schema.ts';
import { structuralFaults } from './structural.ts';

export const DEFINITIONS = 'apiextensions.k8s.io/v1/customresourcedefinitions';
export const CLEANUP_FINALIZER = 'customresourcecleanup.apiextensions.k8s.io';
const APPROVAL = 'api-approved.kubernetes.io';
const LABEL = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const LABEL_RULE =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const COLUMN_TYPES = ['boolean', 'date', 'integer', 'number', 'string'];

/** Asks whether another definition holds one of the names already; the answer is the reason, null when they are free. */
export type NameConflict = (definition: KubeObject) => { reason: string; message: string } | null;

export function definitionResource(now: () => number, conflict: NameConflict): Resource {
  return {
    group: 'apiextensions.k8s.io',
    version: 'v1',
    plural: 'customresourcedefinitions',
    singular: 'customresourcedefinition',
    kind: 'CustomResourceDefinition',
    namespaced: false,
    shortNames: ['crd', 'crds'],
    categories: ['api-extensions'],
    status: true,
    subresources: [],
    rules: definitionRules(now, conflict),
  };
}

function definitionRules(now: () => number, conflict: NameConflict): KindRules {
  return {
    schema: null,
    decode: (given) => ({ object: withDefaults(given), unknown: unknownFields(given) }),
    prepared: (next, old) => ({ ...next, status: statusOf(next, old, now(), conflict) }),
    deleting(object) {
      const finalizers = object.metadata.finalizers ?? [];
      if (finalizers.includes(CLEANUP_FINALIZER)) return object;
      return { ...object, metadata: { ...object.metadata, finalizers: [...finalizers, CLEANUP_FINALIZER] } };
    },
    faults: (next, old, subresource) => (subresource === 'status' ? [] : definitionFaults(next, old)),
    columns: definitionColumns,
    scale: null,
    selectableFields: new Map(),
  };
}

const SPEC_FIELDS = new Set(['group', 'names', 'scope', 'versions', 'conversion', 'preserveUnknownFields']);

function unknownFields(given: JsonObject): string[] {
  const top = Object.keys(given).filter((name) => !['apiVersion', 'kind', 'metadata', 'spec', 'status'].includes(name));
  const spec = Object.keys(objectAt(given, 'spec')).filter((name) => !SPEC_FIELDS.has(name));
  return [...top, ...spec.map((name) => `spec.${name}`)];
}

function withDefaults(given: JsonObject): JsonObject {
  const spec = objectAt(given, 'spec');
  const names = objectAt(spec, 'names');
  const kind = textAt(names, 'kind');
  const { conversion = { strategy: 'None' } } = spec;
  const filled = kind === '' ? {} : { singular: kind.toLowerCase(), listKind: `${kind}List` };
  return {
    ...given,
    spec: { ...spec, names: { ...filled, ...names }, conversion },
  };
}

export function versionsOf(definition: unknown): JsonObject[] {
  return arrayAt(objectAt(definition, 'spec'), 'versions').filter(isObject);
}

function storageVersion(definition: unknown): string {
  return textAt(
    versionsOf(definition).find((version) => version.storage === true),
    'name',
  );
}

/** Names are accepted at once: the controller that does it in a cluster needs a moment. */
function statusOf(next: KubeObject, old: KubeObject | null, nowMs: number, conflict: NameConflict): JsonObject {
  const before = objectAt(next, 'status');
  const given = arrayAt(before, 'storedVersions').filter((one) => typeof one === 'string');
  const storage = storageVersion(next);
  const storedVersions = given.includes(storage) || storage === '' ? given : [...given, storage];
  const found = conflict(next);
  const lastTransitionTime = timestamp(nowMs);
  const accepted = {
    type: 'NamesAccepted',
    status: found === null ? 'True' : 'False',
    lastTransitionTime,
    reason: found?.reason ?? 'NoConflicts',
    message: found?.message ?? 'no conflicts found',
  };
  const established = {
    type: 'Established',
    status: found === null ? 'True' : 'False',
    lastTransitionTime,
    reason: found === null ? 'InitialNamesAccepted' : 'NotAccepted',
    message: found === null ? 'the initial names have been accepted' : 'not all names are accepted',
  };
  const conditions = [accepted, established].map((condition) => {
    const known = arrayAt(objectAt(old, 'status'), 'conditions').find((one) => textAt(one, 'type') === condition.type);
    return textAt(known, 'status') === condition.status ? known : condition;
  });
  const others = arrayAt(before, 'conditions').filter(
    (one) => !['NamesAccepted', 'Established'].includes(textAt(one, 'type')),
  );
  const acceptedNames =
    found === null ? objectAt(objectAt(next, 'spec'), 'names') : (before.acceptedNames ?? { plural: '', kind: '' });
  return { conditions: [...conditions, ...others], acceptedNames, storedVersions };
}

export function isEstablished(definition: KubeObject): boolean {
  return arrayAt(definition.status, 'conditions').some(
    (one) => textAt(one, 'type') === 'Established' && textAt(one, 'status') === 'True',
  );
}

function definitionFaults(next: KubeObject, old: KubeObject | null): StatusCause[] {
  const spec = objectAt(next, 'spec');
  const names = objectAt(spec, 'names');
  const group = textAt(spec, 'group');
  const plural = textAt(names, 'plural');
  const faults: StatusCause[] = [];
  const name = next.metadata.name;
  if (name !== `${plural}.${group}`)
    faults.push(invalidValue('metadata.name', name, 'must be spec.names.plural+"."+spec.group'));
  if (group === '') faults.push(required('spec.group'));
  else if (group.split('.').length < 2)
    faults.push(invalidValue('spec.group', group, 'should be a domain with at least one dot'));
  if (/(^|\.)k(8s|ubernetes)\.io$/.test(group) && (next.metadata.annotations?.[APPROVAL] ?? '') === '') {
    const why = `protected groups must have approval annotation "${APPROVAL}", see https://github.com/kubernetes/enhancements/pull/1111`;
    faults.push(required(`metadata.annotations[${APPROVAL}]`, why));
  }
  const scope = textAt(spec, 'scope');
  if (scope === '') faults.push(required('spec.scope'));
  else if (scope !== 'Cluster' && scope !== 'Namespaced')
    faults.push(unsupported('spec.scope', scope, ['Cluster', 'Namespaced']));
  faults.push(...versionFaults(next), ...nameFaults(names));
  const conversion = textAt(objectAt(spec, 'conversion'), 'strategy');
  if (conversion !== 'None') {
    // webhooks that convert are not called here: better refused than silently ignored
    faults.push(unsupported('spec.conversion.strategy', conversion, ['None']));
  }
  if (old !== null) {
    const fixed: [string, string][] = [
      ['group', textAt(old.spec, 'group')],
      ['scope', textAt(old.spec, 'scope')],
    ];
    for (const [field, before] of fixed)
      if (spec[field] !== before) faults.push(invalidValue(`spec.${field}`, spec[field], 'field is immutable'));
    for (const stored of arrayAt(objectAt(old, 'status'), 'storedVersions')) {
      if (!versionsOf(next).some((version) => version.name === stored)) {
        const why = `missing from spec.versions; ${stored} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${stored} and removes ${stored} from status.storedVersions`;
        faults.push(invalidValue('status.storedVersions[0]', stored, why));
      }
    }
  }
  return faults;
}

function nameFaults(names: JsonObject): StatusCause[] {
  const faults: StatusCause[] = [];
  for (const field of ['plural', 'singular', 'kind', 'listKind']) {
    const value = textAt(names, field);
    if (value === '') faults.push(required(`spec.names.${field}`));
    else if (!LABEL.test(field === 'kind' || field === 'listKind' ? value.toLowerCase() : value))
      faults.push(invalidValue(`spec.names.${field}`, value, LABEL_RULE));
  }
  for (const list of ['shortNames', 'categories']) {
    for (const [index, one] of arrayAt(names, list).entries())
      if (typeof one !== 'string' || !LABEL.test(one))
        faults.push(invalidValue(`spec.names.${list}[${index}]`, one, LABEL_RULE));
  }
  return faults;
}

/** As the API server prints versions in a message. */
function goVersion(version: JsonObject): JsonObject {
  return {
    Name: version.name,
    Served: version.served === true,
    Storage: version.storage === true,
    Deprecated: version.deprecated === true,
    DeprecationWarning: null,
    Schema: null,
    Subresources: null,
    AdditionalPrinterColumns: null,
    SelectableFields: null,
  };
}

function versionFaults(definition: KubeObject): StatusCause[] {
  const versions = versionsOf(definition);
  const faults: StatusCause[] = [];
  const shown = versions.map(goVersion);
  const names = versions.map((version) => textAt(version, 'name'));
  if (new Set(names).size !== names.length)
    faults.push(invalidValue('spec.versions', shown, 'must contain unique version names'));
  if (versions.filter((version) => version.storage === true).length !== 1) {
    faults.push(invalidValue('spec.versions', shown, 'must have exactly one version marked as storage version'));
    if (storageVersion(definition) === '')
      faults.push(invalidValue('status.storedVersions', null, 'must have at least one stored version'));
  }
  // what all versions share is kept, and named, once
  const one = versions.length === 1;
  for (const [index, version] of versions.entries()) {
    const own = `spec.versions[${index}]`;
    const prefix = one ? 'spec' : own;
    const schemaPath = one ? 'spec.validation.openAPIV3Schema' : `${own}.schema.openAPIV3Schema`;
    if (!isObject(objectAt(version, 'schema').openAPIV3Schema)) {
      faults.push(required(`${own}.schema.openAPIV3Schema`));
      continue;
    }
    const schema = schemaOfVersion(version);
    const structural = structuralFaults(schema, schemaPath);
    faults.push(...structural);
    if (structural.length === 0) compileRules(schema, schemaPath, faults);
    faults.push(...columnFaults(version, prefix), ...subresourceFaults(version, prefix));
    faults.push(...selectableFaults(version, schema, prefix));
  }
  return faults;
}

function columnFaults(version: JsonObject, prefix: string): StatusCause[] {
  return arrayAt(version, 'additionalPrinterColumns').flatMap((column, index) => {
    const path = `${prefix}.additionalPrinterColumns[${index}]`;
    const faults: StatusCause[] = [];
    if (textAt(column, 'name') === '') faults.push(required(`${path}.name`));
    const type = textAt(column, 'type');
    if (type === '') faults.push(required(`${path}.type`, `must be one of ${COLUMN_TYPES.join(',')}`));
    else if (!COLUMN_TYPES.includes(type))
      faults.push(invalidValue(`${path}.type`, type, `must be one of ${COLUMN_TYPES.join(',')}`));
    return [...faults, ...simplePathFaults(textAt(column, 'jsonPath'), `${path}.JSONPath`, false)];
  });
}

function subresourceFaults(version: JsonObject, prefix: string): StatusCause[] {
  const { scale } = objectAt(version, 'subresources');
  if (!isObject(scale)) return [];
  const path = `${prefix}.subresources.scale`;
  return [
    ...simplePathFaults(textAt(scale, 'specReplicasPath'), `${path}.specReplicasPath`, false),
    ...simplePathFaults(textAt(scale, 'statusReplicasPath'), `${path}.statusReplicasPath`, false),
    ...simplePathFaults(textAt(scale, 'labelSelectorPath'), `${path}.labelSelectorPath`, true),
  ];
}

function selectableFaults(version: JsonObject, schema: Schema, prefix: string): StatusCause[] {
  return arrayAt(version, 'selectableFields').flatMap((one, index) => {
    const path = textAt(one, 'jsonPath');
    const field = `${prefix}.selectableFields[${index}].jsonPath`;
    if (path === '') return [required(field)];
    let at: Schema | null = schema;
    for (const name of path.split('.').slice(1)) at = at === null ? null : fieldSchema(at, name);
    if (at === null) return [invalidValue(field, path, 'is an invalid path: does not refer to a valid field')];
    if (at[INT_OR_STRING] === true || !['string', 'boolean', 'integer'].includes(typeOf(at))) {
      const why =
        'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.';
      return [invalidValue(field, path, why)];
    }
    return [];
  });
}
