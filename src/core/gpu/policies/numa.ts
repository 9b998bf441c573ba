/**
 * numa: all devices of one pod in one NUMA node. Tried is the tightest NUMA node first (least free in total, each device by
 * whichever of its memory and compute is scarcer), so that the roomy ones stay whole. Devices whose
 * NUMA node is unknown belong to none.
 */
import type { Device } from '../device.ts';
import { fillOf } from './fill.ts';

/** Positions grouped by NUMA node, best group first; equal groups by lowest position. Positions must ascend. */
export function numaGroups(
  devices: readonly Device[],
  positions: readonly number[],
  freeMib: Float64Array,
  freeMilli: Float64Array,
): readonly (readonly number[])[] {
  const groups = new Map<number, { positions: number[]; free: number }>();
  for (const position of positions) {
    const numa = devices[position]!.numa;
    if (numa === null) continue;
    const group = groups.get(numa) ?? { positions: [], free: 0 };
    groups.set(numa, group);
    group.positions.push(position);
    group.free += Math.max(0, 1000 - fillOf(devices[position]!.mib, freeMib[position]!, freeMilli[position]!));
  }
  return [...groups.values()]
    .sort((a, b) => a.free - b.free || a.positions[0]! - b.positions[0]!)
    .map((group) => group.positions);
}
