/**
 * The part of a Pod that `projectPod` reads. Of variables only the one that decides which devices a container sees is kept, and
 * of its value only what it amounts to; of mounts and CDI annotations only that they name devices.
 */
import { DEVICE_MOUNTS, ENV_NONE, ENV_VISIBLE, ENV_VOID, GROUP, PLACED_CONDITION } from '../../core/names.ts';
import { isUnmodelled, repelsOf } from '../projection/beyond.ts';
import { listOf, own, textOf } from '../projection/shapes.ts';
import { each, type Plain, plain, put, texts, values } from './keep-shapes.ts';

const CDI_PREFIX = 'cdi.k8s.io/';
const CDI_NVIDIA = 'nvidia.com/';
/** ours and those of the dialects; keys without a domain are KAI's */
const PREFIXES = [
  `${GROUP}/`,
  'nvidia.com/',
  'hami.io/',
  'volcano.sh/',
  'scheduling.volcano.sh/',
  'scheduling.k8s.io/',
  'scheduling.x-k8s.io/',
  'koordinator.sh/',
  'gang.scheduling.koordinator.sh/',
  'pod-group.scheduling.sigs.k8s.io/',
  'kueue.x-k8s.io/',
  'aliyun.com/',
  'kai.scheduler/',
];
const KEYS: ReadonlySet<string> = new Set([
  'gpu-fraction',
  'gpu-memory',
  'gpu-fraction-num-devices',
  'gpu-fraction-container-name',
  'pod-group-name',
]);
const SHOWN = ['', ENV_VOID, ENV_NONE];
/** stands for a value that names devices */
const SOME_DEVICE = 'devices';
const CONDITIONS: ReadonlySet<unknown> = new Set(['PodResizePending', PLACED_CONDITION]);

const isOurs = (key: string): boolean => KEYS.has(key) || PREFIXES.some((prefix) => key.startsWith(prefix));

export function keepPod(pod: unknown): Plain {
  const metadata = own(pod, 'metadata');
  const spec = own(pod, 'spec');
  const status = own(pod, 'status');
  const kept: Plain = { metadata: keepMetadata(metadata), spec: keepSpec(spec) };
  put(kept, 'status', keepStatus(status));
  return kept;
}

function keepMetadata(metadata: unknown): Plain {
  const kept = plain(metadata, ['uid', 'namespace', 'name', 'creationTimestamp', 'deletionTimestamp']);
  put(kept, 'labels', texts(own(metadata, 'labels')));
  const annotations = own(metadata, 'annotations');
  const ours = texts(annotations, isOurs);
  const devices = Object.entries(texts(annotations, (key) => key.startsWith(CDI_PREFIX))).filter(([, value]) =>
    textOf(value).includes(CDI_NVIDIA),
  );
  // which of them it is says nothing more
  if (devices.length > 0) ours[`${CDI_PREFIX}kept`] = CDI_NVIDIA;
  put(kept, 'annotations', ours);
  put(
    kept,
    'ownerReferences',
    each(own(metadata, 'ownerReferences'), (owner) => plain(owner, ['kind'])),
  );
  return kept;
}

function keepSpec(spec: unknown): Plain {
  const kept = plain(spec, ['nodeName', 'schedulerName', 'priority', 'preemptionPolicy']);
  put(
    kept,
    'schedulingGates',
    each(own(spec, 'schedulingGates'), (gate) => plain(gate, ['name'])),
  );
  for (const list of ['initContainers', 'containers', 'ephemeralContainers'])
    put(kept, list, each(own(spec, list), keepContainer));
  const resources = own(spec, 'resources');
  if (resources !== undefined && resources !== null) kept.resources = keepResources(resources);
  put(kept, 'overhead', texts(own(spec, 'overhead')));
  put(kept, 'nodeSelector', texts(own(spec, 'nodeSelector')));
  const tolerations = listOf(own(spec, 'tolerations')).filter((item) => typeof item === 'object' && item !== null);
  put(
    kept,
    'tolerations',
    tolerations.map((item) => keepToleration(item)),
  );
  put(kept, 'affinity', {
    ...keepAffinity(own(own(spec, 'affinity'), 'nodeAffinity')),
    ...keepRepelling(spec),
  });
  // which of the things that we do not know it is says nothing more
  if (isUnmodelled(spec)) kept.resourceClaims = [{}];
  put(kept, 'schedulingGroup', plain(own(spec, 'schedulingGroup'), ['podGroupName']));
  return kept;
}

