/** Picks the devices of one container among those that fit it, by policy. */
import { bestLinkedSet, linkLoss } from './policies/link.ts';
import { packRank } from './policies/pack.ts';
import { spreadRank } from './policies/spread.ts';
import type { ContainerNeed, DevicePolicy } from './request.ts';
import { mibOn } from './share.ts';
import type { View } from './view.ts';
import type { Work } from './work.ts';

/**
 * `numa` limits where a search looks; within that it packs. `link` packs among devices whose links hurt equally, and of equally
 * full ones takes the one with the weakest links: the others are worth more together.
 */
export const rankOf = (policy: DevicePolicy): typeof packRank => (policy === 'spread' ? spreadRank : packRank);

/**
 * Positions, ascending. `fitting`: ascending positions on which the container's share fits now.
 * `linkSteps` bounds the search for the best linked set, `spent` counts.
 * null: fewer than `count`, or NVLink connects no set of them although `linked` demands it.
 */
export function choose(
  view: View,
  fitting: readonly number[],
  need: ContainerNeed,
  policy: DevicePolicy,
  linked: boolean,
  spent: Work,
  linkSteps?: number,
): readonly number[] | null {
  const { count, share } = need;
  spent.work += 2 * view.positions.length;
  if (fitting.length < count) return null;
  if (policy === 'link' && count > 1) return bestLinkedSet(view.devices, fitting, count, linked, spent, linkSteps);
  if (fitting.length === count) return fitting;

  const rank = rankOf(policy);
  const idle = policy === 'link' ? view.positions.filter((position) => isIdle(view, position)) : [];
  const keyed = fitting.map((position) => {
    const deviceMib = view.devices[position]!.mib;
    return {
      position,
      loss: policy === 'link' ? linkLoss(view.devices, idle, position) : 0,
      ties: policy === 'link' ? linkLoss(view.devices, fitting, position) : 0,
      rank: rank(deviceMib, view.freeMib[position]!, view.freeMilli[position]!, mibOn(share, deviceMib)),
    };
  });
  keyed.sort((a, b) => a.loss - b.loss || a.rank - b.rank || a.ties - b.ties || a.position - b.position);
  return keyed
    .slice(0, count)
    .map((entry) => entry.position)
    .sort((a, b) => a - b);
}

const isIdle = (view: View, position: number): boolean =>
  view.freeMilli[position] === 1000 && view.freeMib[position] === view.devices[position]!.mib;
