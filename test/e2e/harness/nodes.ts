/** Nodes as API objects: the GPUs are told by one source (labels, ResourceSlices or our annotation) or by none. */
import type { Kube, KubeObject, Node, ResourceSlice } from './kube.ts';

export type DeviceSpec = { model: string; mib: number; uuid?: string; numa?: number };

/** where the node's GPUs are written down */
export type DeviceSource = 'gfd' | 'slices' | 'annotation';

export type NodeSpec = {
  name: string;
  source: DeviceSource;
  devices: readonly DeviceSpec[];
  cpu?: string;
  memory?: string;
  pods?: string;
  /** default true: label muster.dev/managed */
  managed?: boolean;
  labels?: Record<string, string>;
  taints?: { key: string; value?: string; effect: string }[];
};

/** `count` equal devices */
export function devicesOf(count: number, model: string, mib: number): DeviceSpec[] {
  return Array.from({ length: count }, () => ({ model, mib }));
}

/** uuid of device `index` where the node's source tells uuids (slices, annotation) */
export function uuidOf(node: string, index: number, spec?: DeviceSpec): string {
  return spec?.uuid ?? `GPU-${node}-${index}`;
}

/** Creates the node, its ResourceSlice where that is the source, and makes it Ready. */
export async function createNode(kube: Kube, spec: NodeSpec): Promise<Node> {
  const labels: Record<string, string> = { 'kubernetes.io/hostname': spec.name, ...spec.labels };
  const annotations: Record<string, string> = {};
  if (spec.managed ?? true) labels['muster.dev/managed'] = 'true';
  if (spec.source === 'gfd') Object.assign(labels, gfdLabels(spec));
  if (spec.source === 'annotation') annotations['muster.dev/devices'] = JSON.stringify(annotationDevices(spec));
  const node = await kube.create<Node>({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: spec.name, labels, annotations },
    spec: spec.taints === undefined ? {} : { taints: spec.taints },
  });
  if (spec.source === 'slices') await kube.create(resourceSlice(spec));
  await setStatus(kube, spec.name, {
    cpu: spec.cpu ?? '64',
    memory: spec.memory ?? '256Gi',
    pods: spec.pods ?? '110',
  });
  return node;
}

/** Patches capacity and allocatable (merged with what is there) and the condition Ready. */
export async function setStatus(
  kube: Kube,
  name: string,
  resources: Record<string, string>,
  ready = true,
): Promise<Node> {
  return await kube.patch<Node>(`/api/v1/nodes/${name}/status`, 'strategic', {
    status: {
      capacity: resources,
      allocatable: resources,
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', reason: 'E2e' }],
    },
  });
}

function gfdLabels({ name, devices }: NodeSpec): Record<string, string> {
  const [first] = devices;
  if (first === undefined) return {};
  if (devices.some((each) => each.model !== first.model || each.mib !== first.mib)) {
    throw new Error(`${name}: GPU-feature-discovery labels can tell equal devices only`);
  }
  return {
    'nvidia.com/gpu.present': 'true',
    'nvidia.com/gpu.count': String(devices.length),
    'nvidia.com/gpu.memory': String(first.mib),
    'nvidia.com/gpu.product': first.model.replaceAll(' ', '-'),
  };
}

function annotationDevices({ name, devices }: NodeSpec): unknown[] {
  return devices.map((device, index) => ({
    uuid: uuidOf(name, index, device),
    index,
    mib: device.mib,
    model: device.model,
    numa: device.numa ?? 0,
    healthy: true,
  }));
}

function resourceSlice({ name, devices }: NodeSpec): ResourceSlice & KubeObject {
  return {
    apiVersion: 'resource.k8s.io/v1',
    kind: 'ResourceSlice',
    metadata: { name: `${name}-gpu.nvidia.com` },
    spec: {
      driver: 'gpu.nvidia.com',
      nodeName: name,
      pool: { name, generation: 1, resourceSliceCount: 1 },
      devices: devices.map((device, index) => ({
        name: `gpu-${index}`,
        attributes: {
          type: { string: 'gpu' },
          uuid: { string: uuidOf(name, index, device) },
          productName: { string: device.model },
        },
        capacity: { memory: { value: `${device.mib}Mi` } },
      })),
    },
  };
}
