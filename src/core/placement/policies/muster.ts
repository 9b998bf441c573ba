/**
 * muster: put the pod where it takes least of what is scarce.
 *
 * A typical pod m can use u(m) thousandths of a node: as many of its shares as the GPUs hold, but (to seven sixteenths) no more than the
 * CPU left there can feed. Its price W(m) is high where the cluster has little for it (../prices.ts): the gradient of
 * Σ popularity · log usable, so that every kind of pod keeps its part of what is left. A pod costs what it takes of all u(m) at
 * these prices, less its own size. GPUs with a little left that nothing fills cost extra, a filled or opened one gives that back:
 * sum-of-squares bin packing (Csirik et al.), with a cap. Scores are coarse on purpose, see fgd.ts.
 */
import type { Outlook } from '../outlook.ts';
import type { Change, Foresight } from './foresight.ts';
import { SCORE_LIMIT } from './node-fit.ts';
import type { Room } from './room.ts';
import type { Lens } from './typical.ts';

/** `usable` counts sixteenths of a milli: so many of them are what the GPUs hold, the others what CPU can feed of it. */
const BY_GPUS = 9;
const BY_CPU = 7;
export const USABLE_UNIT = BY_GPUS + BY_CPU;
/** Weights are multiples of 2⁻¹⁶: so much of `worth` is one milli. */
const MILLI = 2 ** 16 * USABLE_UNIT;
/** Losses that differ by less are the same. */
const LEVEL_MILLI = 160;
const MIDDLE = SCORE_LIMIT / 2;

/**
 * What pods of `size` thousandths and `cpu` milli-cores can use of a room, in `USABLE_UNIT`ths of a thousandth: `slots` is how much of
 * it their shares fill, and a part of the answer is no more than its CPU can feed.
 */
export function usable(slots: number, roomCpu: number, cpu: number, size: number): number {
  const fed = cpu === 0 ? slots : Math.min(slots, Math.floor((roomCpu * size) / cpu));
  return BY_GPUS * slots + BY_CPU * fed;
}

function worth(room: Room, lens: Lens): number {
  let total = 0;
  for (let group = 0; group < lens.groups; group++) {
    const milli = lens.milli[group]!;
    const allowed = lens.allowed[group]!;
    let slots = 0;
    let gpus = 0;
    for (let at = 0; at < room.gpus; at++) {
      const free = room.free[at]!;
      if (free < milli || (allowed !== null && allowed[at] === 0)) continue;
      slots += free - (free % milli);
      gpus++;
    }
    if (gpus === 0) continue;
    const end = lens.from[group + 1]!;
    for (let entry = lens.from[group]!; entry < end; entry++) {
      const cpu = lens.cpu[entry]!;
      const count = lens.count[entry]!;
      if (count <= gpus && cpu <= room.cpu) total += lens.weight[entry]! * usable(slots, room.cpu, cpu, count * milli);
    }
  }
  return total;
}

function score({ before, after, taken, residue }: Change): number {
  const loss = before - after + (residue - taken) * MILLI;
  const level = Math.floor(loss / (LEVEL_MILLI * MILLI));
  return Math.max(0, Math.min(SCORE_LIMIT - 1, MIDDLE - level));
}

export const muster: Foresight = { basis: (outlook: Outlook) => outlook, worth, score };
