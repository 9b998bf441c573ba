/** The columns of the built-in kinds, as the real API server has them. A kind that is not here shows name and creation time. */
import { arrayAt, isObject, type KubeObject, numberAt, objectAt, textAt } from '../object.ts';
import type { Column, Resource } from '../resources.ts';
import { age, duration } from './age.ts';
import {
  AGE,
  accessModes,
  boolean,
  CONTAINERS,
  CREATED_AT,
  count,
  createdAgo,
  IMAGES,
  integer,
  labelsText,
  NAME,
  NONE,
  SELECTOR,
  specText,
  text,
  UNSET,
  wide,
} from './cells.ts';
import { podColumns } from './pod.ts';

const sizeOf = (value: unknown): number => (isObject(value) ? Object.keys(value).length : 0);
const condition = (object: KubeObject, type: string) =>
  arrayAt(object.status, 'conditions').find((one) => textAt(one, 'type') === type);
const isTrue = (object: KubeObject, type: string) => textAt(condition(object, type), 'status') === 'True';
const status =
  (key: string, otherwise = ''): Column['cell'] =>
  (object) =>
    textAt(object.status, key) || otherwise;
const joined = (values: readonly unknown[], most = Number.POSITIVE_INFINITY): string => {
  if (values.length === 0) return NONE;
  const shown = values.slice(0, most).join(',');
  return values.length > most ? `${shown} + ${values.length - most} more...` : shown;
};

function nodeStatus(node: KubeObject): string {
  const ready = condition(node, 'Ready');
  const words = [ready === undefined ? 'Unknown' : textAt(ready, 'status') === 'True' ? 'Ready' : 'NotReady'];
  if (node.spec?.unschedulable === true) words.push('SchedulingDisabled');
  return words.join(',');
}

function nodeRoles(node: KubeObject): string {
  const roles = Object.entries(node.metadata.labels ?? {}).flatMap(([key, value]) => {
    if (key.startsWith('node-role.kubernetes.io/')) return [key.slice('node-role.kubernetes.io/'.length)];
    return key === 'kubernetes.io/role' ? [value] : [];
  });
  return roles.length === 0 ? NONE : roles.sort().join(',');
}

const nodeAddress =
  (type: string): Column['cell'] =>
  (node) =>
    textAt(
      arrayAt(node.status, 'addresses').find((one) => textAt(one, 'type') === type),
      'address',
    ) || NONE;
const nodeInfo =
  (key: string, otherwise: string): Column['cell'] =>
  (node) =>
    textAt(objectAt(node.status, 'nodeInfo'), key) || otherwise;

const nodeColumns: readonly Column[] = [
  NAME,
  text('Status', nodeStatus),
  text('Roles', nodeRoles),
  AGE,
  text('Version', nodeInfo('kubeletVersion', '')),
  wide(text('Internal-IP', nodeAddress('InternalIP'))),
  wide(text('External-IP', nodeAddress('ExternalIP'))),
  wide(text('OS-Image', nodeInfo('osImage', '<unknown>'))),
  wide(text('Kernel-Version', nodeInfo('kernelVersion', '<unknown>'))),
  wide(text('Container-Runtime', nodeInfo('containerRuntimeVersion', '<unknown>'))),
];

/** `v1` and `events.k8s.io` name the same things differently */
const eventObject = (event: KubeObject) => (isObject(event.involvedObject) ? event.involvedObject : event.regarding);
const eventTime = (event: KubeObject, ...keys: readonly string[]): string =>
  keys.map((key) => textAt(event, key)).find((one) => one !== '') ?? '';

const eventColumns: readonly Column[] = [
  text('Last Seen', (event, now) => {
    const series = textAt(event.series, 'lastObservedTime');
    return age(series || eventTime(event, 'lastTimestamp', 'deprecatedLastTimestamp', 'eventTime'), now);
  }),
  text('Type', (event) => textAt(event, 'type')),
  text('Reason', (event) => textAt(event, 'reason')),
  text('Object', (event) => {
    const target = eventObject(event);
    const kind = textAt(target, 'kind').toLowerCase();
    return kind === '' ? textAt(target, 'name') : `${kind}/${textAt(target, 'name')}`;
  }),
  wide(text('Subobject', (event) => textAt(eventObject(event), 'fieldPath'))),
  wide(
    text('Source', (event) => {
      const component =
        textAt(objectAt(event, 'source'), 'component') || eventTime(event, 'reportingComponent', 'reportingController');
      const host = textAt(objectAt(event, 'source'), 'host') || textAt(event, 'reportingInstance');
      return [component, host].filter((one) => one !== '').join(', ');
    }),
  ),
  text('Message', (event) => eventTime(event, 'message', 'note').trim()),
  wide(
    text('First Seen', (event, now) =>
      age(eventTime(event, 'firstTimestamp', 'deprecatedFirstTimestamp', 'eventTime'), now),
    ),
  ),
  wide(
    text('Count', (event) =>
      String(numberAt(event.series, 'count') ?? numberAt(event, 'count') ?? numberAt(event, 'deprecatedCount') ?? 1),
    ),
  ),
  wide({ ...NAME }),
];

