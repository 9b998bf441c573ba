/**
 * The free/used books of the devices of one node. Integers only.
 *
 * Two kinds of use. `used`: claims and ordinary holds; alone it never passes 100 % of a device, except by `observe`, which
 * books what was found in the cluster whatever it is. `awaited`: the reservation of a preemptor whose victims still hold
 * the devices; the sum of both may pass 100 %, and everybody else sees the sum. A preemptor that binds calls `unawait`,
 * then `take`.
 *
 * The amounts are kept in Float64Array, which is exact for integers up to 2^53: forged claims must not wrap around.
 */
import type { DeviceShare } from './claim.ts';
import type { Device, DeviceRef } from './device.ts';
import { LedgerError } from './errors.ts';
import type { Peak } from './peak.ts';

/** Shares of a peak that name devices this node does not have. They are booked nowhere. */
export type Missing = readonly DeviceShare[];
export type Observed = {
  /** after booking, a device that the peak touches is above 100 % */
  readonly over: boolean;
  readonly missing: Missing;
};

const NONE: Missing = [];

export class DeviceLedger {
  readonly devices: readonly Device[];
  /** by position of the device in `devices` */
  readonly usedMib: Float64Array;
  readonly usedMilli: Float64Array;
  readonly awaitedMib: Float64Array;
  readonly awaitedMilli: Float64Array;
  readonly #byUuid: ReadonlyMap<string, number>;
  readonly #byIndex: ReadonlyMap<number, number>;
  #models: string | null = null;
  /** -1: to be summed anew */
  #free = -1;

  /** @throws LedgerError `duplicate-device` */
  constructor(devices: readonly Device[], from?: DeviceLedger) {
    this.devices = devices;
    if (from !== undefined && from.devices === devices) {
      this.usedMib = from.usedMib.slice();
      this.usedMilli = from.usedMilli.slice();
      this.awaitedMib = from.awaitedMib.slice();
      this.awaitedMilli = from.awaitedMilli.slice();
      this.#byUuid = from.#byUuid;
      this.#byIndex = from.#byIndex;
      this.#models = from.#models;
      return;
    }
    const byUuid = new Map<string, number>();
    const byIndex = new Map<number, number>();
    devices.forEach((device, position) => {
      if (byIndex.has(device.index) || (device.uuid !== null && byUuid.has(device.uuid))) {
        throw new LedgerError('duplicate-device', `device ${describe(device)} is listed twice on its node`);
      }
      byIndex.set(device.index, position);
      if (device.uuid !== null) byUuid.set(device.uuid, position);
    });
    this.#byUuid = byUuid;
    this.#byIndex = byIndex;
    this.usedMib = new Float64Array(devices.length);
    this.usedMilli = new Float64Array(devices.length);
    this.awaitedMib = new Float64Array(devices.length);
    this.awaitedMilli = new Float64Array(devices.length);
  }

  /** Models by position of the device: ledgers with the same text look alike to whoever asks for models. */
  get models(): string {
    this.#models ??= this.devices.map(({ model }) => model).join('|');
    return this.#models;
  }

  /** Same devices, same books; changing one does not change the other. */
  clone(): DeviceLedger {
    return new DeviceLedger(this.devices, this);
  }

  /**
   * Position in `devices`, -1 when unknown. By uuid where the reference has one; if no device has that uuid, a device of the
   * same index that has none is meant (the inventory fell back to a source that knows no uuids). Without uuid by index.
   */
  positionOf(ref: DeviceRef): number {
    if (ref.uuid !== null) {
      const position = this.#byUuid.get(ref.uuid);
      if (position !== undefined) return position;
    }
    const position = this.#byIndex.get(ref.index) ?? -1;
    if (position === -1 || (ref.uuid !== null && this.devices[position]!.uuid !== null)) return -1;
    return position;
  }

  /** MiB nobody uses or awaits; negative when over-allocated. */
  freeMib(position: number): number {
    return this.devices[position]!.mib - this.usedMib[position]! - this.awaitedMib[position]!;
  }

