/**
 * A DRA ResourceSlice of NVIDIA's driver → the GPUs it announces for one node. Takes resource.k8s.io/v1 (and v1beta2, the same
 * fields) and v1beta1, where each device keeps its content under `basic`. Never throws.
 */
import { quantityUnits } from '../../core/quantity.ts';
import { amountOf, fieldsOf, integerOf, listOf, own, textOf } from './shapes.ts';

export const GPU_DRIVER = 'gpu.nvidia.com';
const MIB = 1024 ** 2;

/** One GPU as a slice tells it; null: not told, or not readable. */
export type SliceDevice = {
  /** its name in the slice, for reports */
  readonly name: string;
  readonly uuid: string | null;
  readonly model: string;
  readonly mib: number | null;
  readonly index: number | null;
  readonly numa: number | null;
  /** no taint NoSchedule or NoExecute on the device */
  readonly healthy: boolean;
};

export type SliceObject = {
  readonly uid: string;
  readonly name: string;
  readonly node: string;
  readonly pool: string;
  readonly generation: number;
  /** slices that make this generation of the pool whole */
  readonly sliceCount: number;
  readonly devices: readonly SliceDevice[];
  /** MIG devices, which Muster does not serve */
  readonly migDevices: number;
};

/** null for other drivers, slices that belong to no single node, and what is no ResourceSlice */
export function projectSlice(object: unknown): SliceObject | null {
  const metadata = fieldsOf(own(object, 'metadata'));
  const spec = fieldsOf(own(object, 'spec'));
  const uid = textOf(own(metadata, 'uid'));
  const name = textOf(own(metadata, 'name'));
  const node = textOf(own(spec, 'nodeName'));
  if (uid === '' || name === '' || node === '' || own(spec, 'driver') !== GPU_DRIVER) return null;
  const pool = fieldsOf(own(spec, 'pool'));
  const devices: SliceDevice[] = [];
  let migDevices = 0;
  for (const item of listOf(own(spec, 'devices'))) {
    const basic = own(item, 'basic');
    const device = fieldsOf(basic === undefined ? item : basic);
    const type = textAttribute(device, 'type');
    if (type === 'mig') migDevices += 1;
    // others, e.g. `vfio`, are second views of a GPU that is in the list as `gpu`
    else if (type === '' || type === 'gpu') devices.push(deviceOf(textOf(own(item, 'name')), device));
  }
  return {
    uid,
    name,
    node,
    pool: textOf(own(pool, 'name')),
    generation: integerOf(own(pool, 'generation'), 0),
    sliceCount: integerOf(own(pool, 'resourceSliceCount'), 1),
    devices,
    migDevices,
  };
}

function deviceOf(name: string, device: unknown): SliceDevice {
  const memory = own(own(device, 'capacity'), 'memory') ?? own(own(device, 'capacity'), `${GPU_DRIVER}/memory`);
  const bytes = amountOf(own(memory, 'value') ?? memory, quantityUnits);
  return {
    name,
    uuid: textAttribute(device, 'uuid') || null,
    model: textAttribute(device, 'productName'),
    mib: bytes === null ? null : Math.floor(bytes / MIB),
    index: intAttribute(device, 'index') ?? intAttribute(device, 'minor'),
    numa: NUMA_ATTRIBUTES.map((key) => intAttribute(device, key)).find((numa) => numa !== null && numa >= 0) ?? null,
    healthy: !listOf(own(device, 'taints')).some((taint) => STOPPING.has(own(taint, 'effect'))),
  };
}

const NUMA_ATTRIBUTES = ['numa', 'numaNode', 'resource.kubernetes.io/numaNode'] as const;
const STOPPING: ReadonlySet<unknown> = new Set(['NoSchedule', 'NoExecute']);

/** Attributes without a domain belong to the driver, so both ways of writing them mean the same. */
function attribute(device: unknown, key: string): unknown {
  const attributes = own(device, 'attributes');
  return own(attributes, key) ?? own(attributes, `${GPU_DRIVER}/${key}`);
}

const textAttribute = (device: unknown, key: string): string => textOf(own(attribute(device, key), 'string'));

function intAttribute(device: unknown, key: string): number | null {
  const value = own(attribute(device, key), 'int');
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : null;
}
