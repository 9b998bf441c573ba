/** GPU nodes as API objects, the way NVIDIA's feature discovery, its DRA driver and our node agent describe them. */
import { MANAGED, NODE_DEVICES } from '../core/names.ts';
import type { JsonObject } from './api/object.ts';

/** What GFD writes for a product: name, memory in MiB as the driver reports it, family, compute capability. */
export type GpuModel = {
  readonly product: string;
  readonly mib: number;
  readonly family: string;
  readonly compute: string;
};

export const GPU_MODELS = {
  h100: { product: 'NVIDIA-H100-80GB-HBM3', mib: 81559, family: 'hopper', compute: '9.0' },
  a100: { product: 'NVIDIA-A100-SXM4-80GB', mib: 81920, family: 'ampere', compute: '8.0' },
  l40s: { product: 'NVIDIA-L40S', mib: 46068, family: 'ada-lovelace', compute: '8.9' },
  t4: { product: 'Tesla-T4', mib: 15360, family: 'turing', compute: '7.5' },
} as const satisfies Record<string, GpuModel>;

/** where the devices of a node are described; the trust order of the design, highest first */
export type InventorySource = 'annotation' | 'slices' | 'labels';

export type GpuNodeSpec = {
  readonly name: string;
  readonly model: GpuModel;
  readonly count: number;
  readonly source: InventorySource;
  /** label `muster.dev/managed`; default true */
  readonly managed?: boolean;
  readonly cpu?: number;
  readonly memoryGib?: number;
  readonly labels?: Readonly<Record<string, string>>;
};

/** `gpus`: what the objects describe, for who checks them; null without GPUs */
export type NodeObjects = {
  readonly node: JsonObject;
  readonly slices: readonly JsonObject[];
  readonly gpus: GpuNodeSpec | null;
};

const READY = { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' };

function node(
  name: string,
  labels: Record<string, string>,
  annotations: Record<string, string>,
  resources: Record<string, string>,
): JsonObject {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: { 'kubernetes.io/hostname': name, 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'amd64', ...labels },
      ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
    },
    spec: {},
    status: { capacity: resources, allocatable: resources, conditions: [READY] },
  };
}

/** A uuid that names node and index, the same in every run. */
export function deviceUuid(name: string, index: number): string {
  const hash = [...`${name}/${index}`].reduce((sum, char) => (Math.imul(sum, 31) + char.charCodeAt(0)) >>> 0, 7);
  const hex = hash.toString(16).padStart(8, '0');
  return `GPU-${hex}-${String(index).padStart(4, '0')}-4000-8000-${hex}${String(index).padStart(4, '0')}`;
}

/** Eight GPUs are two NUMA nodes of four; with NVLink siblings on one NUMA node are closer. */
function devicesOf({ name, model, count }: GpuNodeSpec): JsonObject[] {
  const perNuma = Math.max(1, Math.ceil(count / 2));
  const numaOf = (index: number) => Math.floor(index / perNuma);
  return Array.from({ length: count }, (_, index) => ({
    uuid: deviceUuid(name, index),
    index,
    mib: model.mib,
    model: model.product,
    numa: numaOf(index),
    links: Array.from({ length: count }, (_, other) =>
      other === index ? 0 : numaOf(other) === numaOf(index) ? 50 : 10,
    ),
    healthy: true,
  }));
}

function resourceSlice(spec: GpuNodeSpec): JsonObject {
  const devices = devicesOf(spec).map(({ uuid, index, mib, model }) => ({
    name: `gpu-${String(index)}`,
    attributes: {
      type: { string: 'gpu' },
      uuid: { string: uuid },
      productName: { string: model },
      architecture: { string: spec.model.family },
    },
    capacity: { memory: { value: `${String(mib)}Mi` } },
  }));
  return {
    apiVersion: 'resource.k8s.io/v1',
    kind: 'ResourceSlice',
    metadata: { name: `${spec.name}-gpu.nvidia.com` },
    spec: {
      driver: 'gpu.nvidia.com',
      nodeName: spec.name,
      pool: { name: spec.name, generation: 1, resourceSliceCount: 1 },
      devices,
    },
  };
}

/** A GPU node and, for the source `slices`, its ResourceSlice. Extended resources of ours are not set: the extender writes them. */
export function gpuNode(spec: GpuNodeSpec): NodeObjects {
  const { name, model, count, source, managed = true, cpu = 8 + 12 * count, memoryGib = 32 + 96 * count } = spec;
  const [major = '', minor = ''] = model.compute.split('.');
  const labels: Record<string, string> = {
    'nvidia.com/gpu.present': 'true',
    ...(source === 'labels'
      ? {
          'nvidia.com/gpu.count': String(count),
          'nvidia.com/gpu.memory': String(model.mib),
          'nvidia.com/gpu.product': model.product,
          'nvidia.com/gpu.family': model.family,
          'nvidia.com/gpu.compute.major': major,
          'nvidia.com/gpu.compute.minor': minor,
          'nvidia.com/mig.capable': String(model.family === 'hopper' || model.family === 'ampere'),
        }
      : {}),
    ...(managed ? { [MANAGED]: 'true', 'nvidia.com/gpu.deploy.device-plugin': 'false' } : {}),
    ...spec.labels,
  };
  const annotations: Record<string, string> =
    source === 'annotation' ? { [NODE_DEVICES]: JSON.stringify(devicesOf(spec)) } : {};
  const resources = {
    cpu: String(cpu),
    memory: `${memoryGib}Gi`,
    pods: '250',
    'ephemeral-storage': '1Ti',
    // an unmanaged node keeps its vendor's device plugin
    ...(managed ? {} : { 'nvidia.com/gpu': String(count) }),
  };
  return {
    node: node(name, labels, annotations, resources),
    slices: source === 'slices' ? [resourceSlice(spec)] : [],
    gpus: spec,
  };
}

export function cpuNode(name: string, cpu = 32, memoryGib = 128): NodeObjects {
  return {
    node: node(name, {}, {}, { cpu: String(cpu), memory: `${memoryGib}Gi`, pods: '250', 'ephemeral-storage': '1Ti' }),
    slices: [],
    gpus: null,
  };
}

/** The mix of a grown cluster, in the order in which nodes are added; sources differ on purpose. */
const MIX: readonly (Omit<GpuNodeSpec, 'name'> & { readonly prefix: string })[] = [
  { prefix: 'h100', model: GPU_MODELS.h100, count: 8, source: 'annotation' },
  { prefix: 'a100', model: GPU_MODELS.a100, count: 8, source: 'slices' },
  { prefix: 'l40s', model: GPU_MODELS.l40s, count: 4, source: 'labels' },
  { prefix: 't4', model: GPU_MODELS.t4, count: 2, source: 'labels' },
  { prefix: 'a100', model: GPU_MODELS.a100, count: 4, source: 'annotation' },
  { prefix: 't4', model: GPU_MODELS.t4, count: 4, source: 'labels' },
];

/** `count` mixed nodes; every twelfth has no GPU. Always the same for the same count. */
export function mixedNodes(count: number): NodeObjects[] {
  const numbers = new Map<string, number>();
  const numbered = (prefix: string) => {
    const number = numbers.get(prefix) ?? 0;
    numbers.set(prefix, number + 1);
    return `${prefix}-${number}`;
  };
  return Array.from({ length: count }, (_, at) => {
    if (at % 12 === 11) return cpuNode(numbered('cpu'));
    const { prefix, ...spec } = MIX[at % MIX.length]!;
    return gpuNode({ ...spec, name: numbered(prefix) });
  });
}
