/** Prices of one moment, for the policy `muster`: what a thousandth usable by a typical shape is worth, and what leftovers cost. */
import type { Typical } from './policies/typical.ts';

/** Prices are multiples of 2⁻¹⁶. */
const UNIT = 2 ** 16;
/** A leftover of r thousandths costs at most this many times r. */
const MOST_PER_MILLI = 4;
/** Each GPU of the cluster that has the same leftover adds this much, milli. */
const PER_GPU = 12;

/**
 * Per typical shape popularity · T / U: T thousandths are free in all, U of them usable by the shape (at least one pod's size).
 * `usable` counts twice.
 */
export function weightsOf(typical: Typical, usable: Float64Array, gpusWithFree: Int32Array): Float64Array {
  let free = 0;
  for (let milli = 1; milli <= 1000; milli++) free += milli * gpusWithFree[milli]!;
  const gpuPods = typical.shapes.reduce((sum, shape) => sum + (shape.count === 0 ? 0 : shape.pods), 0);
  return Float64Array.from(typical.shapes, ({ count, milli, pods }, id) => {
    if (count === 0) return 0;
    const scarce = Math.max(Math.floor(usable[id]! / 2), count * milli);
    return Math.round((UNIT * pods * free) / (gpuPods * scarce));
  });
}

/** By free thousandths: a leftover that many GPUs have is one that nothing fills. Empty and full GPUs cost nothing. */
export function residuesOf(gpusWithFree: Int32Array): Int32Array {
  return Int32Array.from({ length: 1001 }, (_, milli) =>
    milli === 1000 ? 0 : Math.min(MOST_PER_MILLI * milli, PER_GPU * gpusWithFree[milli]!),
  );
}
