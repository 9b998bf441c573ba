/**
 * link: several devices for one container are the set with the largest sum of pairwise link weights; a single device is the
 * one whose taking hurts the links among the still idle devices least.
 */
import type { Device } from '../device.ts';
import type { Work } from '../work.ts';

/** Link weight between two positions, 0 when unknown. Sources may report only one direction. */
export function linkWeight(devices: readonly Device[], a: number, b: number): number {
  return Math.max(devices[a]!.links[b] ?? 0, devices[b]!.links[a] ?? 0);
}

/** What the idle devices lose when `position` is taken: its links to the other idle ones; 0 if it is in use already. */
export function linkLoss(devices: readonly Device[], idle: readonly number[], position: number): number {
  if (!idle.includes(position)) return 0;
  let loss = 0;
  for (const other of idle) if (other !== position) loss += linkWeight(devices, position, other);
  return loss;
}

/** Steps before the best set so far is taken. All sets of 16 devices (at most 12,870) are within it. */
export const LINK_STEPS = 60_000;

/**
 * The best `count` of `candidates` (ascending positions), null when there are too few or, with `required`, when no set is
 * connected pairwise. Exact for up to 16 candidates; branches that cannot beat the best set are cut, so a uniform fabric
 * ends after its first set. Equal sums go to the lowest positions. Takes at most `limit` steps (but goes on to a first set unless
 * `required`) and adds them to `spent`.
 */
export function bestLinkedSet(
  devices: readonly Device[],
  candidates: readonly number[],
  count: number,
  required: boolean,
  spent: Work = { work: 0 },
  limit: number = LINK_STEPS,
): readonly number[] | null {
  const n = candidates.length;
  if (n < count) return null;
  const most = Math.max(limit, count);
  const weights = new Float64Array(n * n);
  let top = 0;
  for (let a = 0; a < n; a++) {
    for (let b = a + 1; b < n; b++) {
      const weight = linkWeight(devices, candidates[a]!, candidates[b]!);
      weights[a * n + b] = weight;
      top = Math.max(top, weight);
    }
  }
  const picked: number[] = [];
  let best: readonly number[] | null = null;
  let bestSum = -1;
  let steps = 0;
  const allPairs = (count * (count - 1)) / 2;

  const descend = (from: number, sum: number): void => {
    if (picked.length === count) {
      if (sum > bestSum) {
        bestSum = sum;
        best = picked.map((candidate) => candidates[candidate]!);
      }
      return;
    }
    const pairsLeft = allPairs - (picked.length * (picked.length - 1)) / 2;
    for (let next = from; next <= n - (count - picked.length); next++) {
      if (sum + pairsLeft * top <= bestSum || ++steps > most) return;
      let gain = 0;
      let connected = true;
      for (const earlier of picked) {
        const weight = weights[earlier * n + next]!;
        gain += weight;
        if (weight === 0) connected = false;
      }
      if (required && !connected) continue;
      picked.push(next);
      descend(next + 1, sum + gain);
      picked.pop();
    }
  };
  descend(0, 0);
  spent.work += n * n + steps * count;
  return best;
}
