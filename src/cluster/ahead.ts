/**
 * Single pods decided ahead of kube-scheduler, and plans found on pods after a restart. The same decision as filter's, over all
 * nodes instead of those offered; gangs are planned in planning.ts.
 */
import type { Claim } from '../core/gpu/claim.ts';
import type { GpuRequest } from '../core/gpu/request.ts';
import { allows, isAsGoodAs } from '../core/placement/judge.ts';
import type { NodeInfo } from '../core/placement/node-info.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import type { ShapeIndex } from '../core/placement/shape-index.ts';
import { StartedRoom, takes } from '../core/placement/started-room.ts';
import type { ReasonCode } from '../core/reasons.ts';
import type { PreemptAnswer } from './decider.ts';
import { inLine } from './gangs/standing.ts';
import { type Hold, openHold } from './holds.ts';
import type { Offered } from './offered.ts';
import type { Parts } from './parts.ts';
import type { PodOutcome } from './planner.ts';
import { correctVictims } from './preemption.ts';
import { objectionTo } from './stands.ts';
import { takeOver } from './takeover.ts';

/** Which of the reasons that nodes give is told where one must do: the nearest to fitting. Those not listed come last. */
const NEAREST: readonly ReasonCode[] = [
  'victims-terminating',
  'gpu-awaited',
  'gpu-fragmented',
  'resources-full',
  'gpu-full',
  'gpu-topology',
  'gpu-unknown-use',
  'gpu-not-compared',
  'resources-too-small',
  'gpu-too-few',
  'gpu-too-small',
  'gpu-model',
  'node-not-ready',
  'node-cordoned',
  'node-taint',
  'node-selector',
];

const FREE: PodOutcome = { kind: 'not-ours' };
const SETTLED: PodOutcome = { kind: 'settled' };

/** Where fewer wait, the way round by a nomination delays nobody. */
const HURRY = 10;
/** Fresh nodes have room for this many times what waits, and are one part in so many of the cluster: they do not become scarce by it. */
const PLENTY = 2;
/** Started nodes may have one part in so many of the room of fresh ones. */
const FEW = 100;

/** Of one search for victims, units (core/gpu/work.ts): all other callers wait meanwhile. The next one goes on where it stopped. */
const EVICT_WORK = 60_000;

export class Ahead {
  readonly #parts: Parts;
  readonly #started = new StartedRoom();
  /** node at which the next search for victims begins: where the last one stopped when it could not look at all of them */
  #evictFrom = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  planPod(pod: PodFacts): PodOutcome {
    const { picture, shapes, planning, awaiting, guarded } = this.#parts;
    if (pod.nodeName !== null || pod.terminating || pod.terminal) return SETTLED;
    const before = picture.holds.get(pod.uid);
    if ((before !== undefined && before.cause !== 'awaiting') || planning.isOnTheSpot(pod.uid)) return SETTLED;
    const { ask } = pod;
    if (ask.kind === 'none' || ask.kind === 'unmanaged') return FREE;
    if (ask.kind === 'invalid') return refused(ask.mig ? 'mig-unsupported' : 'request-invalid');
    const barred = guarded(pod);
    if (barred !== null) return refused(barred);
    awaiting.settle();
    const kept = picture.holds.get(pod.uid);
    if (kept !== undefined) return this.#takeAwaited(kept, pod, ask.request);
    const near = planning.near(pod);
    const index = shapes.indexOf(near, ask.request);
    const best = this.#bestOfAll(index, pod) ?? this.takeOver(index, near, null)[0] ?? null;
    const hold = best === null ? null : this.#plan(index, pod, best);
    return hold === null ? refused(this.#nearest(index, pod)) : { kind: 'planned', hold };
  }

