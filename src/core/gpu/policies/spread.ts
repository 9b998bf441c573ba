/** spread: the emptiest device first, so that neighbours disturb each other least. Among equals the most memory left. */
import { fillOf, SECOND_KEY } from './fill.ts';

/** Smaller is better; equal ranks go to the lower position. `mib`: what the share takes of this device. */
export function spreadRank(deviceMib: number, freeMib: number, freeMilli: number, mib: number): number {
  return fillOf(deviceMib, freeMib, freeMilli) * SECOND_KEY - (freeMib - mib);
}
