/**
 * Who comes first in line takes what later ones only hold: an open hold of a pod of lower priority, or of a younger one of equal
 * priority. A part of a gang's plan gives way to higher priority only, and then the plan ends as a whole. A pod that loses its place is
 * decided anew; nobody that is being bound loses anything.
 */
import { allows } from '../core/placement/judge.ts';
import type { NodeInfo } from '../core/placement/node-info.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import type { Shape } from '../core/placement/shape.ts';
import type { Gangs } from './gangs/gangs.ts';
import { inLine } from './gangs/standing.ts';
import type { Hold } from './holds.ts';
import type { Picture } from './picture.ts';

/** Bounds of one search: holds and nodes looked at. */
const HOLDS = 512;
const NODES = 32;

/** Ends the holds of later pods that stand in the way on one of the allowed nodes. null: there are none that would help. */
export function takeOver(
  picture: Picture,
  pod: PodFacts,
  shape: Shape,
  allowed: (node: NodeInfo) => boolean,
): NodeInfo | null {
  for (const [name, holds] of laterHolds(picture, pod)) {
    const node = picture.nodes.get(name);
    if (node?.facts == null || !allowed(node)) continue;
    const trial = node.copy();
    trial.remove(pod.uid);
    const taken: Hold[] = [];
    for (const hold of holds) {
      trial.remove(hold.pod.uid);
      taken.push(hold);
      if (!allows(shape, trial, { work: 0 }) || trial.lacks(pod.needs) !== null) continue;
      for (const one of taken) picture.endHold(one);
      return node;
    }
  }
  return null;
}

/** By node, the last in line first on each; the nodes of the last ones first. */
function laterHolds({ holds, gangs }: Picture, pod: PodFacts): readonly (readonly [node: string, holds: Hold[]])[] {
  const later: Hold[] = [];
  for (const hold of holds.values()) {
    if (hold.state !== 'open' || hold.cause === 'awaiting' || !givesWay(hold, pod, gangs)) continue;
    later.push(hold);
    if (later.length === HOLDS) break;
  }
  later.sort((a, b) => gangs.priorityOf(a.pod) - gangs.priorityOf(b.pod) || inLine(b.pod, a.pod));
  const byNode = new Map<string, Hold[]>();
  for (const hold of later) {
    const there = byNode.get(hold.node);
    if (there !== undefined) there.push(hold);
    else if (byNode.size < NODES) byNode.set(hold.node, [hold]);
  }
  return [...byNode];
}

function givesWay({ pod: holder, gang }: Hold, pod: PodFacts, gangs: Gangs): boolean {
  if (holder.uid === pod.uid) return false;
  const [held, wanted] = [gangs.priorityOf(holder), gangs.priorityOf(pod)];
  if (held !== wanted) return held < wanted;
  return gang === null && pod.createdMs < holder.createdMs;
}
