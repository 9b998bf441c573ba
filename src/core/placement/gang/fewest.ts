/**
 * On each node of a plan by itself: which of the pods taken off may stay although the members planned there come? Cheap, because
 * nothing but that one node is looked at.
 */
import { allows, placeOn } from '../judge.ts';
import type { NodeInfo, Occupant } from '../node-info.ts';
import type { Placed } from './gang-request.ts';
import type { RunningPod } from './running-pod.ts';
import type { Sliced } from './slices.ts';
import type { Board } from './trial.ts';

export class Fewest {
  readonly #board: Board;
  readonly #plan: readonly Placed[];
  readonly #away: ReadonlyMap<RunningPod, Occupant>;

  constructor(board: Board, plan: readonly Placed[], away: ReadonlyMap<RunningPod, Occupant>) {
    this.#board = board;
    this.#plan = plan;
    this.#away = away;
  }

  /** Puts back whom it can, in this order, by `putBack`. Returns the plan with the claims that are left. */
  *spare(
    order: (a: RunningPod, b: RunningPod) => number,
    putBack: (pod: RunningPod) => void,
  ): Sliced<readonly Placed[]> {
    const claims = new Map<Placed, Placed>();
    const byNode = new Map<string, RunningPod[]>();
    for (const pod of this.#away.keys()) {
      if (pod.terminating) continue;
      const there = byNode.get(pod.node);
      if (there === undefined) byNode.set(pod.node, [pod]);
      else there.push(pod);
    }
    const planned = Map.groupBy(this.#plan, ({ node }) => node);
    for (const [node, pods] of byNode) {
      yield;
      const members = planned.get(node) ?? [];
      const trial = this.#board.table.get(node)!.copy();
      for (const pod of pods.toSorted(order)) {
        const occupant = this.#away.get(pod)!;
        trial.add(occupant);
        const placed = this.#placeAll(members, trial);
        if (placed === null) {
          trial.remove(pod.uid);
          continue;
        }
        putBack(pod);
        for (const [at, member] of members.entries()) claims.set(member, placed[at]!);
      }
    }
    return this.#plan.map((placed) => claims.get(placed) ?? placed);
  }

  /** The members on this node, one after the other; null when one finds no room. The node is left as it was. */
  #placeAll(members: readonly Placed[], node: NodeInfo): readonly Placed[] | null {
    const placed: Placed[] = [];
    for (const member of members) {
      const next = this.#place(member, node);
      if (next === null) break;
      node.add({ uid: next.pod.uid, kind: 'held', claim: next.claim, needs: next.pod.needs, unclaimed: false });
      placed.push(next);
    }
    for (const { pod } of placed) node.remove(pod.uid);
    return placed.length === members.length ? placed : null;
  }

  #place(member: Placed, node: NodeInfo): Placed | null {
    const { pod } = member;
    if (node.lacks(pod.needs) !== null) return null;
    if (member.claim === null) return member;
    const { shape } = this.#board.indexOf(pod, false);
    if (!allows(shape, node, { work: 0 })) return null;
    const found = placeOn(shape, node, this.#board.outlook());
    return found.fits ? { ...member, claim: found.claim } : null;
  }
}
