/** What a share amounts to on a given device: the only place where thousandths of memory become MiB. */
import type { ShareNeed } from './request.ts';

/** Integer MiB and integer milli (thousandths of a device's compute). */
export type Amount = { readonly mib: number; readonly milli: number };

/**
 * MiB that the share takes of a device with `deviceMib` MiB: absolute MiB stay as they are, thousandths are rounded down
 * (so that ten tenths always fit), at least 1. Exact: the product stays far below 2^53 and the quotient's distance to the
 * next integer is at least 1/1000.
 */
export function mibOn(need: ShareNeed, deviceMib: number): number {
  const memory = need.memory;
  if ('mib' in memory) return Math.max(1, memory.mib);
  return Math.max(1, Math.floor((deviceMib * memory.milli) / 1000));
}

export function shareOn(need: ShareNeed, deviceMib: number): Amount {
  return { mib: mibOn(need, deviceMib), milli: need.milli };
}

/** null: the share is larger than the whole device, even an empty one. */
export function shareOnEmpty(need: ShareNeed, deviceMib: number): Amount | null {
  const share = shareOn(need, deviceMib);
  return share.mib > deviceMib || share.milli > 1000 ? null : share;
}