  /** The best node of the whole cluster with room for all the pod needs, but for those that kube-scheduler refused for it. */
  #bestOfAll(index: ShapeIndex, pod: PodFacts): NodeInfo | null {
    const { picture, planning } = this.#parts;
    const find = (): NodeInfo | null => {
      let found: NodeInfo | null = null;
      index.ranking.walk((slot) => {
        const node = picture.nodes.at(slot);
        if (node !== null && node.lacks(pod.needs) === null && !planning.isBarred(pod.uid, node.name)) found = node;
        return found === null;
      });
      return found;
    };
    const found = find();
    if (found !== null || !index.incomplete) return found;
    index.compare(picture.nodes.ordered);
    return find();
  }

  /** The offered node (null: any) on which only holds of later pods were in the way, now without them; [] when there is none. */
  takeOver({ shape }: ShapeIndex, pod: PodFacts, offered: Offered | null): NodeInfo[] {
    const { picture, planning, shapes } = this.#parts;
    const allowed = ({ slot, name }: NodeInfo): boolean =>
      offered === null ? !planning.isBarred(pod.uid, name) : offered.has(slot);
    const node = takeOver(picture, pod, shape, allowed);
    // what changed with it is judged again before anybody asks for a claim
    if (node !== null && pod.ask.kind === 'request') shapes.indexOf(pod, pod.ask.request);
    return node === null ? [] : [node];
  }

  /** Holds the best node of all for a pod that was offered only worse ones. False: what it was offered is as good, or nothing fits. */
  placeBetter(index: ShapeIndex, pod: PodFacts, offered: Offered, offeredBest: NodeInfo | null): boolean {
    if (this.#parts.planning.isOnTheSpot(pod.uid)) return false;
    const best = this.#bestOfAll(index, pod);
    if (best === null || offered.has(best.slot)) return false;
    const { ranking, shape } = index;
    if (offeredBest !== null) {
      if (isAsGoodAs(shape.nodePolicy, ranking.value(offeredBest.slot), ranking.value(best.slot))) return false;
      if (this.#startsNodesAnyway(pod)) return false;
    }
    return this.#plan(index, pod, best) !== null;
  }

  /**
   * Others wait behind it, fresh nodes have plenty for all that waits, and the room left on started ones is little, or will be taken by those
   * that wait: which node comes first does not matter, all of them will be filled before fresh ones become scarce.
   */
  #startsNodesAnyway({ ask, uid }: PodFacts): boolean {
    if (ask.kind !== 'request') return false;
    const { queued } = this.#parts.picture;
    return this.#isLittleRoom(takes(ask.request).largest, queued.milli - queued.milliOf(uid));
  }

  /** As it is now, whatever part of the nodes kube-scheduler offers will do: most pods need no other place than one of those. */
  get samplesDo(): boolean {
    return this.#isLittleRoom(1, this.#parts.picture.queued.milli);
  }

  /** `largest`: thousandths that a GPU must have left to count; `behind`: thousandths that those take who come next. */
  #isLittleRoom(largest: number, behind: number): boolean {
    const { picture } = this.#parts;
    const { milli, pods } = picture.queued;
    if (pods < HURRY) return false;
    this.#started.refresh(picture.nodes);
    const { freshMilli, allMilli } = this.#started;
    if (PLENTY * milli > freshMilli || allMilli > PLENTY * freshMilli) return false;
    return FEW * (this.#started.startedMilli(largest) - behind) < freshMilli;
  }

  /** Holds the pod's place on this node. null: it does not fit. */
  #plan(index: ShapeIndex, pod: PodFacts, node: NodeInfo): Hold | null {
    const { shapes, picture, clock, holdMs } = this.#parts;
    const claim = shapes.claimOn(index, node);
    if (claim === null) return null;
    const hold = openHold({ pod, node: node.name, claim, cause: 'planned' }, clock.monotonic(), holdMs);
    picture.putHold(hold);
    return hold;
  }

  /** Its victims are gone, or are not: what is kept for it stays with it either way. */
  #takeAwaited(kept: Hold, pod: PodFacts, request: GpuRequest): PodOutcome {
    const { picture, shapes } = this.#parts;
    const node = picture.nodes.get(kept.node);
    if (node?.facts == null) return refused('node-unknown');
    // on a copy: asked again and again while they end, it must not look as if something came free each time
    const trial = node.copy();
    trial.remove(pod.uid);
    const { shape } = shapes.indexOf(pod, request);
    if (!allows(shape, trial, { work: 0 }) || trial.lacks(pod.needs) !== null) return refused('victims-terminating');
    picture.dropHold(pod.uid);
    const hold = this.#plan(shapes.indexOf(pod, request), pod, node);
    if (hold !== null) return { kind: 'planned', hold };
    picture.putHold(kept);
    return refused('victims-terminating');
  }

  /**
   * Victims anywhere in the cluster, for a pod that fits nowhere; their devices are kept for it. kube-scheduler never asks for them where
   * free devices are only fragmented (control-plane contract: its own sums say that there is room).
   */
  evictFor(pod: PodFacts): PreemptAnswer | null {
    const { picture, shapes, planning, awaiting, guarded } = this.#parts;
    if (pod.nodeName !== null || pod.terminating || pod.neverPreempts || pod.ask.kind !== 'request') return null;
    if (guarded(pod) !== null || picture.holds.get(pod.uid) !== undefined) return null;
    awaiting.settle();
    const shape = shapes.shapeOf(planning.near(pod), pod.ask.request);
    const { nodes } = picture;
    const everywhere = Array.from(nodes.ordered, (slot) => ({ node: nodes.at(slot)!.name, victims: null }));
    const { best, next } = correctVictims(picture, pod, shape, everywhere, this.#evictFrom, EVICT_WORK);
    this.#evictFrom = next;
    if (best === null || best.claim === null) return null;
    awaiting.keep(pod, best);
    return best;
  }

  /** See Planner.unwritable. */
  unwritable(uid: string): void {
    const { picture, planning } = this.#parts;
    planning.onTheSpot(uid);
    const hold = picture.holds.get(uid);
    if (hold?.cause !== 'planned' || hold.state !== 'open') return;
    picture.endHold(hold);
  }

  /** Forgets where a search stopped. */
  beginAnew(): void {
    this.#evictFrom = 0;
  }

  /** O(nodes). */
  #nearest(index: ShapeIndex, pod: PodFacts): ReasonCode {
    const { nodes } = this.#parts.picture;
    const seen = new Set<ReasonCode>();
    for (const slot of nodes.ordered)
      seen.add(index.reason(slot) ?? nodes.at(slot)!.lacks(pod.needs) ?? 'resources-full');
    return NEAREST.find((code) => seen.has(code)) ?? [...seen].sort()[0] ?? 'gpu-none';
  }

  /** See Planner.restorePlans. In line order: where two plans do not go together, the first one stands. */
  restorePlans(wallMs: number): void {
    const { picture, planning } = this.#parts;
    const gangs = new Set<string>();
    for (const pod of [...picture.pods()].filter(({ plan }) => plan !== null).sort(inLine)) {
      const gang = this.#restore(pod, wallMs);
      if (gang !== null) gangs.add(gang);
    }
    for (const gang of gangs) {
      const outcome = planning.planGang(gang);
      // a member that is not there any more, or no room beside the others
      if (outcome.kind === 'refused') picture.dropPlan(gang);
    }
  }

  /** The key of the gang whose plan it is part of, null for others. */
  #restore(pod: PodFacts, wallMs: number): string | null {
    const { picture, planning, shapes, clock, holdMs, guarded } = this.#parts;
    const { plan } = pod;
    if (plan === null || plan === 'malformed' || pod.nodeName !== null || pod.terminating || pod.terminal) return null;
    if (picture.holds.get(pod.uid) !== undefined) return plan.gang;
    const left = Math.min(plan.until - wallMs, holdMs);
    const node = picture.nodes.get(plan.node);
    if (planning.isBarred(pod.uid, plan.node)) return null;
    if (left <= 0 || node?.facts == null || node.lacks(pod.needs) !== null) return null;
    if (plan.gang !== (plan.gang === null ? null : (pod.gangSaid?.key ?? null))) return null;
    if (plan.claim === null) {
      if (plan.gang === null) return null;
    } else if (pod.ask.kind !== 'request' || guarded(pod) !== null || !answers(plan.claim, pod.ask.request))
      return null;
    const hold = openHold({ ...plan, pod, cause: 'planned' }, clock.monotonic(), left);
    try {
      picture.putHold(hold);
    } catch {
      // LedgerError: somebody else has the devices, or a forged claim asks for more than there is
      return null;
    }
    if (objectionTo(hold, pod, picture, shapes) === null) return plan.gang;
    picture.dropHold(pod.uid);
    return null;
  }
}

/** As many devices for each container as it asks for. */
function answers(claim: Claim, { containers }: GpuRequest): boolean {
  return (
    claim.containers.length === containers.length &&
    containers.every(({ count }, at) => claim.containers[at]!.devices.length === count)
  );
}

const refused = (code: ReasonCode): PodOutcome => ({ kind: 'refused', code });