function servicePorts(service: KubeObject): string {
  const ports = arrayAt(service.spec, 'ports').map((port) => {
    const nodePort = numberAt(port, 'nodePort') ?? 0;
    return `${numberAt(port, 'port') ?? 0}${nodePort > 0 ? `:${nodePort}` : ''}/${textAt(port, 'protocol') || 'TCP'}`;
  });
  return ports.length === 0 ? NONE : ports.join(',');
}

function externalAddress(service: KubeObject): string {
  const type = textAt(service.spec, 'type') || 'ClusterIP';
  const own = arrayAt(service.spec, 'externalIPs');
  if (type === 'ExternalName') return textAt(service.spec, 'externalName') || NONE;
  if (type !== 'LoadBalancer') return joined(own);
  const balancer = arrayAt(objectAt(service.status, 'loadBalancer'), 'ingress').map(
    (one) => textAt(one, 'ip') || textAt(one, 'hostname'),
  );
  return balancer.length + own.length === 0 ? '<pending>' : joined([...balancer, ...own]);
}

const volumeClass = (object: KubeObject) => textAt(object.spec, 'volumeAttributesClassName') || UNSET;

function volumePhase(object: KubeObject): string {
  return object.metadata.deletionTimestamp === undefined ? textAt(object.status, 'phase') : 'Terminating';
}

function claimCapacity(claim: KubeObject): string {
  return textAt(claim.spec, 'volumeName') === '' ? '' : textAt(objectAt(claim.status, 'capacity'), 'storage');
}

const readyOf = (object: KubeObject) =>
  `${numberAt(object.status, 'readyReplicas') ?? 0}/${numberAt(object.spec, 'replicas') ?? 0}`;

function jobStatus(job: KubeObject): string {
  if (isTrue(job, 'Complete')) return 'Complete';
  if (isTrue(job, 'Failed')) return 'Failed';
  if (job.metadata.deletionTimestamp !== undefined) return 'Terminating';
  if (isTrue(job, 'Suspended')) return 'Suspended';
  if (isTrue(job, 'FailureTarget')) return 'FailureTarget';
  return isTrue(job, 'SuccessCriteriaMet') ? 'SuccessCriteriaMet' : 'Running';
}

function jobCompletions(job: KubeObject): string {
  const done = numberAt(job.status, 'succeeded') ?? 0;
  const wanted = numberAt(job.spec, 'completions');
  if (wanted !== null) return `${done}/${wanted}`;
  const parallelism = numberAt(job.spec, 'parallelism') ?? 0;
  return parallelism > 1 ? `${done}/1 of ${parallelism}` : `${done}/1`;
}

function jobDuration(job: KubeObject, now: number): string {
  const start = Date.parse(textAt(job.status, 'startTime'));
  if (Number.isNaN(start)) return '';
  const end = Date.parse(textAt(job.status, 'completionTime'));
  return duration((Number.isNaN(end) ? now : end) - start);
}

const scalar = (value: unknown): string =>
  typeof value === 'string' || typeof value === 'number' ? String(value) : 'N/A';

const roleRef = text('Role', (binding) => `${textAt(binding.roleRef, 'kind')}/${textAt(binding.roleRef, 'name')}`);
const subjects = (kind: string) => (binding: KubeObject) =>
  arrayAt(binding, 'subjects')
    .filter((one) => textAt(one, 'kind') === kind)
    .map((one) =>
      kind === 'ServiceAccount' ? `${textAt(one, 'namespace')}/${textAt(one, 'name')}` : textAt(one, 'name'),
    )
    .join(', ');
const bindingColumns: readonly Column[] = [
  NAME,
  roleRef,
  AGE,
  wide(text('Users', subjects('User'))),
  wide(text('Groups', subjects('Group'))),
  wide(text('ServiceAccounts', subjects('ServiceAccount'))),
];

