/** Answers in which no node fits: why, node by node, or one reason for all. They are kept where they may be asked for again. */
import type { PodFacts } from '../core/placement/pod-facts.ts';
import type { ShapeIndex } from '../core/placement/shape-index.ts';
import type { ReasonCode } from '../core/reasons.ts';
import type { Clock } from '../kube/ports.ts';
import type { FilterAnswer, Refusal } from './decider.ts';
import type { Hold } from './holds.ts';
import type { Offered } from './offered.ts';
import type { Picture } from './picture.ts';

export class Refusals {
  readonly #picture: Picture;
  readonly #clock: Clock;
  readonly #elsewhere = new WeakMap<Offered, FilterAnswer>();
  /** the last answer of a shape to a list of names where nothing fitted: hopeless pods ask again and again */
  readonly #hopeless = new WeakMap<
    ShapeIndex,
    { generation: number; offered: Offered; answer: FilterAnswer; fragmented: boolean }
  >();

  constructor(picture: Picture, clock: Clock) {
    this.#picture = picture;
    this.#clock = clock;
  }

  /** The pod waits: no other node would do either. */
  waiting(code: ReasonCode, pod: PodFacts, offered: Offered): FilterAnswer {
    this.#picture.setWaiting(pod.uid, false, this.#clock.monotonic());
    return refuseAll(offered, code);
  }

  /** The nomination will make kube-scheduler come back for the node that is held. */
  elsewhere(offered: Offered): FilterAnswer {
    let refusal = this.#elsewhere.get(offered);
    if (refusal === undefined) {
      refusal = refuseAll(offered, 'placed-elsewhere');
      this.#elsewhere.set(offered, refusal);
    }
    return refusal;
  }

  byNode(index: ShapeIndex, pod: PodFacts, offered: Offered, awaiting: Hold | null): FilterAnswer {
    const generation = this.#picture.nodes.generation;
    const last = this.#hopeless.get(index);
    if (awaiting === null && last !== undefined && last.generation === generation && last.offered.sameSet(offered)) {
      this.#picture.setWaiting(pod.uid, last.fragmented, this.#clock.monotonic());
      return last.answer;
    }
    const refused: Refusal[] = [];
    let byShapeAlone = awaiting === null && !index.incomplete;
    // in node-name order, whatever the order of the offer: the answer may be given again for the same set of names
    for (const slot of offered.ordered()) {
      const node = this.#picture.nodes.at(slot)!;
      const shapeCode = index.reason(slot);
      if (shapeCode === null) byShapeAlone = false;
      const code =
        node.name === awaiting?.node ? 'victims-terminating' : (shapeCode ?? node.lacks(pod.needs) ?? 'gpu-full');
      refused.push({ node: node.name, code });
    }
    for (const node of offered.unknown()) refused.push({ node, code: 'node-unknown' });
    const result = answer([], refused);
    const fragmented = refused.some((refusal) => refusal.code === 'gpu-fragmented');
    if (byShapeAlone) this.#hopeless.set(index, { generation, offered, answer: result, fragmented });
    this.#picture.setWaiting(pod.uid, fragmented, this.#clock.monotonic());
    return result;
  }
}

export function answer(fits: readonly string[], refused: readonly Refusal[]): FilterAnswer {
  return { all: false, fits, refused };
}

export function refuseAll(offered: Offered, code: ReasonCode): FilterAnswer {
  return answer(
    [],
    offered.names.map((node) => ({ node, code })),
  );
}
