/** What the API server itself does to pods: defaults, priority admission, what an update may change, Binding. */
import { isDeepStrictEqual } from 'node:util';
import { ApiError, conflict, invalid } from './errors.ts';
import {
  arrayAt,
  isObject,
  type JsonObject,
  type KubeObject,
  numberAt,
  objectAt,
  textAt,
  withCondition,
} from './object.ts';

export type PriorityClasses = {
  byName(name: string): KubeObject | null;
  globalDefault(): KubeObject | null;
};

function qosClass(spec: JsonObject): string {
  const resources = [...arrayAt(spec, 'containers'), ...arrayAt(spec, 'initContainers')].map((container) =>
    objectAt(container, 'resources'),
  );
  const counts = (map: JsonObject) => ['cpu', 'memory'].filter((name) => map[name] !== undefined && map[name] !== '0');
  const requests = resources.map((one) => objectAt(one, 'requests'));
  const limits = resources.map((one) => objectAt(one, 'limits'));
  if (requests.every((one) => counts(one).length === 0) && limits.every((one) => counts(one).length === 0))
    return 'BestEffort';
  const guaranteed = limits.every(
    (limit, at) =>
      counts(limit).length === 2 &&
      ['cpu', 'memory'].every((name) => String(limit[name]) === String(requests[at]?.[name])),
  );
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

const DEFAULT_TOLERATIONS = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'].map((key) => ({
  key,
  operator: 'Exists',
  effect: 'NoExecute',
  tolerationSeconds: 300,
}));

/** Throws 422 for a pod that can never be. */
export function checkPod(pod: KubeObject): void {
  const name = pod.metadata.name;
  const given = pod.spec ?? {};
  if (arrayAt(given, 'containers').length === 0) {
    throw invalid('Pod', name, [{ reason: 'FieldValueRequired', message: 'Required value', field: 'spec.containers' }]);
  }
  const names = [...arrayAt(given, 'initContainers'), ...arrayAt(given, 'containers')].map((container) =>
    textAt(container, 'name'),
  );
  const double = names.find((one, at) => one === '' || names.indexOf(one) !== at);
  if (double !== undefined) {
    throw invalid('Pod', name, [
      double === ''
        ? { reason: 'FieldValueRequired', message: 'Required value', field: 'spec.containers[].name' }
        : { reason: 'FieldValueDuplicate', message: `Duplicate value: "${double}"`, field: 'spec.containers[].name' },
    ]);
  }
  const gates = arrayAt(given, 'schedulingGates');
  if (gates.length > 0 && textAt(given, 'nodeName') !== '') {
    throw invalid('Pod', name, [
      {
        reason: 'FieldValueForbidden',
        message: 'Forbidden: cannot be set until all schedulingGates have been cleared',
        field: 'spec.nodeName',
      },
    ]);
  }
}

/** The Priority, ServiceAccount and DefaultTolerationSeconds admission, and the first status. Throws 422 and 403. */
export function createdPod(pod: KubeObject, classes: PriorityClasses, nowMs: number): KubeObject {
  checkPod(pod);
  const name = pod.metadata.name;
  const given = pod.spec ?? {};
  const gates = arrayAt(given, 'schedulingGates');
  const className = textAt(given, 'priorityClassName');
  const priorityClass = className === '' ? classes.globalDefault() : classes.byName(className);
  if (className !== '' && priorityClass === null) {
    throw new ApiError('Forbidden', `pods "${name}" is forbidden: no PriorityClass with name ${className} was found`, {
      name,
      kind: 'pods',
    });
  }
  const tolerations = arrayAt(given, 'tolerations');
  const covered = (key: string) =>
    tolerations.some(
      (one) => textAt(one, 'key') === key || (textAt(one, 'key') === '' && textAt(one, 'operator') === 'Exists'),
    );
  const spec: JsonObject = {
    serviceAccountName: 'default',
    serviceAccount: 'default',
    ...given,
    ...(priorityClass === null ? {} : { priorityClassName: priorityClass.metadata.name }),
    priority: numberAt(priorityClass, 'value') ?? 0,
    preemptionPolicy:
      textAt(priorityClass, 'preemptionPolicy') || textAt(given, 'preemptionPolicy') || 'PreemptLowerPriority',
    tolerations: [...tolerations, ...DEFAULT_TOLERATIONS.filter((one) => !covered(one.key))],
  };
  const gated = {
    type: 'PodScheduled',
    status: 'False',
    reason: 'SchedulingGated',
    message: 'Scheduling is blocked due to non-empty scheduling gates',
  };
  const status = {
    phase: 'Pending',
    ...(gates.length > 0 ? { conditions: withCondition([], gated, nowMs) } : {}),
    qosClass: qosClass(spec),
  };
  return { ...pod, spec, status };
}

