/**
 * Places kept ahead that cannot be kept any more: the node is gone, its devices fell ill, somebody uses them without a claim. Nobody is
 * sent there, and who waits behind it is placed anew. Holds are asked about again and again, thousands of them, so one is looked at
 * only where its node or its pod has changed since it was found to stand.
 */
import type { PodFacts } from '../core/placement/pod-facts.ts';
import type { Hold } from './holds.ts';
import type { Picture } from './picture.ts';
import type { Shapes } from './shapes.ts';
import { objectionTo } from './stands.ts';

export class Untenable {
  readonly #picture: Picture;
  readonly #shapes: Shapes;
  /** for the pod, and at the stamp of the node, at which it was found to stand */
  #seen = new WeakMap<Hold, { readonly pod: PodFacts; readonly stamp: number }>();

  constructor(picture: Picture, shapes: Shapes) {
    this.#picture = picture;
    this.#shapes = shapes;
  }

  beginAnew(): void {
    this.#seen = new WeakMap();
  }

  /** It may still be bound, as far as its node and its pod are known. */
  stands(hold: Hold): boolean {
    const { nodes } = this.#picture;
    const node = nodes.get(hold.node);
    if (node === undefined) return false;
    const pod = this.#picture.pod(hold.pod.uid) ?? hold.pod;
    const stamp = nodes.verdicts.stamp(node.slot);
    const last = this.#seen.get(hold);
    if (last?.pod === pod && last.stamp === stamp) return true;
    const stands = objectionTo(hold, pod, this.#picture, this.#shapes) === null;
    if (stands) this.#seen.set(hold, { pod, stamp });
    return stands;
  }

  /** Ends what cannot be kept; gangs' plans whole. */
  drop(): void {
    for (const hold of [...this.#picture.holds.values()]) {
      if (hold.cause !== 'planned' || hold.state !== 'open') continue;
      // it may have ended with the plan that it was part of
      if (this.#picture.holds.get(hold.pod.uid) !== hold || this.stands(hold)) continue;
      this.#picture.endHold(hold);
    }
  }
}
