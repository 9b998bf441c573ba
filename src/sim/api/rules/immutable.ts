/** Fields of built-in kinds that stay as they were made (pods: ../pod-rules.ts). */
import { isDeepStrictEqual } from 'node:util';
import { invalid, type StatusCause } from '../errors.ts';
import { isObject, type JsonObject, type KubeObject, objectAt, textAt } from '../object.ts';
import { groupVersion, type Resource } from '../resources.ts';
import { matchesLabelSelector } from '../selectors.ts';

type Rule = (next: KubeObject, old: KubeObject) => StatusCause[];

const frozen = (field: string, value: unknown): StatusCause => ({
  reason: 'FieldValueInvalid',
  message: `Invalid value: ${JSON.stringify(value)}: field is immutable`,
  field,
});
const forbidden = (field: string, message: string): StatusCause => ({
  reason: 'FieldValueForbidden',
  message: `Forbidden: ${message}`,
  field,
});

const specFields =
  (...names: string[]): Rule =>
  (next, old) =>
    names
      .filter((name) => !isDeepStrictEqual(next.spec?.[name], old.spec?.[name]))
      .map((name) => frozen(`spec.${name}`, next.spec?.[name]));

/** A selector that no pod of the template would match. */
export function selectorFault(object: KubeObject): StatusCause[] {
  const selector = object.spec?.selector;
  if (!isObject(selector)) {
    return [{ reason: 'FieldValueRequired', message: 'Required value', field: 'spec.selector' }];
  }
  const labels = objectAt(objectAt(objectAt(object.spec, 'template'), 'metadata'), 'labels') as Record<string, string>;
  if (matchesLabelSelector(selector, labels)) return [];
  return [
    {
      reason: 'FieldValueInvalid',
      message: `Invalid value: ${JSON.stringify(labels)}: \`selector\` does not match template \`labels\``,
      field: 'spec.template.metadata.labels',
    },
  ];
}

const STATEFUL_SET_CHANGES = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
];

const statefulSet: Rule = (next, old) => {
  const named = specFields('serviceName', 'selector', 'podManagementPolicy')(next, old);
  if (named.length > 0) return named;
  const rest = (spec: JsonObject) =>
    Object.fromEntries(Object.entries(spec).filter(([name]) => !STATEFUL_SET_CHANGES.includes(name)));
  if (isDeepStrictEqual(rest(next.spec ?? {}), rest(old.spec ?? {}))) return [];
  return [
    forbidden(
      'spec',
      "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
    ),
  ];
};

/** A suspended job that never started may get other resources and placement; of all others the template stays. */
const job: Rule = (next, old) => {
  const causes = specFields(
    'completions',
    'selector',
    'completionMode',
    'podFailurePolicy',
    'backoffLimitPerIndex',
  )(next, old);
  if (isDeepStrictEqual(next.spec?.template, old.spec?.template)) return causes;
  const movable = old.spec?.suspend === true && textAt(old.status, 'startTime') === '';
  const placed = (object: KubeObject) => {
    const template = objectAt(object.spec, 'template');
    const {
      affinity: _a,
      nodeSelector: _n,
      tolerations: _t,
      schedulingGates: _g,
      ...spec
    } = objectAt(template, 'spec');
    const { labels: _l, annotations: _an, ...metadata } = objectAt(template, 'metadata');
    const containers = (Array.isArray(spec.containers) ? spec.containers : []).map((one) => ({
      ...one,
      resources: null,
    }));
    return { metadata, spec: { ...spec, containers } };
  };
  if (movable && isDeepStrictEqual(placed(next), placed(old))) return causes;
  return [...causes, frozen('spec.template', next.spec?.template)];
};

const claim: Rule = (next, old) => {
  const rest = (spec: JsonObject) => {
    const { volumeName: _name, volumeAttributesClassName: _class, resources, ...others } = spec;
    return { ...others, limits: objectAt(resources, 'limits') };
  };
  const bound = textAt(old.spec, 'volumeName') !== '';
  const resized = !isDeepStrictEqual(next.spec?.resources, old.spec?.resources);
  const same =
    isDeepStrictEqual(rest(next.spec ?? {}), rest(old.spec ?? {})) &&
    (!bound || next.spec?.volumeName === old.spec?.volumeName) &&
    (!resized || textAt(old.status, 'phase') === 'Bound');
  if (same) return [];
  return [
    forbidden(
      'spec',
      'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims',
    ),
  ];
};

