/**
 * What filter answers, and what it holds by answering. A pod that has a hold is told of it again while it stands; otherwise a gang's
 * member has its whole gang planned, and any other pod is given the best node offered.
 */
import type { GpuRequest } from '../core/gpu/request.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import type { Ahead } from './ahead.ts';
import { bestOffered } from './best.ts';
import type { FilterAnswer } from './decider.ts';
import { type Hold, openHold } from './holds.ts';
import type { Offered } from './offered.ts';
import type { Parts } from './parts.ts';
import { passThrough } from './pass-through.ts';
import { answer, refuseAll } from './refusals.ts';
import { objectionTo } from './stands.ts';

/** How often a gang is planned anew within one filter call, because kube-scheduler refuses what was planned. */
const REPLANS = 3;
/** kube-scheduler tries the members of its own pod groups one after the other, and does not say when it takes all of that back, ms. */
const NATIVE_HOLD_MS = 10_000;

export class Filtering {
  readonly #parts: Parts;
  readonly #ahead: Ahead;

  constructor(parts: Parts, ahead: Ahead) {
    this.#parts = parts;
    this.#ahead = ahead;
  }

  filter(pod: PodFacts, offered: Offered, shortList: number): FilterAnswer {
    const { picture, planning, awaiting } = this.#parts;
    const bound = picture.pod(pod.uid)?.nodeName ?? null;
    if (bound !== null) return answer(offered.includes(bound) ? [bound] : [], []);
    const guarded = this.#parts.guarded(pod);
    if (guarded !== null || pod.ask.kind === 'invalid') return passThrough(pod, offered, picture.nodes, guarded);

    const hold = picture.holds.get(pod.uid);
    if (hold !== undefined && hold.cause !== 'awaiting') {
      const confirmed = this.#confirm(hold, pod, offered);
      if (confirmed !== null) return confirmed;
      if (hold.state !== 'open') return refuseAll(offered, 'bind-pending');
      if (this.#isElsewhere(hold, pod, offered)) return this.#redirect(pod, offered);
      this.#giveUp(hold, pod, offered);
    }
    const gang = planning.gangOf(pod);
    const asMember = gang === null ? null : this.#asMember(gang, pod, offered);
    if (asMember !== null) return asMember;
    const near = planning.near(pod);
    if (pod.ask.kind !== 'request') return passThrough(pod, offered, picture.nodes, guarded, near);
    awaiting.settle();
    return this.#decide({ pod, near }, pod.ask.request, offered, shortList, picture.holds.get(pod.uid) ?? null);
  }

  /** The answer for a pod that has a hold already, null when the hold cannot stand any more or its node is not offered. */
  #confirm(hold: Hold, pod: PodFacts, offered: Offered): FilterAnswer | null {
    const { picture, shapes, clock, planning } = this.#parts;
    const node = picture.nodes.get(hold.node);
    if (node === undefined || !offered.has(node.slot) || objectionTo(hold, pod, picture, shapes) !== null) return null;
    // where a gang said how long it may take, asking again and again for one of its members does not move that
    const said = hold.gang !== null && (planning.standing(hold.gang)?.waitSeconds ?? null) !== null;
    if (hold.state === 'open' && !said) hold.deadline = clock.monotonic() + this.#holdMs(pod);
    // the next-best ones were not held: others may have taken their room since
    const index = pod.ask.kind === 'request' && hold.ranked.length > 1 ? shapes.indexOf(pod, pod.ask.request) : null;
    const stillFits = (name: string): boolean => {
      const other = picture.nodes.get(name);
      return (
        index !== null && other !== undefined && offered.has(other.slot) && shapes.fitCode(index, pod, other) === null
      );
    };
    return answer(
      hold.ranked.filter((name) => name === hold.node || stillFits(name)),
      [],
    );
  }

