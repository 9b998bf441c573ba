/** Defaults of the built-in kinds: what a client reads back that it did not write. The same at creation and at every update. */
import { arrayAt, isObject, type JsonObject, type KubeObject, objectAt, textAt } from '../object.ts';
import { groupVersion, type Resource } from '../resources.ts';
import { defaultedPod, defaultedPodSpec } from './pods.ts';

type Defaults = (object: KubeObject) => KubeObject;

const QUARTERS = { maxUnavailable: '25%', maxSurge: '25%' };

function template(given: unknown): JsonObject {
  const value = isObject(given) ? given : {};
  return { ...value, spec: defaultedPodSpec(objectAt(value, 'spec')) };
}

const inSpec =
  (change: (spec: JsonObject, object: KubeObject) => JsonObject): Defaults =>
  (object) => ({ ...object, spec: change(isObject(object.spec) ? object.spec : {}, object) });

/** A strategy that rolls, with its amounts; other strategies as they are. */
function strategy(given: unknown, amounts: JsonObject): JsonObject {
  const value = isObject(given) ? given : {};
  const type = textAt(value, 'type') || 'RollingUpdate';
  if (type !== 'RollingUpdate') return { ...value, type };
  return { ...value, type, rollingUpdate: { ...amounts, ...objectAt(value, 'rollingUpdate') } };
}

const deployment = inSpec((spec) => ({
  replicas: 1,
  revisionHistoryLimit: 10,
  progressDeadlineSeconds: 600,
  ...spec,
  strategy: strategy(spec.strategy, QUARTERS),
  template: template(spec.template),
}));

const replicas = inSpec((spec) => ({ replicas: 1, ...spec, template: template(spec.template) }));

const daemonSet: Defaults = (object) => {
  const made = inSpec((spec) => ({
    revisionHistoryLimit: 10,
    ...spec,
    updateStrategy: strategy(spec.updateStrategy, { maxUnavailable: 1, maxSurge: 0 }),
    template: template(spec.template),
  }))(object);
  return made;
};

const statefulSet = inSpec((spec) => ({
  replicas: 1,
  revisionHistoryLimit: 10,
  podManagementPolicy: 'OrderedReady',
  persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
  ...spec,
  updateStrategy: strategy(spec.updateStrategy, { partition: 0, maxUnavailable: 1 }),
  template: template(spec.template),
  ...(Array.isArray(spec.volumeClaimTemplates)
    ? {
        volumeClaimTemplates: spec.volumeClaimTemplates.filter(isObject).map((one) => ({
          apiVersion: 'v1',
          kind: 'PersistentVolumeClaim',
          ...one,
          spec: { volumeMode: 'Filesystem', ...objectAt(one, 'spec') },
          status: { phase: 'Pending', ...objectAt(one, 'status') },
        })),
      }
    : {}),
}));

function jobSpec(given: JsonObject): JsonObject {
  const spec: JsonObject = {
    ...(given.completions === undefined && given.parallelism === undefined ? { completions: 1 } : {}),
    parallelism: 1,
    backoffLimit: given.backoffLimitPerIndex === undefined ? 6 : 2 ** 31 - 1,
    completionMode: 'NonIndexed',
    suspend: false,
    manualSelector: false,
    podReplacementPolicy: given.podFailurePolicy === undefined ? 'TerminatingOrFailed' : 'Failed',
    ...given,
    template: template(given.template),
  };
  return spec;
}

const cronJob = inSpec((spec) => {
  const jobTemplate = objectAt(spec, 'jobTemplate');
  const inner = objectAt(jobTemplate, 'spec');
  return {
    concurrencyPolicy: 'Allow',
    suspend: false,
    successfulJobsHistoryLimit: 3,
    failedJobsHistoryLimit: 1,
    ...spec,
    // a template's job is not counted before it is a job
    jobTemplate: { ...jobTemplate, spec: { ...inner, template: template(inner.template) } },
  };
});

const service = inSpec((spec) => {
  const type = textAt(spec, 'type') || 'ClusterIP';
  const external = type === 'ExternalName';
  return {
    sessionAffinity: 'None',
    ...(external ? {} : { internalTrafficPolicy: 'Cluster' }),
    ...(type === 'NodePort' || type === 'LoadBalancer' ? { externalTrafficPolicy: 'Cluster' } : {}),
    ...(type === 'LoadBalancer' ? { allocateLoadBalancerNodePorts: true } : {}),
    ...spec,
    type,
    ...(Array.isArray(spec.ports)
      ? {
          ports: spec.ports.filter(isObject).map((port) => ({ protocol: 'TCP', targetPort: port.port, ...port })),
        }
      : {}),
  };
});

