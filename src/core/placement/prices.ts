/** What a thousandth usable by each typical shape is worth at one moment, for the policy `muster`. */
import { USABLE_UNIT } from './policies/muster.ts';
import type { Typical } from './policies/typical.ts';

/** Prices are multiples of 2⁻¹⁶. */
const UNIT = 2 ** 16;

/**
 * Per typical shape its popularity · T / U, where T thousandths are free in the cluster and U of them usable by the shape (at
 * least one pod's size): the gradient of Σ popularity · log U. `usable` is in `USABLE_UNIT`ths. Popularity is the share of all typical
 * pods, those without GPUs included: they take their part of the future too.
 */
export function weightsOf(typical: Typical, usable: Float64Array, freeMilli: number): Float64Array {
  return Float64Array.from(typical.shapes, ({ count, milli, pods }, id) => {
    if (count === 0) return 0;
    const scarce = Math.max(Math.floor(usable[id]! / USABLE_UNIT), count * milli);
    return Math.round((UNIT * pods * freeMilli) / (typical.allPods * scarce));
  });
}