  /** A place kept on a node that kube-scheduler has only not looked at: it does not know of the nomination yet. */
  #isElsewhere(hold: Hold, pod: PodFacts, offered: Offered): boolean {
    const { picture, shapes, placer } = this.#parts;
    if (!placer || hold.cause !== 'planned' || pod.nominatedNode === hold.node) return false;
    const node = picture.nodes.get(hold.node);
    return node !== undefined && !offered.has(node.slot) && objectionTo(hold, pod, picture, shapes) === null;
  }

  /** The nomination will make kube-scheduler come back for the node that is held. */
  #redirect(pod: PodFacts, offered: Offered): FilterAnswer {
    this.#parts.planned([pod]);
    return this.#parts.refusals.elsewhere(offered);
  }

  /** The hold cannot be confirmed: it ends, a gang's whole plan with it. A planned node that is not offered was refused in-tree. */
  #giveUp(hold: Hold, pod: PodFacts, offered: Offered): void {
    const { picture, planning, placer } = this.#parts;
    const node = picture.nodes.get(hold.node);
    const tried = !placer || pod.nominatedNode === hold.node;
    if (hold.cause === 'planned' && node !== undefined && !offered.has(node.slot) && tried)
      planning.bar(hold.pod.uid, hold.node);
    picture.endHold(hold);
  }

  /**
   * A gang starts whole: the first member that is asked for has all of them planned, the others find their holds. null: the gang
   * has started, this one stands for itself.
   */
  #asMember(gang: string, pod: PodFacts, offered: Offered): FilterAnswer | null {
    const { picture, planning, refusals, planned } = this.#parts;
    for (let attempt = 0; attempt < REPLANS; attempt++) {
      const outcome = planning.planGang(gang);
      if (outcome.kind === 'started') return null;
      if (outcome.kind === 'refused') return refusals.waiting(outcome.code, pod, offered);
      planned(outcome.refused.filter(({ uid }) => uid !== pod.uid));
      const hold = picture.holds.get(pod.uid);
      // there are more members than must start together, and this one is not among them
      if (hold === undefined) return null;
      const confirmed = this.#confirm(hold, pod, offered);
      if (confirmed !== null) return confirmed;
      if (this.#isElsewhere(hold, pod, offered)) return this.#redirect(pod, offered);
      this.#giveUp(hold, pod, offered);
    }
    return refusals.waiting('gang-dropped', pod, offered);
  }

  /** `near`: the pod as its gang binds it to a domain. What is held is held for the pod itself. */
  #decide(
    { pod, near }: { readonly pod: PodFacts; readonly near: PodFacts },
    request: GpuRequest,
    offered: Offered,
    shortList: number,
    awaiting: Hold | null,
  ): FilterAnswer {
    const { picture, shapes, refusals, placer } = this.#parts;
    if (awaiting !== null) {
      const here = this.#takeAwaited(awaiting, pod, request, offered);
      if (here !== null) return here;
    }
    const index = shapes.indexOf(near, request);
    const count = Math.max(1, shortList);
    let fits = bestOffered(index, picture.nodes, pod, offered, count);
    if (fits.length === 0 && index.incomplete) {
      index.compare(offered.slots);
      fits = bestOffered(index, picture.nodes, pod, offered, count);
    }
    // a pod group's cycle goes by what it is answered, here and now: nobody would come back for a nomination
    if (placer && !isNative(pod)) {
      if (pod.nominatedNode === null && this.#ahead.placeBetter(index, pod, offered, fits[0] ?? null))
        return this.#redirect(pod, offered);
      if (fits.length === 0) fits = this.#ahead.takeOver(index, near, offered);
    }
    if (fits.length > 0) {
      const claim = shapes.claimOn(index, fits[0]!);
      if (claim !== null) {
        const names = fits.map((node) => node.name);
        this.#hold(pod, claim, names);
        return answer(names, []);
      }
    }
    if (isNative(pod)) this.#endCycle(pod);
    return refusals.byNode(index, pod, offered, awaiting);
  }

  /**
   * If its pod group cannot have its minimum without it, kube-scheduler takes back what the other members were answered, and does not
   * say so: it is free for others at once. A Binding that comes all the same is decided anew (binding.ts).
   */
  #endCycle(pod: PodFacts): void {
    const { picture } = this.#parts;
    const gang = picture.gangs.of(pod.uid);
    const minimum = gang?.objects.get('native')?.minMember ?? 0;
    const others = [...(gang?.members.values() ?? [])].filter(({ uid }) => uid !== pod.uid);
    if (others.filter(({ terminal, terminating }) => !terminal && !terminating).length >= minimum) return;
    for (const { uid } of others) {
      const hold = picture.holds.get(uid);
      if (hold?.cause === 'tentative' && hold.state === 'open') picture.dropHold(uid);
    }
  }

  /** The preemptor comes back to the node that was freed for it: its own reservation does not stand in its way. */
  #takeAwaited(awaiting: Hold, pod: PodFacts, request: GpuRequest, offered: Offered): FilterAnswer | null {
    const { picture, shapes } = this.#parts;
    const node = picture.nodes.get(awaiting.node);
    if (node === undefined || !offered.has(node.slot)) return null;
    picture.dropHold(pod.uid);
    const index = shapes.indexOf(pod, request);
    if (shapes.fitCode(index, pod, node) === null) {
      const claim = shapes.claimOn(index, node);
      if (claim !== null) {
        this.#hold(pod, claim, [node.name]);
        return answer([node.name], []);
      }
    }
    picture.putHold(awaiting);
    return null;
  }

  #hold(pod: PodFacts, claim: Hold['claim'], ranked: readonly string[]): void {
    const { picture, clock } = this.#parts;
    const hold = { pod, node: ranked[0]!, claim, cause: 'tentative', ranked } as const;
    picture.putHold(openHold(hold, clock.monotonic(), this.#holdMs(pod)));
  }

  #holdMs(pod: PodFacts): number {
    const { holdMs } = this.#parts;
    return isNative(pod) ? Math.min(holdMs, NATIVE_HOLD_MS) : holdMs;
  }
}

const isNative = ({ gangSaid }: PodFacts): boolean => gangSaid?.dialect === 'native';
