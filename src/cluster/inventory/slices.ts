/**
 * DRA ResourceSlices of a node. A driver replaces the slices of a pool one by one under a new generation: only a generation
 * whose slices are all there counts, and of those the newest. Pools of one node add up.
 */
import type { SliceDevice, SliceObject } from '../projection/slice.ts';
import { checkDevices } from './device-list.ts';
import { ABSENT, fault, type SourceReading } from './reading.ts';

export function readSlices(node: string, slices: readonly SliceObject[]): SourceReading {
  if (slices.length === 0) return ABSENT;
  const where = `ResourceSlices of node ${node}`;
  const devices: SliceDevice[] = [];
  const pools = Map.groupBy(slices, (slice) => slice.pool);
  for (const pool of [...pools.keys()].sort()) {
    const complete = newestComplete(pools.get(pool)!);
    if (complete === null) {
      const message = `${where}, pool ${pool}: not all slices of a generation are published; wait for the driver or look at its log`;
      return { kind: 'unusable', fault: fault('inventory-incomplete', message) };
    }
    for (const slice of complete) for (const device of slice.devices) devices.push(device);
  }
  return checkDevices(
    { where, remedy: 'look at the DRA driver of that node' },
    indexed(devices).map(({ device, index }) => ({
      at: `device ${device.name}`,
      // a GPU without a uuid can't be told from a second view of another
      uuid: device.uuid ?? '',
      index,
      mib: device.mib,
      model: device.model,
      numa: device.numa,
      links: [],
      healthy: device.healthy,
    })),
  );
}

/** Sorted by name, so that the order of events does not matter. */
function newestComplete(slices: readonly SliceObject[]): readonly SliceObject[] | null {
  const generations = Map.groupBy(slices, (slice) => slice.generation);
  for (const generation of [...generations.keys()].sort((a, b) => b - a)) {
    const found = generations.get(generation)!;
    if (found.every((slice) => slice.sliceCount === found.length)) {
      return found.toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
    }
  }
  return null;
}

/** The driver's own numbers where every device has one, else positions: half of each would collide. */
function indexed(devices: readonly SliceDevice[]): readonly { device: SliceDevice; index: number }[] {
  const numbered = devices.every((device) => device.index !== null);
  return devices.map((device, position) => ({ device, index: numbered ? device.index! : position }));
}