  /** Thousandths nobody uses or awaits; negative when over-allocated. */
  freeMilli(position: number): number {
    return 1000 - this.usedMilli[position]! - this.awaitedMilli[position]!;
  }

  /** Thousandths that nobody uses or awaits on all healthy devices; a device that is over-allocated counts as full. */
  get free(): number {
    if (this.#free < 0) {
      this.#free = 0;
      for (let position = 0; position < this.devices.length; position++)
        if (this.devices[position]!.healthy) this.#free += Math.max(0, this.freeMilli(position));
    }
    return this.#free;
  }

  /** Nothing of the device is used or awaited. */
  isIdle(position: number): boolean {
    return (
      this.usedMib[position] === 0 &&
      this.usedMilli[position] === 0 &&
      this.awaitedMib[position] === 0 &&
      this.awaitedMilli[position] === 0
    );
  }

  /** `used` alone is above 100 % of the device. */
  isOver(position: number): boolean {
    return this.usedMib[position]! > this.devices[position]!.mib || this.usedMilli[position]! > 1000;
  }

  /**
   * Books a claim or hold of ours.
   * @throws LedgerError `over-allocated` when a touched device would be above 100 % of used; nothing is booked then
   */
  take(peak: Peak): Missing {
    const { over, missing } = this.observe(peak);
    if (!over) return missing;
    const full = peak.find((share) => {
      const position = this.positionOf(share);
      return position !== -1 && this.isOver(position);
    });
    this.#add(this.usedMib, this.usedMilli, peak, -1);
    throw new LedgerError('over-allocated', `device ${describe(full)} has less free than ${amount(full)}`);
  }

  /** Books what was found in the cluster, whatever it is. Never throws. */
  observe(peak: Peak): Observed {
    const missing = this.#add(this.usedMib, this.usedMilli, peak, 1);
    let over = false;
    for (const share of peak) {
      const position = this.positionOf(share);
      if (position !== -1 && this.isOver(position)) over = true;
    }
    return { over, missing };
  }

  /**
   * Exact inverse of `take` and of `observe`.
   * @throws LedgerError `under-flow` when that much was not taken; nothing changes then
   */
  give(peak: Peak): Missing {
    return this.#remove(this.usedMib, this.usedMilli, peak);
  }

  /** Reserves devices for a preemptor, on top of what is used. */
  await(peak: Peak): Missing {
    return this.#add(this.awaitedMib, this.awaitedMilli, peak, 1);
  }

  /** Exact inverse of `await`. @throws LedgerError `under-flow` */
  unawait(peak: Peak): Missing {
    return this.#remove(this.awaitedMib, this.awaitedMilli, peak);
  }

  #remove(mib: Float64Array, milli: Float64Array, peak: Peak): Missing {
    const missing = this.#add(mib, milli, peak, -1);
    for (const share of peak) {
      const position = this.positionOf(share);
      if (position === -1 || (mib[position]! >= 0 && milli[position]! >= 0)) continue;
      this.#add(mib, milli, peak, 1);
      throw new LedgerError('under-flow', `device ${describe(share)} holds less than ${amount(share)}`);
    }
    return missing;
  }

  #add(mib: Float64Array, milli: Float64Array, peak: Peak, sign: 1 | -1): Missing {
    let missing: DeviceShare[] | null = null;
    this.#free = -1;
    for (const share of peak) {
      const position = this.positionOf(share);
      if (position === -1) {
        missing ??= [];
        missing.push(share);
        continue;
      }
      mib[position]! += sign * share.mib;
      milli[position]! += sign * share.milli;
    }
    return missing ?? NONE;
  }
}

const describe = (ref: DeviceRef | undefined): string => ref?.uuid ?? `index ${ref?.index ?? '?'}`;
const amount = (share: DeviceShare | undefined): string => `${share?.mib ?? 0} MiB, ${share?.milli ?? 0} milli`;
