/**
 * The table of what the embedded API serves from its start: a new resource is one row. CustomResourceDefinitions add others
 * while it runs (catalog.ts).
 */
import type { StatusCause } from './errors.ts';
import type { JsonObject, KubeObject } from './object.ts';

export type Column = {
  readonly name: string;
  readonly type: string;
  readonly format?: string;
  readonly description?: string;
  /** 0 is always shown, others only in wide output */
  readonly priority?: number;
  /** what stands in the cell: text, number, boolean, or null for nothing */
  readonly cell: (object: KubeObject, nowMs: number) => unknown;
};

/** Where a `scale` subresource finds its numbers: paths like `.spec.replicas`. */
export type ScalePaths = { readonly spec: string; readonly status: string; readonly selector: string | null };

/** What the definition of a kind says beyond what holds for all kinds. Custom kinds have it, and the definitions themselves. */
export type KindRules = {
  /** the OpenAPI schema of a custom kind */
  readonly schema: JsonObject | null;
  /** what a client sent → the fields that are known, with defaults; `unknown` are the paths of the others */
  decode(given: JsonObject): { readonly object: JsonObject; readonly unknown: readonly string[] };
  /** last touch before an object is first stored, or stored anew */
  prepared(next: KubeObject, old: KubeObject | null): KubeObject;
  /** what is wrong; empty when nothing is */
  faults(next: KubeObject, old: KubeObject | null, subresource: string): readonly StatusCause[];
  /** the object as a delete finds it */
  deleting(object: KubeObject): KubeObject;
  /** the columns of a Table; null: name and age */
  readonly columns: readonly Column[] | null;
  readonly scale: ScalePaths | null;
  /** fields that a selector may name, as `spec.size` */
  readonly selectableFields: ReadonlyMap<string, (object: KubeObject) => string>;
};

export type Resource = {
  /** '' is the core group */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly singular: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly shortNames: readonly string[];
  /** names of groups of resources, as in `kubectl get all` */
  readonly categories: readonly string[];
  readonly rules: KindRules | null;
  /** `/status` exists, and a write to the object itself leaves `status` alone */
  readonly status: boolean;
  /** further subresources, as discovery lists them */
  readonly subresources: readonly { readonly name: string; readonly kind: string; readonly groupVersion: string }[];
};

type Extra = Partial<Pick<Resource, 'shortNames' | 'categories' | 'status' | 'subresources'>>;

const IN_ALL = new Set(
  'pods services replicationcontrollers replicasets statefulsets deployments daemonsets jobs cronjobs horizontalpodautoscalers'.split(
    ' ',
  ),
);

function row(
  groupVersion: string,
  plural: string,
  kind: string,
  scope: 'cluster' | 'namespaced',
  extra: Extra = {},
): Resource {
  const slash = groupVersion.indexOf('/');
  return {
    group: slash < 0 ? '' : groupVersion.slice(0, slash),
    version: groupVersion.slice(slash + 1),
    plural,
    singular: kind.toLowerCase(),
    kind,
    namespaced: scope === 'namespaced',
    shortNames: extra.shortNames ?? [],
    categories: extra.categories ?? (IN_ALL.has(plural) ? ['all'] : []),
    rules: null,
    status: extra.status ?? false,
    subresources: extra.subresources ?? [],
  };
}

const SCALE = { name: 'scale', kind: 'Scale', groupVersion: 'autoscaling/v1' };