const replicaColumns: readonly Column[] = [
  NAME,
  integer('Desired', count('spec', 'replicas')),
  integer('Current', count('status', 'replicas')),
  integer('Ready', count('status', 'readyReplicas')),
  AGE,
  CONTAINERS,
  IMAGES,
  SELECTOR,
];

const webhookColumns: readonly Column[] = [NAME, integer('Webhooks', (one) => arrayAt(one, 'webhooks').length), AGE];

function paramRef(binding: KubeObject): string {
  const ref = objectAt(binding.spec, 'paramRef');
  if (sizeOf(ref) === 0) return UNSET;
  const name = textAt(ref, 'name');
  if (name === '') return '*';
  const namespace = textAt(ref, 'namespace');
  return namespace === '' ? name : `${namespace}/${name}`;
}

function quota(object: KubeObject, wanted: (resource: string) => boolean): string {
  const hard = objectAt(object.status, 'hard');
  const used = objectAt(object.status, 'used');
  return Object.keys(hard)
    .filter(wanted)
    .sort()
    .map((resource) => `${resource}: ${scalar(used[resource] ?? 0)}/${scalar(hard[resource])}`)
    .join(', ');
}

function claimState(claim: KubeObject): string {
  const states = [
    ...(claim.metadata.deletionTimestamp === undefined ? [] : ['deleted']),
    ...(isObject(claim.status?.allocation) ? ['allocated'] : []),
    ...(arrayAt(claim.status, 'reservedFor').length > 0 ? ['reserved'] : []),
  ];
  return states.includes('allocated') || states.includes('deleted')
    ? states.join(',')
    : ['pending', ...states].join(',');
}

