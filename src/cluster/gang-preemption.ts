/** Victims for a whole gang, on the picture: who may go for it, what the gangs of those can spare, and what budgets allow. */

import type { GangGroup } from '../core/placement/gang/gang-request.ts';
import { type GangVictims, gangVictims } from '../core/placement/gang/gang-victims.ts';
import type { RunningPod } from '../core/placement/gang/running-pod.ts';
import type { Board } from '../core/placement/gang/trial.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import { Spares } from './gang-spare.ts';
import type { Picture } from './picture.ts';
import { budgetIndex } from './preemption.ts';

/**
 * The cheapest set of pods whose end lets all that is missing of the gang start together; null: there is none, or a member may not
 * preempt. `members`: of the group. Pods of a priority as high as that of its least important member are nobody's victims;
 * where a gang's object says another priority than its pods, the lower one counts for who asks and the higher one for who would go.
 */
export function victimsForGang(
  picture: Picture,
  board: Board,
  group: GangGroup,
  members: readonly PodFacts[],
): GangVictims | null {
  if (members.length === 0 || members.some(({ neverPreempts }) => neverPreempts)) return null;
  const priority = leastPriority(picture, members);
  const own = new Set(members.map(({ gang }) => gang));
  const budgets = budgetIndex(picture);
  const pods: RunningPod[] = [];
  const spares = new Spares(picture);
  for (const pod of picture.pods()) {
    if (pod.nodeName === null || pod.terminal || picture.nodes.get(pod.nodeName)?.facts == null) continue;
    const itsPriority = Math.max(pod.priority, picture.gangs.priorityOf(pod));
    if (!pod.terminating && (itsPriority >= priority || (pod.gang !== null && own.has(pod.gang)))) continue;
    pods.push({
      uid: pod.uid,
      node: pod.nodeName,
      priority: itsPriority,
      startedMs: pod.startedMs || pod.createdMs,
      terminating: pod.terminating,
      gang: pod.gang,
      subGroup: pod.gangSaid?.subGroup ?? null,
      budgets: pod.terminating ? [] : budgets.of(pod),
    });
    spares.look(pod.gang);
  }
  if (pods.length === 0) return null;
  const found = gangVictims(board, group, { pods, spare: spares.map, budgets: budgets.allowed });
  return found.kind === 'found' ? found : null;
}

/** Of whoever asks, by its pods and by its object: the lowest. */
export const leastPriority = ({ gangs }: Picture, members: readonly PodFacts[]): number =>
  members.reduce((least, pod) => Math.min(least, pod.priority, gangs.priorityOf(pod)), Number.MAX_SAFE_INTEGER);