export const RESOURCES: readonly Resource[] = [
  row('v1', 'namespaces', 'Namespace', 'cluster', {
    shortNames: ['ns'],
    status: true,
    subresources: [{ name: 'finalize', kind: 'Namespace', groupVersion: 'v1' }],
  }),
  row('v1', 'nodes', 'Node', 'cluster', { shortNames: ['no'], status: true }),
  row('v1', 'pods', 'Pod', 'namespaced', {
    shortNames: ['po'],
    status: true,
    subresources: [
      { name: 'binding', kind: 'Binding', groupVersion: 'v1' },
      { name: 'eviction', kind: 'Eviction', groupVersion: 'policy/v1' },
      { name: 'ephemeralcontainers', kind: 'Pod', groupVersion: 'v1' },
      { name: 'resize', kind: 'Pod', groupVersion: 'v1' },
      { name: 'log', kind: 'Pod', groupVersion: 'v1' },
      { name: 'exec', kind: 'PodExecOptions', groupVersion: 'v1' },
      { name: 'attach', kind: 'PodAttachOptions', groupVersion: 'v1' },
      { name: 'portforward', kind: 'PodPortForwardOptions', groupVersion: 'v1' },
    ],
  }),
  row('v1', 'events', 'Event', 'namespaced', { shortNames: ['ev'] }),
  row('v1', 'configmaps', 'ConfigMap', 'namespaced', { shortNames: ['cm'] }),
  row('v1', 'secrets', 'Secret', 'namespaced'),
  row('v1', 'services', 'Service', 'namespaced', { shortNames: ['svc'], status: true }),
  row('v1', 'serviceaccounts', 'ServiceAccount', 'namespaced', {
    shortNames: ['sa'],
    subresources: [{ name: 'token', kind: 'TokenRequest', groupVersion: 'authentication.k8s.io/v1' }],
  }),
  row('v1', 'persistentvolumes', 'PersistentVolume', 'cluster', { shortNames: ['pv'], status: true }),
  row('v1', 'persistentvolumeclaims', 'PersistentVolumeClaim', 'namespaced', { shortNames: ['pvc'], status: true }),
  row('v1', 'replicationcontrollers', 'ReplicationController', 'namespaced', {
    shortNames: ['rc'],
    status: true,
    subresources: [SCALE],
  }),
  row('v1', 'endpoints', 'Endpoints', 'namespaced', { shortNames: ['ep'] }),
  row('v1', 'limitranges', 'LimitRange', 'namespaced', { shortNames: ['limits'] }),
  row('v1', 'podtemplates', 'PodTemplate', 'namespaced'),
  row('v1', 'resourcequotas', 'ResourceQuota', 'namespaced', { shortNames: ['quota'], status: true }),
  row('apps/v1', 'replicasets', 'ReplicaSet', 'namespaced', {
    shortNames: ['rs'],
    status: true,
    subresources: [SCALE],
  }),
  row('apps/v1', 'statefulsets', 'StatefulSet', 'namespaced', {
    shortNames: ['sts'],
    status: true,
    subresources: [SCALE],
  }),
  row('apps/v1', 'deployments', 'Deployment', 'namespaced', {
    shortNames: ['deploy'],
    status: true,
    subresources: [SCALE],
  }),
  row('apps/v1', 'daemonsets', 'DaemonSet', 'namespaced', { shortNames: ['ds'], status: true }),
  row('apps/v1', 'controllerrevisions', 'ControllerRevision', 'namespaced'),
  row('batch/v1', 'jobs', 'Job', 'namespaced', { status: true }),
  row('batch/v1', 'cronjobs', 'CronJob', 'namespaced', { shortNames: ['cj'], status: true }),
  row('autoscaling/v2', 'horizontalpodautoscalers', 'HorizontalPodAutoscaler', 'namespaced', {
    shortNames: ['hpa'],
    status: true,
  }),
  row('discovery.k8s.io/v1', 'endpointslices', 'EndpointSlice', 'namespaced'),
  row('coordination.k8s.io/v1', 'leases', 'Lease', 'namespaced'),
  row('events.k8s.io/v1', 'events', 'Event', 'namespaced', { shortNames: ['ev'] }),
  row('policy/v1', 'poddisruptionbudgets', 'PodDisruptionBudget', 'namespaced', { shortNames: ['pdb'], status: true }),
  row('scheduling.k8s.io/v1', 'priorityclasses', 'PriorityClass', 'cluster', { shortNames: ['pc'] }),
  row('scheduling.k8s.io/v1beta1', 'podgroups', 'PodGroup', 'namespaced', { status: true }),
  row('scheduling.k8s.io/v1beta1', 'workloads', 'Workload', 'namespaced'),
  row('node.k8s.io/v1', 'runtimeclasses', 'RuntimeClass', 'cluster'),
  row('resource.k8s.io/v1', 'resourceslices', 'ResourceSlice', 'cluster'),
  row('resource.k8s.io/v1', 'deviceclasses', 'DeviceClass', 'cluster'),
  row('resource.k8s.io/v1', 'devicetaintrules', 'DeviceTaintRule', 'cluster', { status: true }),
  row('resource.k8s.io/v1', 'resourceclaims', 'ResourceClaim', 'namespaced', { status: true }),
  row('storage.k8s.io/v1', 'storageclasses', 'StorageClass', 'cluster', { shortNames: ['sc'] }),
  row('storage.k8s.io/v1', 'csinodes', 'CSINode', 'cluster'),
  row('storage.k8s.io/v1', 'csidrivers', 'CSIDriver', 'cluster'),
  row('storage.k8s.io/v1', 'csistoragecapacities', 'CSIStorageCapacity', 'namespaced'),
  row('storage.k8s.io/v1', 'volumeattachments', 'VolumeAttachment', 'cluster', { status: true }),
  row('admissionregistration.k8s.io/v1', 'mutatingwebhookconfigurations', 'MutatingWebhookConfiguration', 'cluster'),
  row(
    'admissionregistration.k8s.io/v1',
    'validatingwebhookconfigurations',
    'ValidatingWebhookConfiguration',
    'cluster',
  ),
  row('admissionregistration.k8s.io/v1', 'validatingadmissionpolicies', 'ValidatingAdmissionPolicy', 'cluster', {
    status: true,
  }),
  row(
    'admissionregistration.k8s.io/v1',
    'validatingadmissionpolicybindings',
    'ValidatingAdmissionPolicyBinding',
    'cluster',
  ),
  row('rbac.authorization.k8s.io/v1', 'clusterroles', 'ClusterRole', 'cluster'),
  row('rbac.authorization.k8s.io/v1', 'clusterrolebindings', 'ClusterRoleBinding', 'cluster'),
  row('rbac.authorization.k8s.io/v1', 'roles', 'Role', 'namespaced'),
  row('rbac.authorization.k8s.io/v1', 'rolebindings', 'RoleBinding', 'namespaced'),
];

/** Only created, never stored: the older way to bind. */
export const BINDINGS: Resource = row('v1', 'bindings', 'Binding', 'namespaced');

export function groupVersion(resource: Resource): string {
  return resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
}

/** `pods`, `leases.coordination.k8s.io`: how messages of the API name a resource. */
export function qualified(resource: Resource): string {
  return resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`;
}

export function resourceId(groupVersionText: string, plural: string): string {
  return `${groupVersionText}/${plural}`;
}
