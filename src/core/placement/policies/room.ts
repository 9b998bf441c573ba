/** What is free on one node, as policies with foresight see it: CPU, and thousandths per GPU. Filled again and again without garbage. */
import type { NodeInfo } from '../node-info.ts';
import { CPU } from '../resources.ts';

export type Room = {
  /** milli-cores, may be negative on an overcommitted node */
  cpu: number;
  /** devices of the node, sick ones included */
  gpus: number;
  /** per device the scarcer of free compute and free memory in thousandths, 0…1000; a sick device has none */
  free: Int32Array;
};

export const newRoom = (): Room => ({ cpu: 0, gpus: 0, free: new Int32Array(16) });

export function fillRoom(node: NodeInfo, room: Room): void {
  const { devices, usedMib, usedMilli, awaitedMib, awaitedMilli } = node.ledger;
  if (room.free.length < devices.length) room.free = new Int32Array(devices.length);
  room.cpu = (node.facts?.allocatable[CPU] ?? 0) - node.used(CPU);
  room.gpus = devices.length;
  for (let at = 0; at < devices.length; at++) {
    const milli = 1000 - usedMilli[at]! - awaitedMilli[at]!;
    const mib = usedMib[at]! + awaitedMib[at]!;
    const device = devices[at]!;
    const byMemory = mib === 0 ? 1000 : Math.floor((1000 * (device.mib - mib)) / device.mib);
    room.free[at] = device.healthy ? Math.max(0, Math.min(milli, byMemory)) : 0;
  }
}