const COLUMNS: Readonly<Record<string, readonly Column[]>> = {
  Pod: podColumns,
  Node: nodeColumns,
  Namespace: [NAME, text('Status', status('phase')), AGE],
  Event: eventColumns,
  ConfigMap: [NAME, text('Data', (one) => String(sizeOf(one.data) + sizeOf(one.binaryData))), AGE],
  Secret: [NAME, text('Type', (one) => textAt(one, 'type')), text('Data', (one) => String(sizeOf(one.data))), AGE],
  Service: [
    NAME,
    text('Type', specText('type')),
    text('Cluster-IP', specText('clusterIP', NONE)),
    text('External-IP', externalAddress),
    text('Port(s)', servicePorts),
    AGE,
    wide(text('Selector', (one) => labelsText(one.spec?.selector))),
  ],
  ServiceAccount: [NAME, AGE],
  PersistentVolume: [
    NAME,
    text('Capacity', (one) => textAt(objectAt(one.spec, 'capacity'), 'storage')),
    text('Access Modes', (one) => accessModes(arrayAt(one.spec, 'accessModes'))),
    text('Reclaim Policy', specText('persistentVolumeReclaimPolicy')),
    text('Status', volumePhase),
    text('Claim', (one) => {
      const claim = objectAt(one.spec, 'claimRef');
      return sizeOf(claim) === 0 ? '' : `${textAt(claim, 'namespace')}/${textAt(claim, 'name')}`;
    }),
    text('StorageClass', specText('storageClassName')),
    text('VolumeAttributesClass', volumeClass),
    text('Reason', status('reason')),
    AGE,
    wide(text('VolumeMode', specText('volumeMode', UNSET))),
  ],
  PersistentVolumeClaim: [
    NAME,
    text('Status', volumePhase),
    text('Volume', specText('volumeName')),
    text('Capacity', claimCapacity),
    text('Access Modes', (one) =>
      textAt(one.spec, 'volumeName') === '' ? '' : accessModes(arrayAt(one.status, 'accessModes')),
    ),
    text('StorageClass', specText('storageClassName')),
    text('VolumeAttributesClass', volumeClass),
    AGE,
    wide(text('VolumeMode', specText('volumeMode', UNSET))),
  ],
  ReplicationController: [
    ...replicaColumns.slice(0, -1),
    wide(text('Selector', (one) => labelsText(one.spec?.selector))),
  ],
  ReplicaSet: replicaColumns,
  StatefulSet: [NAME, text('Ready', readyOf), AGE, CONTAINERS, IMAGES],
  Deployment: [
    NAME,
    text('Ready', readyOf),
    text('Up-to-date', (one) => String(numberAt(one.status, 'updatedReplicas') ?? 0)),
    text('Available', (one) => String(numberAt(one.status, 'availableReplicas') ?? 0)),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
  ],
  DaemonSet: [
    NAME,
    integer('Desired', count('status', 'desiredNumberScheduled')),
    integer('Current', count('status', 'currentNumberScheduled')),
    integer('Ready', count('status', 'numberReady')),
    integer('Up-to-date', count('status', 'updatedNumberScheduled')),
    integer('Available', count('status', 'numberAvailable')),
    text('Node Selector', (one) => labelsText(objectAt(objectAt(one.spec, 'template'), 'spec').nodeSelector)),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
  ],
  ControllerRevision: [
    NAME,
    text('Controller', (one) => {
      const owner = one.metadata.ownerReferences?.find(({ controller }) => controller === true);
      if (owner === undefined) return NONE;
      const group = owner.apiVersion.includes('/') ? `.${owner.apiVersion.split('/')[0]}` : '';
      return `${owner.kind.toLowerCase()}${group}/${owner.name}`;
    }),
    text('Revision', (one) => String(numberAt(one, 'revision') ?? 0)),
    AGE,
  ],
  Job: [
    NAME,
    text('Status', jobStatus),
    text('Completions', jobCompletions),
    text('Duration', jobDuration),
    AGE,
    CONTAINERS,
    IMAGES,
    SELECTOR,
  ],
  CronJob: [
    NAME,
    text('Schedule', specText('schedule')),
    text('Timezone', specText('timeZone', NONE)),
    boolean('Suspend', (one) => one.spec?.suspend === true),
    integer('Active', (one) => arrayAt(one.status, 'active').length),
    text('Last Schedule', (one, now) => {
      const last = textAt(one.status, 'lastScheduleTime');
      return last === '' ? NONE : age(last, now);
    }),
    AGE,
  ],
  Lease: [NAME, text('Holder', specText('holderIdentity')), AGE],
  PodDisruptionBudget: [
    NAME,
    text('Min Available', (one) => scalar(one.spec?.minAvailable)),
    text('Max Unavailable', (one) => scalar(one.spec?.maxUnavailable)),
    integer('Allowed Disruptions', count('status', 'disruptionsAllowed')),
    AGE,
  ],
  PriorityClass: [
    NAME,
    integer('Value', (one) => numberAt(one, 'value') ?? 0),
    boolean('Global-Default', (one) => one.globalDefault === true),
    AGE,
    text('PreemptionPolicy', (one) => textAt(one, 'preemptionPolicy') || 'PreemptLowerPriority'),
  ],
  RuntimeClass: [NAME, text('Handler', (one) => textAt(one, 'handler')), AGE],
  ResourceSlice: [
    NAME,
    text('Node', (one) => textAt(one.spec, 'nodeName') || (one.spec?.allNodes === true ? '<all>' : '')),
    text('Driver', specText('driver')),
    text('Pool', (one) => textAt(objectAt(one.spec, 'pool'), 'name')),
    AGE,
  ],
  DeviceClass: [NAME, AGE],
  ResourceClaim: [NAME, text('State', claimState), AGE],
  StorageClass: [
    NAME,
    text('Provisioner', (one) => textAt(one, 'provisioner')),
    text('ReclaimPolicy', (one) => textAt(one, 'reclaimPolicy') || 'Delete'),
    text('VolumeBindingMode', (one) => textAt(one, 'volumeBindingMode') || 'Immediate'),
    text('AllowVolumeExpansion', (one) => String(one.allowVolumeExpansion === true)),
    AGE,
  ],
  CSINode: [NAME, integer('Drivers', (one) => arrayAt(one.spec, 'drivers').length), AGE],
  CSIDriver: [
    NAME,
    boolean('AttachRequired', (one) => one.spec?.attachRequired !== false),
    boolean('PodInfoOnMount', (one) => one.spec?.podInfoOnMount === true),
    boolean('StorageCapacity', (one) => one.spec?.storageCapacity === true),
    text('TokenRequests', (one) =>
      arrayAt(one.spec, 'tokenRequests').length === 0
        ? UNSET
        : arrayAt(one.spec, 'tokenRequests')
            .map((request) => textAt(request, 'audience'))
            .join(','),
    ),
    boolean('RequiresRepublish', (one) => one.spec?.requiresRepublish === true),
    text('Modes', (one) => {
      const modes = arrayAt(one.spec, 'volumeLifecycleModes');
      return modes.length === 0 ? 'Persistent' : modes.join(',');
    }),
    AGE,
  ],
  VolumeAttachment: [
    NAME,
    text('Attacher', specText('attacher')),
    text('PV', (one) => textAt(objectAt(one.spec, 'source'), 'persistentVolumeName')),
    text('Node', specText('nodeName')),
    boolean('Attached', (one) => one.status?.attached === true),
    AGE,
  ],
  MutatingWebhookConfiguration: webhookColumns,
  ValidatingWebhookConfiguration: webhookColumns,
  ValidatingAdmissionPolicy: [
    NAME,
    integer('Validations', (one) => arrayAt(one.spec, 'validations').length),
    text('ParamKind', (one) => {
      const kind = objectAt(one.spec, 'paramKind');
      return sizeOf(kind) === 0 ? UNSET : `${textAt(kind, 'apiVersion')}/${textAt(kind, 'kind')}`;
    }),
    AGE,
  ],
  ValidatingAdmissionPolicyBinding: [NAME, text('PolicyName', specText('policyName')), text('ParamRef', paramRef), AGE],
  ClusterRoleBinding: bindingColumns,
  RoleBinding: bindingColumns,
  ResourceQuota: [
    NAME,
    text('Request', (one) => quota(one, (resource) => !resource.startsWith('limits.'))),
    text('Limit', (one) => quota(one, (resource) => resource.startsWith('limits.'))),
    AGE,
  ],
  Endpoints: [
    NAME,
    text('Endpoints', (one) => {
      const all = arrayAt(one, 'subsets').flatMap((subset) =>
        arrayAt(subset, 'addresses').flatMap((address) => {
          const ports = arrayAt(subset, 'ports');
          const ip = textAt(address, 'ip');
          return ports.length === 0 ? [ip] : ports.map((port) => `${ip}:${numberAt(port, 'port') ?? 0}`);
        }),
      );
      return joined(all, 3);
    }),
    AGE,
  ],
  EndpointSlice: [
    NAME,
    text('AddressType', (one) => textAt(one, 'addressType')),
    text(
      'Ports',
      (one) =>
        joined(
          arrayAt(one, 'ports').map((port) => numberAt(port, 'port') ?? '*'),
          3,
        ) || UNSET,
    ),
    text('Endpoints', (one) =>
      joined(
        arrayAt(one, 'endpoints').flatMap((endpoint) => arrayAt(endpoint, 'addresses')),
        3,
      ),
    ),
    AGE,
  ],
  HorizontalPodAutoscaler: [
    NAME,
    text('Reference', (one) => {
      const target = objectAt(one.spec, 'scaleTargetRef');
      return `${textAt(target, 'kind')}/${textAt(target, 'name')}`;
    }),
    text('Targets', (one) => (arrayAt(one.spec, 'metrics').length === 0 ? NONE : '<unknown>')),
    text('MinPods', (one) => String(numberAt(one.spec, 'minReplicas') ?? UNSET)),
    text('MaxPods', (one) => String(numberAt(one.spec, 'maxReplicas') ?? 0)),
    text('Replicas', (one) => String(numberAt(one.status, 'currentReplicas') ?? 0)),
    AGE,
  ],
  PodTemplate: [
    NAME,
    { ...CONTAINERS, priority: 0 },
    { ...IMAGES, priority: 0 },
    text('Pod Labels', (one) => labelsText(objectAt(objectAt(one, 'template'), 'metadata').labels)),
  ],
};

