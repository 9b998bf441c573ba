/** Victims for a whole gang, on the picture: who may go for it, what the gangs of those can spare, and what budgets allow. */

import type { GangGroup } from '../../core/placement/gang/gang-request.ts';
import { couldFit, type GangVictims, gangVictimsInSlices } from '../../core/placement/gang/gang-victims.ts';
import type { RunningPod } from '../../core/placement/gang/running-pod.ts';
import type { Sliced } from '../../core/placement/gang/slices.ts';
import type { Board } from '../../core/placement/gang/trial.ts';
import { NodeTable } from '../../core/placement/node-table.ts';
import type { PodFacts } from '../../core/placement/pod-facts.ts';
import type { Picture } from '../picture.ts';
import { budgetIndex } from '../preemption.ts';
import { Spares } from './spare.ts';

/** Pods looked at, and nodes copied, between two stops. */
const PODS_AT_ONCE = 1024;
const NODES_AT_ONCE = 64;
/** Nodes copied before those are judged together. */
const NODES_JUDGED = 512;

/**
 * The cheapest set of pods whose end lets all that is missing of the gang start together; null: there is none, or a member may not
 * preempt. `members`: of the group. Pods of a priority as high as that of its least important member are nobody's victims;
 * where a gang's object says another priority than its pods, the lower one counts for who asks and the higher one for who would go.
 *
 * It is searched on a copy of the table, `boardOn` it, and the books may change between its stops: whoever carries it out looks first
 * whether it still stands.
 */
export function* victimsForGang(
  picture: Picture,
  boardOn: (table: NodeTable) => Board,
  group: GangGroup,
  members: readonly PodFacts[],
): Sliced<GangVictims | null> {
  if (members.length === 0 || members.some(({ neverPreempts }) => neverPreempts)) return null;
  const priority = leastPriority(picture, members);
  const own = new Set(members.map(({ gang }) => gang));
  const budgets = budgetIndex(picture);
  const pods: RunningPod[] = [];
  const spares = new Spares(picture);
  let looked = 0;
  for (const pod of picture.pods()) {
    if (++looked % PODS_AT_ONCE === 0) yield;
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
  if (!(yield* couldFit(picture.nodes, group, pods))) return null;
  const table = new NodeTable();
  const board = boardOn(table);
  yield* copyInto(table, picture.nodes, judging(board, members));
  const found = yield* gangVictimsInSlices(board, group, { pods, spare: spares.map, budgets: budgets.allowed });
  return found.kind === 'found' ? found : null;
}

/** Of whoever asks, by its pods and by its object: the lowest. */
const leastPriority = ({ gangs }: Picture, members: readonly PodFacts[]): number =>
  members.reduce((least, pod) => Math.min(least, pod.priority, gangs.priorityOf(pod)), Number.MAX_SAFE_INTEGER);

/** In the order of names. Nodes that come or go meanwhile may be missed or too many. `judge`: those copied so far. */
function* copyInto(copy: NodeTable, table: NodeTable, judge: () => void): Sliced<void> {
  for (const [at, slot] of table.ordered.entries()) {
    const node = table.at(slot);
    if (node !== null) copy.adopt(node.copy());
    if (at % NODES_AT_ONCE === NODES_AT_ONCE - 1) yield;
    if (at % NODES_JUDGED === NODES_JUDGED - 1) {
      judge();
      yield;
    }
  }
}

/** Brings the members' shapes up to date, so that the first one to be placed need not look at every node. */
function judging(board: Board, members: readonly PodFacts[]): () => void {
  let kinds: readonly PodFacts[] | null = null;
  return () => {
    const asking = kinds ?? members.filter(({ ask }) => ask.kind === 'request');
    const known = new Set<unknown>();
    kinds = asking.filter((pod) => {
      const index = board.indexOf(pod, false);
      return !known.has(index) && known.add(index);
    });
  };
}
