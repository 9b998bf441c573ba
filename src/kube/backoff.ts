/** How long to wait after the n-th failure in a row: doubling from 0.2 s to 30 s, half of it by chance, never less than the server asked. */
import type { Rng } from './ports.ts';

const FIRST_MS = 200;
const LONGEST_MS = 30_000;
/** a server that asks for more is not believed: nothing should stand still for longer */
const LONGEST_RETRY_AFTER_MS = 120_000;

/** ms. `failures` counts from 1. `retryAfterSeconds` null: the server did not say. */
export function backoffMs(failures: number, retryAfterSeconds: number | null, rng: Rng): number {
  const ceiling = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(failures - 1, 10));
  const chance = rng.next();
  const own = ceiling / 2 + (chance * ceiling) / 2;
  const asked = Math.min((retryAfterSeconds ?? 0) * 1000, LONGEST_RETRY_AFTER_MS);
  // a tenth on top, so that everyone who was told the same second does not come back in the same millisecond
  return Math.round(Math.max(own, asked * (1 + chance / 10)));
}
