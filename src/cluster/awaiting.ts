/**
 * `awaiting` holds: what is kept for a pod while its victims end. They outlive a crash as kube-scheduler's nomination, follow the room
 * that comes free on their node, and go on for as long as a victim is on its way out.
 */
import type { PodFacts } from '../core/placement/pod-facts.ts';
import type { Clock } from '../kube/ports.ts';
import { type Hold, openHold } from './holds.ts';
import type { Picture } from './picture.ts';
import { type Preemption, reservedClaim } from './preemption.ts';
import type { Shapes } from './shapes.ts';

/**
 * How long it waits for its victims to begin to end, and for its preemptor to come once they are gone, ms. While they are ending it
 * goes on by itself, whatever their grace period.
 */
export const AWAIT_MS = 30_000;

export class Awaiting {
  readonly #picture: Picture;
  readonly #shapes: Shapes;
  readonly #clock: Clock;

  constructor(picture: Picture, shapes: Shapes, clock: Clock) {
    this.#picture = picture;
    this.#shapes = shapes;
    this.#clock = clock;
  }

  keep(pod: PodFacts, { node, claim, victims }: Pick<Preemption, 'node' | 'claim' | 'victims'>): void {
    this.#picture.putHold(
      openHold({ pod, node, claim, cause: 'awaiting', victims }, this.#clock.monotonic(), AWAIT_MS),
    );
  }

  /** The preemptor is nominated there, so it may still come, and a victim is on its way out: for gangs, a victim of any member. */
  goesOn(hold: Hold): boolean {
    if (hold.cause === 'awaiting' && hold.gang !== null)
      return this.#picture.holds.ofGang(hold.gang).some((one) => one.cause === 'awaiting' && this.#isEnding(one));
    const pod = this.#picture.pod(hold.pod.uid);
    if (hold.cause !== 'awaiting' || pod === undefined || pod.nominatedNode !== hold.node) return false;
    return this.#isEnding(hold);
  }

  /** What is kept for a gang is kept together. */
  prolong(hold: Hold, until: number): void {
    for (const one of hold.gang === null ? [hold] : this.#picture.holds.ofGang(hold.gang))
      if (one.cause === 'awaiting') one.deadline = until;
  }

  #isEnding(hold: Hold): boolean {
    return hold.victims.some((uid) => this.#picture.pod(uid)?.terminating);
  }

  /**
   * Room on its node may come free for a preemptor before all its victims are gone, and on other devices than theirs: pods end, and
   * an eviction may have failed. Then that room is what is kept for it, before anybody else is given it.
   */
  settle(): void {
    const { holds, nodes } = this.#picture;
    for (const hold of holds.awaiting()) {
      const node = nodes.get(hold.node);
      const pod = this.#picture.pod(hold.pod.uid) ?? hold.pod;
      // what is kept for a gang stays as it was planned: only all of it together is of use
      if (node?.facts == null || hold.victims.length === 0 || hold.gang !== null) continue;
      if (hold.settledAt === nodes.loads.stamp(node.slot)) continue;
      if (pod.ask.kind === 'request') {
        const found = reservedClaim(this.#picture, pod, this.#shapes.indexOf(pod, pod.ask.request).shape, node);
        const spared = hold.victims.some((uid) => {
          const victim = this.#picture.pod(uid);
          return victim?.nodeName === hold.node && !victim.terminating;
        });
        if (found !== null && (found.victims.length === 0 || spared)) this.keep(pod, { node: hold.node, ...found });
      }
      const now = holds.get(hold.pod.uid);
      if (now !== undefined) now.settledAt = nodes.loads.stamp(node.slot);
    }
  }

  /**
   * Nominations that are not those of a plan of ours become holds again, if there is room on that node, now or once those that are ending there are
   * gone. What is kept already for one of them has its full time again: while nobody decided it could not come (seed 9382 of the simulation).
   */
  restore(): void {
    const nominated = [...this.#picture.pods()].filter(
      (pod) =>
        pod.nodeName === null && pod.nominatedNode !== null && !isPlanned(pod) && !pod.terminating && !pod.terminal,
    );
    nominated.sort((a, b) => b.priority - a.priority || a.createdMs - b.createdMs || (a.uid < b.uid ? -1 : 1));
    for (const pod of nominated) {
      const kept = this.#picture.holds.get(pod.uid);
      if (kept?.cause === 'awaiting' && kept.node === pod.nominatedNode)
        this.prolong(kept, this.#clock.monotonic() + AWAIT_MS);
      if (pod.ask.kind !== 'request' || kept !== undefined) continue;
      const node = this.#picture.nodes.get(pod.nominatedNode!);
      if (node?.facts == null) continue;
      const reserved = reservedClaim(this.#picture, pod, this.#shapes.indexOf(pod, pod.ask.request).shape, node);
      if (reserved !== null) this.keep(pod, { node: node.name, ...reserved });
    }
  }
}

/** It is nominated where a plan on it says; a nomination elsewhere came later, with victims. */
const isPlanned = ({ plan, nominatedNode }: PodFacts): boolean =>
  plan !== null && (plan === 'malformed' || plan.node === nominatedNode);