const claim: Defaults = (object) => ({
  ...object,
  spec: { volumeMode: 'Filesystem', ...object.spec },
  status: { phase: 'Pending', ...object.status },
});

const volume: Defaults = (object) => ({
  ...object,
  spec: {
    volumeMode: 'Filesystem',
    persistentVolumeReclaimPolicy: 'Retain',
    ...object.spec,
    ...(isObject(object.spec?.hostPath) ? { hostPath: { type: '', ...object.spec.hostPath } } : {}),
  },
  status: { phase: 'Pending', ...object.status },
});

const autoscaler = inSpec((spec) => ({
  minReplicas: 1,
  metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } }],
  ...spec,
}));

const secret: Defaults = (object) => {
  const { stringData, ...rest } = object;
  const written = Object.entries(isObject(stringData) ? stringData : {}).map(([key, value]) => [
    key,
    Buffer.from(String(value)).toString('base64'),
  ]);
  return {
    type: 'Opaque',
    ...rest,
    ...(written.length > 0 ? { data: { ...objectAt(rest, 'data'), ...Object.fromEntries(written) } } : {}),
  };
};

const resourceClaim = inSpec((spec) => {
  const devices = objectAt(spec, 'devices');
  if (!Array.isArray(devices.requests)) return spec;
  const counted = (one: unknown): unknown =>
    isObject(one)
      ? { allocationMode: 'ExactCount', ...(one.allocationMode === 'All' ? {} : { count: 1 }), ...one }
      : one;
  const requests = devices.requests
    .filter(isObject)
    .map((one) => (isObject(one.exactly) ? { ...one, exactly: counted(one.exactly) } : one));
  return { ...spec, devices: { ...devices, requests } };
});

const limitRange = inSpec((spec) => ({
  ...spec,
  limits: arrayAt(spec, 'limits').map((one) => {
    if (textAt(one, 'type') !== 'Container' || !isObject(one)) return one;
    const limits = { ...objectAt(one, 'max'), ...objectAt(one, 'default') };
    if (Object.keys(limits).length === 0) return one;
    const requests = { ...limits, ...objectAt(one, 'min'), ...objectAt(one, 'defaultRequest') };
    return { ...one, default: limits, defaultRequest: requests };
  }),
}));

const driver = inSpec((spec) => ({
  attachRequired: true,
  fsGroupPolicy: 'ReadWriteOnceWithFSType',
  podInfoOnMount: false,
  preventPodSchedulingIfMissing: false,
  requiresRepublish: false,
  seLinuxMount: false,
  storageCapacity: false,
  volumeLifecycleModes: ['Persistent'],
  ...spec,
}));

const top =
  (defaults: JsonObject): Defaults =>
  (object) => ({ ...defaults, ...object });

const DEFAULTS: Readonly<Record<string, Defaults>> = {
  'v1/Pod': inSpec(defaultedPod),
  'v1/PodTemplate': (object) => ({ ...object, template: template(object.template) }),
  'v1/ReplicationController': replicas,
  'v1/Service': service,
  'v1/PersistentVolumeClaim': claim,
  'v1/PersistentVolume': volume,
  'v1/Secret': secret,
  'v1/LimitRange': limitRange,
  'apps/v1/Deployment': deployment,
  'apps/v1/ReplicaSet': replicas,
  'apps/v1/StatefulSet': statefulSet,
  'apps/v1/DaemonSet': daemonSet,
  'batch/v1/Job': inSpec(jobSpec),
  'batch/v1/CronJob': cronJob,
  'autoscaling/v2/HorizontalPodAutoscaler': autoscaler,
  'resource.k8s.io/v1/ResourceClaim': resourceClaim,
  'storage.k8s.io/v1/StorageClass': top({ reclaimPolicy: 'Delete', volumeBindingMode: 'Immediate' }),
  'storage.k8s.io/v1/CSIDriver': driver,
  'scheduling.k8s.io/v1/PriorityClass': top({ preemptionPolicy: 'PreemptLowerPriority' }),
};

export function defaulted(resource: Resource, object: KubeObject): KubeObject {
  const defaults = DEFAULTS[`${groupVersion(resource)}/${resource.kind}`];
  return defaults ? defaults(object) : object;
}
