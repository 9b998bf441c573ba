/**
 * link: several devices for one container are the set with the largest sum of pairwise link weights; a single device is the
 * one whose taking hurts the links among the still idle devices least.
 * Required: NVLink leads from every device of the set to every other one inside the set, directly or over others of it. Peers
 * without a link of their own are common (DGX-1 has 16 such pairs of 28), and collective operations route around them.
 */
import type { Device } from '../device.ts';
import type { Work } from '../work.ts';

/** Link weight between two positions, 0 when unknown. Sources may report only one direction. */
export function linkWeight(devices: readonly Device[], a: number, b: number): number {
  return Math.max(devices[a]!.links[b] ?? 0, devices[b]!.links[a] ?? 0);
}

/** From here on a weight means NVLink, below it a path over PCIe or the socket (see ../device.ts). */
export const NVLINK_WEIGHT = 100;

/** The groups of positions that NVLink connects, each ascending, first positions ascending. */
export function nvlinkIslands(
  devices: readonly Device[],
  positions: readonly number[],
): readonly (readonly number[])[] {
  const left = new Set(positions);
  const islands: (readonly number[])[] = [];
  for (const first of positions) {
    if (!left.delete(first)) continue;
    const island = [first];
    for (const member of island) {
      for (const other of left) {
        if (linkWeight(devices, member, other) < NVLINK_WEIGHT) continue;
        left.delete(other);
        island.push(other);
      }
    }
    islands.push(island.sort((a, b) => a - b));
  }
  return islands;
}

/** NVLink joins all of them. One device always is an island. Hot: asked of every set that a search completes. */
export function isIsland(devices: readonly Device[], positions: readonly number[]): boolean {
  const reached = positions.slice(0, 1);
  for (let at = 0; at < reached.length && reached.length < positions.length; at++) {
    for (const other of positions) {
      if (linkWeight(devices, reached[at]!, other) >= NVLINK_WEIGHT && !reached.includes(other)) reached.push(other);
    }
  }
  return reached.length === positions.length;
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
 * The best `count` of `candidates` (ascending positions), null when there are too few or, with `required`, when NVLink connects
 * no set of them. Exact for up to 16 candidates; branches that cannot beat the best set are cut, so a uniform fabric
 * ends after its first set. Equal sums go to the lowest positions. Takes at most `limit` steps per NVLink island (but goes on to a
 * first set unless `required`) and adds them to `spent`.
 */
export function bestLinkedSet(
  devices: readonly Device[],
  candidates: readonly number[],
  count: number,
  required: boolean,
  spent: Work = { work: 0 },
  limit: number = LINK_STEPS,
): readonly number[] | null {
  if (!required || count === 1) return bestSet(devices, candidates, count, false, spent, limit)?.set ?? null;
  let best: Linked | null = null;
  for (const island of nvlinkIslands(devices, candidates)) {
    const found = bestSet(devices, island, count, true, spent, limit);
    if (found === null || (best !== null && compareLinked(found, best) >= 0)) continue;
    best = found;
  }
  return best?.set ?? null;
}

type Linked = { readonly set: readonly number[]; readonly sum: number };

/** Larger sum first, then the lowest positions. */
function compareLinked(a: Linked, b: Linked): number {
  const at = a.set.findIndex((position, index) => position !== b.set[index]);
  return b.sum - a.sum || (at < 0 ? 0 : a.set[at]! - b.set[at]!);
}

function bestSet(
  devices: readonly Device[],
  candidates: readonly number[],
  count: number,
  connected: boolean,
  spent: Work,
  limit: number,
): Linked | null {
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
  let asked = 0;
  const allPairs = (count * (count - 1)) / 2;

  const descend = (from: number, sum: number): void => {
    if (picked.length === count) {
      if (sum <= bestSum) return;
      const set = picked.map((candidate) => candidates[candidate]!);
      if (connected) asked++;
      if (connected && !isIsland(devices, set)) return;
      bestSum = sum;
      best = set;
      return;
    }
    const pairsLeft = allPairs - (picked.length * (picked.length - 1)) / 2;
    for (let next = from; next <= n - (count - picked.length); next++) {
      if (sum + pairsLeft * top <= bestSum || ++steps > most) return;
      let gain = 0;
      for (const earlier of picked) gain += weights[earlier * n + next]!;
      picked.push(next);
      descend(next + 1, sum + gain);
      picked.pop();
    }
  };
  descend(0, 0);
  spent.work += n * n + steps * count + asked * count * count;
  return best === null ? null : { set: best, sum: bestSum };
}
