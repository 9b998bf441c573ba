/**
 * fgd, fragmentation gradient descent (Weng et al., ATC'23): put the pod where the GPUs that typical pods cannot use grow least.
 *
 * With free thousandths r per GPU, a typical pod of k GPUs with g thousandths each cannot use F = Σ r over r < g, or all of Σ r
 * if it does not fit the node at all (model, CPU, too few GPUs, or it wants none). The node's fragmentation is the mean of F
 * over the typical pods by popularity; the score is ⌊100 · sigmoid((F before − F after) / 1000)⌋. That the scores are coarse
 * and equal ones go to the first node is part of the policy: with exact scores it packs five points worse.
 */
import type { Change, Foresight } from './foresight.ts';
import type { Room } from './room.ts';
import type { Lens } from './typical.ts';

/** Least gain, in thousandths of a milli, at which the score reaches level 1…99: 10⁶ · ln(level / (100 − level)). */
const THRESHOLDS = Int32Array.from({ length: 99 }, (_, at) => Math.round(1e6 * Math.log((at + 1) / (99 - at))));

/** −F of the node, times the popularity of all typical pods. */
function worth(room: Room, lens: Lens): number {
  let total = 0;
  for (let at = 0; at < room.gpus; at++) total += room.free[at]!;
  let usable = 0;
  for (let group = 0; group < lens.groups; group++) {
    const milli = lens.milli[group]!;
    const allowed = lens.allowed[group]!;
    let sum = 0;
    let gpus = 0;
    for (let at = 0; at < room.gpus; at++) {
      const free = room.free[at]!;
      if (free < milli || (allowed !== null && allowed[at] === 0)) continue;
      sum += free;
      gpus++;
    }
    if (gpus === 0) continue;
    const end = lens.from[group + 1]!;
    for (let entry = lens.from[group]!; entry < end; entry++) {
      if (lens.count[entry]! <= gpus && lens.cpu[entry]! <= room.cpu) usable += lens.pods[entry]! * sum;
    }
  }
  return usable - lens.allPods * total;
}

function score({ before, after }: Change, lens: Lens): number {
  const gain = 1000 * (after - before);
  let low = 0;
  let high = THRESHOLDS.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (gain >= THRESHOLDS[middle]! * lens.allPods) low = middle + 1;
    else high = middle;
  }
  return low;
}

export const fgd: Foresight = { basis: (outlook) => outlook.typical, worth, score };
