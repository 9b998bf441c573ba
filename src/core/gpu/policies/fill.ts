/** How full a device is, in thousandths of whichever of memory and compute is scarcer. What is awaited counts as used. */
export function fillOf(deviceMib: number, freeMib: number, freeMilli: number): number {
  return Math.max(Math.floor((1000 * (deviceMib - freeMib)) / deviceMib), 1000 - freeMilli);
}

/** Larger than any MiB of one device: room for the second key below the first in one exact number. */
export const SECOND_KEY = 2 ** 25;