const PLAIN: readonly Column[] = [NAME, CREATED_AT];

/** The served ones, with a mark at the one that is stored. */
function servedVersions(definition: KubeObject): string {
  return arrayAt(definition.spec, 'versions')
    .filter((version) => isObject(version) && version.served === true)
    .map((version) => `${textAt(version, 'name')}${isObject(version) && version.storage === true ? '(storage)' : ''}`)
    .sort()
    .join(',');
}

export const definitionColumns: readonly Column[] = [
  text('Scope', specText('scope')),
  text('Versions', servedVersions),
  CREATED_AT,
  wide(text('Group', specText('group'))),
  wide(text('Kind', (one) => textAt(objectAt(one.spec, 'names'), 'kind'))),
  wide(text('ShortNames', (one) => arrayAt(objectAt(one.spec, 'names'), 'shortNames').join(','))),
  wide(boolean('Established', (one) => isTrue(one, 'Established'))),
];

const CUSTOM_AGE: Column = { name: 'Age', type: 'date', cell: createdAgo };

/** Custom kinds always begin with their name; without columns of their own they show their age. */
export function columnsFor(resource: Resource): readonly Column[] {
  if (resource.rules === null) return COLUMNS[resource.kind] ?? PLAIN;
  return [NAME, ...(resource.rules.columns ?? [CUSTOM_AGE])];
}
