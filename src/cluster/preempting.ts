/** What preempt answers: who must give way to a pod, and on which node. The choice of victims itself is in preemption.ts. */
import type { PodFacts } from '../core/placement/pod-facts.ts';
import type { ReasonCode } from '../core/reasons.ts';
import type { PreemptAnswer, PreemptCandidate } from './decider.ts';
import { Offered } from './offered.ts';
import type { Parts } from './parts.ts';
import { passThrough } from './pass-through.ts';
import { correctVictims } from './preemption.ts';

export class Preempting {
  readonly #parts: Parts;
  /** candidate at which the next search begins: where the last one stopped when it could not look at all of them */
  #from = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  preempt(pod: PodFacts, candidates: readonly PreemptCandidate[]): readonly PreemptAnswer[] {
    const { picture, shapes, planning, awaiting } = this.#parts;
    if (pod.neverPreempts) return [];
    // its Binding may be on its way, or have landed: nothing of what it holds may be given up for another place
    const held = picture.holds.get(pod.uid);
    if ((held !== undefined && held.state !== 'open') || picture.pod(pod.uid)?.nodeName) return [];
    // what is evicted for one member does not start a gang
    const gang = planning.gangOf(pod);
    if (gang !== null && !planning.hasStarted(gang)) return [];
    const guarded = this.#parts.guarded(pod);
    if (guarded !== null || pod.ask.kind !== 'request') return this.#passVictims(pod, candidates, guarded);
    // Its victims are still there, by a watch that may be late: what was freed for it stays its own, and nobody is evicted elsewhere.
    const settled = held?.victims.some((uid) => picture.pod(uid)?.nodeName === held.node) ?? false;
    const where = settled ? candidates.filter(({ node }) => node === held?.node) : candidates;
    awaiting.settle();
    const { shape } = shapes.indexOf(planning.near(pod), pod.ask.request);
    const { best, next } = correctVictims(picture, pod, shape, where, this.#from);
    this.#from = next;
    if (best === null) return [];
    if (best.claim !== null) awaiting.keep(pod, best);
    return [{ node: best.node, victims: best.victims, pdbViolations: best.pdbViolations }];
  }

  /** Forgets where a search stopped. */
  beginAnew(): void {
    this.#from = 0;
  }

  /** kube-scheduler's own victims: it knows everything about them that counts here. */
  #passVictims(
    pod: PodFacts,
    candidates: readonly PreemptCandidate[],
    guarded: ReasonCode | null,
  ): readonly PreemptAnswer[] {
    const { nodes } = this.#parts.picture;
    const names = candidates.map(({ node }) => node);
    const { refused } = passThrough(pod, Offered.ofNames(names, nodes), nodes, guarded);
    const barred = new Set(refused.map(({ node }) => node));
    return candidates.flatMap(({ node, victims, pdbViolations = 0 }) =>
      victims === null || victims.length === 0 || barred.has(node) ? [] : [{ node, victims, pdbViolations }],
    );
  }
}