const data: Rule = (next, old) => {
  if (old.immutable !== true) return [];
  const word = 'field is immutable when `immutable` is set';
  return [
    ...(next.immutable === true ? [] : [forbidden('immutable', word)]),
    ...['data', 'binaryData']
      .filter((field) => !isDeepStrictEqual(next[field], old[field]))
      .map((field) => forbidden(field, word)),
  ];
};

const secret: Rule = (next, old) => [
  ...(next.type === old.type ? [] : [frozen('type', next.type)]),
  ...data(next, old),
];

const service: Rule = (next, old) => {
  const before = textAt(old.spec, 'clusterIP');
  const after = next.spec?.clusterIP;
  if (before === '' || after === before || textAt(next.spec, 'type') === 'ExternalName') return [];
  return [
    {
      reason: 'FieldValueInvalid',
      message: `Invalid value: ${JSON.stringify([after])}: may not change once set`,
      field: 'spec.clusterIPs[0]',
    },
  ];
};

const priorityClass: Rule = (next, old) =>
  next.value === old.value && next.preemptionPolicy === old.preemptionPolicy
    ? []
    : [
        next.value === old.value
          ? frozen('preemptionPolicy', next.preemptionPolicy)
          : forbidden('value', 'may not be changed in an update.'),
      ];

const node: Rule = (next, old) => {
  const cidr = textAt(old.spec, 'podCIDR');
  const provider = textAt(old.spec, 'providerID');
  const changed =
    (cidr !== '' && textAt(next.spec, 'podCIDR') !== cidr) ||
    (provider !== '' && textAt(next.spec, 'providerID') !== provider);
  return changed ? [forbidden('spec', 'node updates may only change labels, taints, or capacity')] : [];
};

const replicas: Rule = (next, old) => [...selectorFault(next), ...specFields('selector')(next, old)];

const RULES: Readonly<Record<string, Rule>> = {
  'v1/ConfigMap': data,
  'v1/Secret': secret,
  'v1/Service': service,
  'v1/PersistentVolumeClaim': claim,
  'v1/Node': node,
  'apps/v1/Deployment': replicas,
  'apps/v1/ReplicaSet': replicas,
  'apps/v1/DaemonSet': replicas,
  'apps/v1/StatefulSet': statefulSet,
  'batch/v1/Job': job,
  'node.k8s.io/v1/RuntimeClass': (next, old) => (next.handler === old.handler ? [] : [frozen('handler', next.handler)]),
  'resource.k8s.io/v1/ResourceClaim': (next, old) =>
    isDeepStrictEqual(next.spec, old.spec) ? [] : [frozen('spec', next.spec)],
  'scheduling.k8s.io/v1/PriorityClass': priorityClass,
  'storage.k8s.io/v1/StorageClass': (next, old) =>
    ['parameters', 'provisioner', 'reclaimPolicy', 'volumeBindingMode']
      .filter((field) => !isDeepStrictEqual(next[field], old[field]))
      .map((field) => forbidden(field, `updates to ${field} are forbidden.`)),
};

const SELECTING: ReadonlySet<string> = new Set(['Deployment', 'ReplicaSet', 'DaemonSet', 'StatefulSet']);

/** Throws 422 for a new object that contradicts itself. */
export function checkCreation(resource: Resource, object: KubeObject): void {
  if (resource.group !== 'apps' || !SELECTING.has(resource.kind)) return;
  const causes = selectorFault(object);
  if (causes.length > 0) throw invalid(kindName(resource), object.metadata.name, causes);
}

/** Throws 422 for a change that Kubernetes forbids. */
export function checkUpdate(resource: Resource, next: KubeObject, old: KubeObject): void {
  const causes = RULES[`${groupVersion(resource)}/${resource.kind}`]?.(next, old) ?? [];
  if (causes.length > 0) throw invalid(kindName(resource), old.metadata.name, causes);
}

/** `Deployment.apps`: how refusals of values name a kind. */
export function kindName(resource: Resource): string {
  return resource.group === '' ? resource.kind : `${resource.kind}.${resource.group}`;
}
