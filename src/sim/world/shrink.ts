/**
 * From a seed that fails to the few faults that it needs: the list is cut as long as what is left still breaks the same
 * invariant (delta debugging after Zeller, with a bound on the number of tries).
 */
import { EVERY_FAULT } from './chance.ts';
import { runWorld, type WorldOptions, type WorldResult } from './world.ts';

const MOST_TRIES = 80;

export type Shrunk = {
  /** the shortest failing run found; its `faults` are what it needs */
  readonly best: WorldResult;
  /** runs that were tried */
  readonly tries: number;
  /** false: without the faults that were never met it does not fail, so nothing is left out */
  readonly smaller: boolean;
};

/** `failed` is the result of `options`. */
export async function shrink(options: WorldOptions, failed: WorldResult): Promise<Shrunk> {
  let best = failed;
  let tries = 0;
  const wanted = failed.failure?.invariant;
  const attempt = async (only: readonly string[]): Promise<boolean> => {
    tries++;
    const filter = { ...EVERY_FAULT, only: new Set(only) };
    const result = await runWorld({ ...options, trace: false, filter });
    if (result.failure?.invariant !== wanted) return false;
    best = result;
    return true;
  };
  // a fault that was never met is none
  if (!(await attempt(failed.faults))) return { best: failed, tries, smaller: false };
  let parts = 2;
  while (best.faults.length > 0 && tries < MOST_TRIES) {
    const all = best.faults;
    const size = Math.ceil(all.length / parts);
    let smaller = false;
    for (let from = 0; from < all.length && tries < MOST_TRIES; from += size) {
      const rest = [...all.slice(0, from), ...all.slice(from + size)];
      if (await attempt(rest)) {
        smaller = true;
        break;
      }
    }
    if (smaller) parts = Math.max(2, parts - 1);
    else if (size === 1) break;
    else parts = Math.min(all.length, parts * 2);
  }
  return { best, tries, smaller: true };
}
