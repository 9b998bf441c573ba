/**
 * A gang that comes first in line takes what pods of lower priority only hold: plans end as a whole, and nobody who runs or is being
 * bound loses anything. Only what is in the way ends.
 */
import { LedgerError } from '../../core/gpu/errors.ts';
import { type Aside, withAside } from '../../core/placement/aside.ts';
import type { GangGroup, GangVerdict, Placed } from '../../core/placement/gang/gang-request.ts';
import type { PodFacts } from '../../core/placement/pod-facts.ts';
import type { Hold } from '../holds.ts';
import type { Picture } from '../picture.ts';
import { inLine } from './standing.ts';

/** Holds looked at, at most. */
const HOLDS = 1024;

/** So many of those first in line are each asked whether the gang can do without their places. */
const SPARED = 16;

/** Holds that end together. */
type Unit = { readonly gang: string | null; readonly holds: Hold[] };

/**
 * What `judge` says once later holds are out of the way; those in the way have ended then. null: that does not help, and nothing is
 * changed. `members`: of the group.
 */
export function takeOverForGang(
  picture: Picture,
  group: GangGroup,
  members: readonly PodFacts[],
  judge: (group: GangGroup) => GangVerdict,
): readonly Placed[] | null {
  const { nodes } = picture;
  const priority = members.reduce(
    (least, pod) => Math.min(least, picture.gangs.priorityOf(pod)),
    Number.MAX_SAFE_INTEGER,
  );
  const units = laterUnits(picture, priority);
  if (units.length === 0) return null;
  const { placed, inTheWay } = withAside(nodes, (aside) => {
    // as for `judge`: what is awaited for its own members is not in their way, and a pod is in the books once
    for (const { uid } of members) aside.take(picture.holds.get(uid)?.node, uid);
    return search(picture, units, aside, () => {
      const verdict = judge(group);
      return verdict.kind === 'planned' ? verdict.placed : null;
    });
  });
  for (const { gang, holds } of inTheWay) {
    if (gang === null) picture.dropHold(holds[0]!.pod.uid);
    else picture.dropPlan(gang);
  }
  return placed;
}

/** The plan beside as many as can be, and those that lose their place by it. */
function search(
  picture: Picture,
  units: readonly Unit[],
  aside: Aside,
  plan: () => readonly Placed[] | null,
): { readonly placed: readonly Placed[] | null; readonly inTheWay: readonly Unit[] } {
  const takeOff = ({ holds }: Unit): void => {
    for (const { node, pod } of holds) aside.take(node, pod.uid);
  };
  for (const unit of units) takeOff(unit);
  let placed = plan();
  if (placed === null) return { placed, inTheWay: [] };
  // the first ones in line keep their places where the gang can do without
  for (const unit of units.slice(0, SPARED)) {
    for (const { pod } of unit.holds) aside.putBack(pod.uid);
    const without = plan();
    if (without === null) takeOff(unit);
    else placed = without;
  }
  const away = units.filter(({ holds }) => aside.has(holds[0]!.pod.uid));
  return { placed, inTheWay: whoCannotStay(picture, away, placed) };
}

/** First in line first; a part of a plan is all of it. */
function laterUnits({ holds, gangs }: Picture, priority: number): readonly Unit[] {
  const units = new Map<string, Unit>();
  let looked = 0;
  for (const hold of holds.values()) {
    if (hold.state !== 'open' || hold.cause === 'awaiting') continue;
    if (gangs.priorityOf(hold.pod) >= priority) continue;
    if (++looked > HOLDS) break;
    const key = hold.gang === null ? `pod ${hold.pod.uid}` : `gang ${hold.gang}`;
    const unit = units.get(key);
    if (unit === undefined) units.set(key, { gang: hold.gang, holds: [hold] });
    else unit.holds.push(hold);
  }
  return [...units.values()].sort((a, b) => inLine(a.holds[0]!.pod, b.holds[0]!.pod));
}

/** Beside the gang, one unit after the other: those that have no room left. The books are left as they were. */
function whoCannotStay({ nodes }: Picture, units: readonly Unit[], placed: readonly Placed[]): readonly Unit[] {
  const tried: { readonly node: string; readonly uid: string }[] = [];
  const put = ({ node, pod, claim }: Pick<Hold, 'node' | 'pod' | 'claim'>): boolean => {
    if (nodes.get(node)?.lacks(pod.needs) !== null) return false;
    try {
      nodes.add(node, { uid: pod.uid, kind: 'held', claim, needs: pod.needs, unclaimed: false });
    } catch (error) {
      // its devices are the gang's now
      if (error instanceof LedgerError && error.code === 'over-allocated') return false;
      throw error;
    }
    tried.push({ node, uid: pod.uid });
    return true;
  };
  const takeBack = (from: number): void => {
    for (const { node, uid } of tried.splice(from).reverse()) nodes.undo(node, uid);
  };
  try {
    for (const one of placed) put(one);
    return units.filter(({ holds }) => {
      const from = tried.length;
      if (holds.every(put)) return false;
      takeBack(from);
      return true;
    });
  } finally {
    takeBack(0);
  }
}
