/** A Node as the API server sends it → labels, taints, resources, and what its GPU inventory is read from. Never throws. */
import type { Device } from '../../core/gpu/device.ts';
import { GPU_MILLI, MANAGED, NODE_DEVICES } from '../../core/names.ts';
import type { NodeFacts, Taint } from '../../core/placement/node-facts.ts';
import { quantityUnits } from '../../core/quantity.ts';
import { hasTrueCondition } from './conditions.ts';
import { amountOf, amountsOf, fieldsOf, listOf, own, textOf, textsOf } from './shapes.ts';

export type NodeObject = Omit<NodeFacts, 'devices'> & {
  readonly uid: string;
  readonly resourceVersion: string;
  /** text of the annotation `muster.dev/devices`, null without it; the labels hold what GPU-feature-discovery wrote */
  readonly devicesAnnotation: string | null;
  /** `muster.dev/gpu-milli` in the status now; null: absent, −1: there, but no amount */
  readonly gpuMilli: { readonly capacity: number | null; readonly allocatable: number | null };
};

/** null without uid and name */
export function projectNode(object: unknown): NodeObject | null {
  const metadata = fieldsOf(own(object, 'metadata'));
  const uid = textOf(own(metadata, 'uid'));
  const name = textOf(own(metadata, 'name'));
  if (uid === '' || name === '') return null;
  const spec = fieldsOf(own(object, 'spec'));
  const status = fieldsOf(own(object, 'status'));
  const labels = textsOf(own(metadata, 'labels'));
  const annotations = own(metadata, 'annotations');
  const devices = own(annotations, NODE_DEVICES);
  const capacity = own(status, 'capacity');
  // the API server defaults allocatable to capacity
  const allocatable = own(status, 'allocatable') ?? capacity;
  return {
    uid,
    resourceVersion: textOf(own(metadata, 'resourceVersion')),
    name,
    labels,
    taints: listOf(own(spec, 'taints'))
      .map(taintOf)
      .filter((taint) => taint !== null),
    cordoned: own(spec, 'unschedulable') === true,
    ready: hasTrueCondition(status, 'Ready'),
    allocatable: amountsOf(allocatable),
    managed: own(labels, MANAGED) === 'true',
    devicesAnnotation: devices === undefined ? null : textOf(devices),
    gpuMilli: {
      capacity: presentAmount(own(capacity, GPU_MILLI)),
      allocatable: presentAmount(own(own(status, 'allocatable'), GPU_MILLI)),
    },
  };
}

/** What decisions read, once the inventory has named the devices. */
export function nodeFacts(node: NodeObject, devices: readonly Device[]): NodeFacts {
  const { name, labels, taints, cordoned, ready, allocatable, managed } = node;
  return { name, labels, taints, cordoned, ready, allocatable, managed, devices };
}

function taintOf(value: unknown): Taint | null {
  const key = textOf(own(value, 'key'));
  const effect = textOf(own(value, 'effect'));
  return key === '' || effect === '' ? null : { key, value: textOf(own(value, 'value')), effect };
}

const presentAmount = (value: unknown): number | null =>
  value === undefined ? null : (amountOf(value, quantityUnits) ?? -1);