function keepContainer(container: unknown): Plain {
  const kept = plain(container, ['name', 'restartPolicy']);
  put(kept, 'resources', keepResources(own(container, 'resources')));
  const visible = listOf(own(container, 'env')).findLast((variable) => own(variable, 'name') === ENV_VISIBLE);
  if (visible !== undefined) kept.env = [keepVisible(visible)];
  const mounts = listOf(own(container, 'volumeMounts')).some((mount) =>
    textOf(own(mount, 'mountPath')).startsWith(DEVICE_MOUNTS),
  );
  if (mounts) kept.volumeMounts = [{ mountPath: DEVICE_MOUNTS }];
  return kept;
}

function keepVisible(variable: unknown): Plain {
  const kept: Plain = { name: ENV_VISIBLE };
  const from = own(variable, 'valueFrom');
  if (typeof from === 'object' && from !== null) {
    kept.valueFrom = { fieldRef: plain(own(from, 'fieldRef'), ['fieldPath']) };
    return kept;
  }
  const value = textOf(own(variable, 'value'));
  kept.value = SHOWN.includes(value) ? value : SOME_DEVICE;
  return kept;
}

function keepResources(resources: unknown): Plain {
  const kept: Plain = {};
  put(kept, 'requests', texts(own(resources, 'requests')));
  put(kept, 'limits', texts(own(resources, 'limits')));
  return kept;
}

/** An operator of a wrong type tolerates nothing, and an absent one means Equal. */
function keepToleration(item: unknown): Plain {
  const kept = plain(item, ['key', 'value', 'effect']);
  const operator = own(item, 'operator');
  if (operator) kept.operator = typeof operator === 'string' ? operator : 'none';
  return kept;
}

function keepAffinity(affinity: unknown): Plain {
  const kept: Plain = {};
  const required = own(affinity, 'requiredDuringSchedulingIgnoredDuringExecution');
  if (required !== undefined && required !== null)
    kept.requiredDuringSchedulingIgnoredDuringExecution = {
      nodeSelectorTerms: each(own(required, 'nodeSelectorTerms'), keepTerm),
    };
  put(
    kept,
    'preferredDuringSchedulingIgnoredDuringExecution',
    each(own(affinity, 'preferredDuringSchedulingIgnoredDuringExecution'), (item) => ({
      ...plain(item, ['weight']),
      preference: keepTerm(own(item, 'preference')),
    })),
  );
  return Object.keys(kept).length === 0 ? kept : { nodeAffinity: kept };
}

function keepRepelling(spec: unknown): Plain {
  const repels = repelsOf(spec);
  if (repels === 'nobody') return {};
  const term = repels === 'anybody' ? { namespaceSelector: {} } : {};
  return { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } };
}

function keepTerm(term: unknown): Plain {
  const kept: Plain = {};
  for (const list of ['matchExpressions', 'matchFields'])
    put(
      kept,
      list,
      each(own(term, list), (item) => ({ ...plain(item, ['key', 'operator']), values: values(own(item, 'values')) })),
    );
  return kept;
}

function keepStatus(status: unknown): Plain {
  const kept = plain(status, ['phase', 'nominatedNodeName', 'startTime']);
  const conditions = listOf(own(status, 'conditions')).filter((condition) => CONDITIONS.has(own(condition, 'type')));
  put(
    kept,
    'conditions',
    conditions.map((condition) => plain(condition, ['type', 'status', 'reason'])),
  );
  for (const list of ['containerStatuses', 'initContainerStatuses']) {
    const granted = listOf(own(status, list)).filter(
      (item) => own(item, 'allocatedResources') !== undefined || own(own(item, 'resources'), 'requests') !== undefined,
    );
    put(kept, list, granted.map(keepGranted));
  }
  return kept;
}

function keepGranted(status: unknown): Plain {
  const kept = plain(status, ['name']);
  if (own(status, 'allocatedResources') !== undefined)
    kept.allocatedResources = texts(own(status, 'allocatedResources'));
  const requests = own(own(status, 'resources'), 'requests');
  if (requests !== undefined) kept.resources = { requests: texts(requests) };
  return kept;
}