/** Fields of a pod's spec that may change after creation; the last two only while it is gated. */
function frozenSpec(spec: JsonObject): JsonObject {
  const {
    activeDeadlineSeconds: _deadline,
    tolerations: _tolerations,
    terminationGracePeriodSeconds: _grace,
    schedulingGates: _gates,
    ...rest
  } = spec;
  const gated = arrayAt(spec, 'schedulingGates').length > 0;
  const withoutImages = (list: unknown[]) => list.map((one) => ({ ...(isObject(one) ? one : {}), image: '' }));
  return {
    ...rest,
    containers: withoutImages(arrayAt(spec, 'containers')),
    initContainers: withoutImages(arrayAt(spec, 'initContainers')),
    ...(gated ? { nodeSelector: null, affinity: null } : {}),
  };
}

/** Throws 422 for a change that Kubernetes forbids. */
export function checkPodUpdate(next: KubeObject, old: KubeObject): void {
  const name = old.metadata.name;
  const oldGates = arrayAt(old.spec, 'schedulingGates').map((gate) => textAt(gate, 'name'));
  const added = arrayAt(next.spec, 'schedulingGates')
    .map((gate) => textAt(gate, 'name'))
    .filter((gate) => !oldGates.includes(gate));
  if (added.length > 0) {
    throw invalid('Pod', name, [
      {
        reason: 'FieldValueForbidden',
        message: `Forbidden: only deletion is allowed, but found new scheduling gate '${added[0]}'`,
        field: 'spec.schedulingGates',
      },
    ]);
  }
  const gated = oldGates.length > 0;
  const before = frozenSpec(old.spec ?? {});
  const after = frozenSpec(next.spec ?? {});
  if (gated) for (const field of ['nodeSelector', 'affinity']) before[field] = after[field] = null;
  if (!isDeepStrictEqual(before, after)) {
    throw invalid('Pod', name, [
      {
        reason: 'FieldValueForbidden',
        message:
          'Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
        field: 'spec',
      },
    ]);
  }
}

export function isTerminal(pod: KubeObject): boolean {
  const phase = textAt(pod.status, 'phase');
  return phase === 'Succeeded' || phase === 'Failed';
}

/** The pod as a Binding leaves it: one write of node, annotations, labels and condition. Throws 409 and 422. */
export function boundPod(pod: KubeObject, binding: JsonObject, nowMs: number): KubeObject {
  const name = pod.metadata.name;
  const refuse = (why: string) => conflict('pods/binding', name, why);
  const metadata = objectAt(binding, 'metadata');
  const target = objectAt(binding, 'target');
  const node = textAt(target, 'name');
  const kind = textAt(target, 'kind');
  if (node === '')
    throw invalid('Binding', name, [{ reason: 'FieldValueRequired', message: 'Required value', field: 'target.name' }]);
  if (kind !== '' && kind !== 'Node') {
    throw invalid('Binding', name, [
      {
        reason: 'FieldValueNotSupported',
        message: `Unsupported value: "${kind}": supported values: "Node", "<empty>"`,
        field: 'target.kind',
      },
    ]);
  }
  const uid = textAt(metadata, 'uid');
  if (uid !== '' && uid !== pod.metadata.uid) {
    throw refuse(`Precondition failed: UID in precondition: ${uid}, UID in object meta: ${pod.metadata.uid}`);
  }
  const version = textAt(metadata, 'resourceVersion');
  if (version !== '' && version !== pod.metadata.resourceVersion) {
    throw refuse(
      `Precondition failed: ResourceVersion in precondition: ${version}, ResourceVersion in object meta: ${pod.metadata.resourceVersion}`,
    );
  }
  if (pod.metadata.deletionTimestamp !== undefined)
    throw refuse(`pod ${name} is being deleted, cannot be assigned to a host`);
  const assigned = textAt(pod.spec, 'nodeName');
  if (assigned !== '') throw refuse(`pod ${name} is already assigned to node "${assigned}"`);
  if (arrayAt(pod.spec, 'schedulingGates').length > 0) throw refuse(`pod ${name} has non-empty .spec.schedulingGates`);
  const annotations = { ...pod.metadata.annotations, ...(objectAt(metadata, 'annotations') as Record<string, string>) };
  const labels = { ...pod.metadata.labels, ...(objectAt(metadata, 'labels') as Record<string, string>) };
  const { nominatedNodeName: _nominated, ...status } = pod.status ?? {};
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
      ...(Object.keys(labels).length > 0 ? { labels } : {}),
    },
    spec: { ...pod.spec, nodeName: node },
    status: {
      ...status,
      conditions: withCondition(arrayAt(status, 'conditions'), { type: 'PodScheduled', status: 'True' }, nowMs),
    },
  };
}
