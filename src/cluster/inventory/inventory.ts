/**
 * A node's GPUs from the most trusted source that can be used: our agent's annotation, then DRA ResourceSlices, then GFD
 * labels. Pure; ask again when the node or one of its slices changes.
 */
import type { Device } from '../../core/gpu/device.ts';
import type { NodeObject } from '../projection/node.ts';
import type { SliceObject } from '../projection/slice.ts';
import { readAnnotation } from './annotation.ts';
import { readLabels } from './labels.ts';
import { type Fault, SOURCES, type SourceName, type SourceReading } from './reading.ts';
import { readSlices } from './slices.ts';

export const DISAGREEMENT = 'inventory-disagreement';

export type Inventory = {
  /** ascending by index; [] when no source can be used */
  readonly devices: readonly Device[];
  /** null: no source can be used */
  readonly source: SourceName | null;
  /** sources that speak of this node and cannot be used */
  readonly faults: readonly Fault[];
  /** `inventory-disagreement: …` when usable sources differ in number or memory of the GPUs */
  readonly disagreement: string | null;
  /** MIG devices, which are not served: the most that one of the node's slices has (generations repeat each other) */
  readonly migDevices: number;
};

/** `slices`: those of this node, in any order. */
export function inventoryOf(
  node: Pick<NodeObject, 'name' | 'labels' | 'devicesAnnotation'>,
  slices: readonly SliceObject[],
): Inventory {
  const readings: Record<SourceName, SourceReading> = {
    annotation: readAnnotation(node.name, node.devicesAnnotation),
    slices: readSlices(node.name, slices),
    labels: readLabels(node.name, node.labels),
  };
  const usable: Usable[] = [];
  const faults: Fault[] = [];
  for (const source of SOURCES) {
    const reading = readings[source];
    if (reading.kind === 'unusable') faults.push(reading.fault);
    if (reading.kind === 'devices') usable.push({ source, devices: reading.devices });
  }
  const [chosen, ...others] = usable;
  return {
    devices: chosen?.devices ?? [],
    source: chosen?.source ?? null,
    faults,
    disagreement: chosen === undefined ? null : disagreementOf(node.name, chosen, others),
    migDevices: slices.reduce((most, slice) => Math.max(most, slice.migDevices), 0),
  };
}

type Usable = { readonly source: SourceName; readonly devices: readonly Device[] };

function disagreementOf(node: string, chosen: Usable, others: readonly Usable[]): string | null {
  const differing = others.filter((other) => !agree(chosen, other));
  if (differing.length === 0) return null;
  const said = differing.map(describe).join(', ');
  return `${DISAGREEMENT}: node ${node}: ${describe(chosen)} is used, though ${said}`;
}

/** Labels know one memory for all GPUs: on a node with several it is enough that one of them has it. */
function agree(a: Usable, b: Usable): boolean {
  if (a.devices.length !== b.devices.length) return false;
  if (b.source === 'labels') return b.devices.every(({ mib }) => a.devices.some((device) => device.mib === mib));
  return memories(a) === memories(b);
}

const memories = ({ devices }: Usable): string =>
  devices
    .map((device) => device.mib)
    .sort((x, y) => x - y)
    .join('+');

function describe(source: Usable): string {
  const kinds = [...Map.groupBy(source.devices, (device) => device.mib)].sort(([a], [b]) => a - b);
  const listed = kinds.map(([mib, devices]) => `${devices.length} × ${mib} MiB`).join(' + ');
  return `${source.source} (${listed === '' ? 'no GPUs' : listed})`;
}
