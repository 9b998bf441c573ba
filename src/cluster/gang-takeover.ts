/**
 * A gang that comes first in line takes what pods of lower priority only hold: plans end as a whole, and nobody who runs or is being
 * bound loses anything. Only what is in the way ends.
 */
import type { GangGroup, GangVerdict, Placed } from '../core/placement/gang/gang-request.ts';
import type { Occupant } from '../core/placement/node-info.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import { leastPriority } from './gang-preemption.ts';
import { inLine } from './gangs/standing.ts';
import type { Hold } from './holds.ts';
import type { Picture } from './picture.ts';

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
  const priority = leastPriority(picture, members);
  const units = laterUnits(picture, priority);
  if (units.length === 0) return null;
  const off = new Map<Hold, Occupant>();
  const takeOff = ({ holds }: Unit): void => {
    for (const hold of holds) {
      off.set(hold, nodes.get(hold.node)!.occupant(hold.pod.uid)!);
      nodes.undo(hold.node, hold.pod.uid);
    }
  };
  const putBack = ({ holds }: Unit): void => {
    for (const hold of holds) {
      const occupant = off.get(hold);
      if (occupant !== undefined) nodes.add(hold.node, occupant);
      off.delete(hold);
    }
  };
  const plan = (): readonly Placed[] | null => {
    const verdict = judge(group);
    return verdict.kind === 'planned' ? verdict.placed : null;
  };
  for (const unit of units) takeOff(unit);
  let placed = plan();
  // the first ones in line keep their places where the gang can do without
  for (const unit of placed === null ? [] : units.slice(0, SPARED)) {
    putBack(unit);
    const without = plan();
    if (without === null) takeOff(unit);
    else placed = without;
  }
  const away = units.filter(({ holds }) => off.has(holds[0]!));
  const inTheWay = placed === null ? [] : whoCannotStay(picture, away, placed);
  for (const unit of away) putBack(unit);
  for (const { gang, holds } of inTheWay) {
    if (gang === null) picture.dropHold(holds[0]!.pod.uid);
    else picture.dropPlan(gang);
  }
  return placed;
}

/** First in line first; a part of a plan is all of it. */
function laterUnits({ holds, gangs }: Picture, priority: number): readonly Unit[] {
  const units = new Map<string, Unit>();
  let looked = 0;
  for (const hold of holds.values()) {
    if (hold.state !== 'open' || hold.cause === 'awaiting') continue;
    if (Math.max(hold.pod.priority, gangs.priorityOf(hold.pod)) >= priority) continue;
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
    } catch {
      // LedgerError: its devices are the gang's now
      return false;
    }
    tried.push({ node, uid: pod.uid });
    return true;
  };
  for (const one of placed) put(one);
  const out: Unit[] = [];
  for (const unit of units) {
    const from = tried.length;
    if (unit.holds.every(put)) continue;
    out.push(unit);
    for (const { node, uid } of tried.splice(from)) nodes.undo(node, uid);
  }
  for (const { node, uid } of tried.reverse()) nodes.undo(node, uid);
  return out;
}
