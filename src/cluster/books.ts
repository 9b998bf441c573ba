/**
 * The decisions that verbs ask for, on the cached picture. Everything here is synchronous: kube-scheduler makes no reservation
 * between filter and bind, so filter itself holds what it promises, and no other call may come in between looking and holding.
 */
import { LRUCache } from 'lru-cache';
import { gpuMilliOf } from '../core/gpu/gpu-milli.ts';
import type { DevicePolicy, GpuRequest, NodePolicy } from '../core/gpu/request.ts';
import { claimStands } from '../core/gpu/stands.ts';
import { GPU_MILLI } from '../core/names.ts';
import { compileConstraints } from '../core/placement/constraints.ts';
import { judge, reasonOf } from '../core/placement/judge.ts';
import type { NodeInfo } from '../core/placement/node-info.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import type { Typical } from '../core/placement/policies/typical.ts';
import type { ShapeIndex } from '../core/placement/shape-index.ts';
import type { ReasonCode } from '../core/reasons.ts';
import type { Clock } from '../kube/ports.ts';
import type {
  BindPlan,
  Decider,
  ExplainRow,
  FilterAnswer,
  GangAtBind,
  GangExplained,
  GangRefusal,
  OfferedNodes,
  PreemptAnswer,
  PreemptCandidate,
  Refusal,
} from './decider.ts';
import { DryDecisions } from './dry.ts';
import { explainPod } from './explaining.ts';
import type { Hold, HoldCause } from './holds.ts';
import { Offered } from './offered.ts';
import { passThrough } from './pass-through.ts';
import type { Picture } from './picture.ts';
import { Planning } from './planning.ts';
import { correctVictims, reservedClaim } from './preemption.ts';
import { Shapes } from './shapes.ts';
import { podsToWake, WAKE_VISITS } from './waking.ts';

export type BooksConfig = {
  readonly nodePolicy: NodePolicy;
  readonly devicePolicy: DevicePolicy;
  /** how long a hold made by filter waits for its bind, ms */
  readonly holdMs: number;
  /** refuse pods on managed nodes whose containers lack our env (they would see every GPU of the node) */
  readonly envGuard: boolean;
};

export type BooksMemory = {
  readonly started: boolean;
  /** monotonic ms of the last filter */
  readonly askedAt: number;
  /** pods that only filter has shown, least recently seen first */
  readonly strangers: readonly PodFacts[];
};

/** Pods without GPUs are not held; their last filter is remembered for bind, this many of them. */
const SEEN_PODS = 10_000;
/**
 * How long an `awaiting` hold waits for its victims to begin to end, and for its preemptor to come once they are gone, ms. While
 * they are ending it goes on by itself, whatever their grace period.
 */
const AWAIT_MS = 30_000;
/** How often a gang is planned anew within one filter call, because kube-scheduler refuses what was planned. */
const REPLANS = 3;
/** Refused pods that the informer does not know are counted as waiting for so long, ms. */
const STRANGER_MS = 60_000;
/** A landed Binding that the informer does not show for so long is read back, ms. */
const LANDED_OVERDUE_MS = 30_000;

export class Books implements Decider {
  readonly picture: Picture;
  readonly #clock: Clock;
  readonly #config: BooksConfig;
  readonly #shapes: Shapes;
  readonly #planning: Planning;
  /** hears of waiting pods, refused before, that have a place now: kube-scheduler does not know and must be told */
  onPlanned: ((pods: readonly PodFacts[]) => void) | null = null;
  #started = false;
  readonly #dry: DryDecisions;
  /** candidate at which preempt begins: where it stopped when it could not look at all of them */
  #preemptFrom = 0;
  /** monotonic ms of the last filter */
  #askedAt = 0;
  readonly #seen = new LRUCache<string, PodFacts>({ maxSize: SEEN_PODS, sizeCalculation: () => 1 });
  /** the last answer of a shape to a list of names where nothing fitted: hopeless pods ask again and again */
  readonly #hopeless = new WeakMap<
    ShapeIndex,
    { generation: number; offered: Offered; answer: FilterAnswer; fragmented: boolean }
  >();

  /** `typical`: what is typically asked, for those who know it beforehand; otherwise it is learnt from what arrives. */
  constructor(picture: Picture, clock: Clock, config: BooksConfig, typical: Typical | null = null) {
    this.picture = picture;
    this.#shapes = new Shapes(picture.nodes, config, typical);
    this.#planning = new Planning(picture, this.#shapes, clock, {
      planMs: config.holdMs,
      mayCome: (pod) => pod.ask.kind !== 'invalid' && this.#guarded(pod) === null,
    });
    this.#clock = clock;
    this.#config = config;
    this.#dry = new DryDecisions(picture, config);
  }

  nodesVersion(): number {
    return this.picture.nodes.version;
  }

  resolve(names: readonly string[]): Offered {
    return Offered.ofNames(names, this.picture.nodes);
  }

  resolveBytes(list: Uint8Array): Offered | null {
    return Offered.ofBytes(list, this.picture.nodes);
  }

  filter(pod: PodFacts, offeredNodes: OfferedNodes, shortList: number): FilterAnswer {
    const offered = this.#current(offeredNodes);
    this.#askedAt = this.#clock.monotonic();
    if (!this.#seen.has(pod.uid)) this.#shapes.forecast.arrived(pod);
    this.#seen.set(pod.uid, pod);
    const bound = this.picture.pod(pod.uid)?.nodeName ?? null;
    if (bound !== null) return answer(offered.includes(bound) ? [bound] : [], []);
    const guarded = this.#guarded(pod);
    if (guarded !== null || pod.ask.kind === 'invalid') return passThrough(pod, offered, this.picture.nodes, guarded);

    const hold = this.picture.holds.get(pod.uid);
    if (hold !== undefined && hold.cause !== 'awaiting') {
      const confirmed = this.#confirm(hold, pod, offered);
      if (confirmed !== null) return confirmed;
      if (hold.state !== 'open') return answer([], refuseAll(offered, 'bind-pending'));
      this.#giveUp(hold, offered);
    }
    const gang = this.#planning.gangOf(pod);
    const asMember = gang === null ? null : this.#asMember(gang, pod, offered);
    if (asMember !== null) return asMember;
    if (pod.ask.kind !== 'request') return passThrough(pod, offered, this.picture.nodes, guarded);
    this.#settleAwaiting();
    const awaiting = this.picture.holds.get(pod.uid) ?? null;
    return this.#decide(pod, pod.ask.request, offered, shortList, awaiting);
  }

  dry(pod: PodFacts, offeredNodes: OfferedNodes, shortList: number): FilterAnswer {
    return this.#dry.decide(pod, this.#current(offeredNodes), shortList, this.#guarded(pod), this.#shapes.forecast);
  }

  /** The hold cannot be confirmed: it ends, a gang's whole plan with it. A planned node that is not offered was refused in-tree. */
  #giveUp(hold: Hold, offered: Offered): void {
    const node = this.picture.nodes.get(hold.node);
    if (hold.cause === 'planned' && node !== undefined && !offered.has(node.slot))
      this.#planning.bar(hold.pod.uid, hold.node);
    if (hold.gang === null) this.picture.dropHold(hold.pod.uid);
    else this.picture.dropPlan(hold.gang);
  }

  /**
   * A gang starts whole: the first member that is asked for has all of them planned, the others find their holds. null: the gang
   * has started, this one stands for itself.
   */
  #asMember(gang: string, pod: PodFacts, offered: Offered): FilterAnswer | null {
    for (let attempt = 0; attempt < REPLANS; attempt++) {
      const outcome = this.#planning.planGang(gang);
      if (outcome.kind === 'started') return null;
      if (outcome.kind === 'refused') return this.#refuseAs(outcome.code, pod, offered);
      this.onPlanned?.(outcome.refused.filter(({ uid }) => uid !== pod.uid));
      const hold = this.picture.holds.get(pod.uid);
      // there are more members than must start together, and this one is not among them
      if (hold === undefined) return null;
      const confirmed = this.#confirm(hold, pod, offered);
      if (confirmed !== null) return confirmed;
      this.#giveUp(hold, offered);
    }
    return this.#refuseAs('gang-dropped', pod, offered);
  }

  #refuseAs(code: ReasonCode, pod: PodFacts, offered: Offered): FilterAnswer {
    this.picture.setWaiting(pod.uid, false, this.#clock.monotonic());
    return answer([], refuseAll(offered, code));
  }

  prioritize(pod: PodFacts, offeredNodes: OfferedNodes): readonly { node: string; score: number }[] {
    const offered = this.#current(offeredNodes);
    const ranked = this.picture.holds.get(pod.uid)?.ranked;
    if (ranked !== undefined) {
      const place = new Map(ranked.map((node, at) => [node, at]));
      return offered.names.map((node) => ({ node, score: Math.max(0, 10 - (place.get(node) ?? 10)) }));
    }
    return this.#withoutGpus(pod, offered);
  }

  /**
   * A pod without GPUs leaves the nodes that have them to others. Where only such nodes are offered, the one that loses least
   * by it, in the eyes of the node policy, is half as good. The others are left out: thousands of zeros cost more than the decision.
   */
  #withoutGpus(pod: PodFacts, offered: Offered): readonly { node: string; score: number }[] {
    const others: { node: string; score: number }[] = [];
    for (const [at, slot] of offered.slots.entries())
      if (!this.picture.nodes.at(slot)?.facts?.managed) others.push({ node: offered.nameAt(at), score: 10 });
    if (pod.ask.kind !== 'none' || others.length > 0) return others;
    const best = this.#best(this.#shapes.indexOf(pod, null), pod, offered, 1)[0]?.name;
    return best === undefined ? [] : [{ node: best, score: 5 }];
  }

  preempt(pod: PodFacts, candidates: readonly PreemptCandidate[]): readonly PreemptAnswer[] {
    if (pod.neverPreempts) return [];
    // its Binding may be on its way, or have landed: nothing of what it holds may be given up for another place
    const held = this.picture.holds.get(pod.uid);
    if ((held !== undefined && held.state !== 'open') || this.picture.pod(pod.uid)?.nodeName) return [];
    // what is evicted for one member does not start a gang
    const gang = this.#planning.gangOf(pod);
    if (gang !== null && !this.#planning.hasStarted(gang)) return [];
    const guarded = this.#guarded(pod);
    if (guarded !== null || pod.ask.kind !== 'request') return this.#passVictims(pod, candidates, guarded);
    // Its victims are still there, by a watch that may be late: what was freed for it stays its own, and nobody is evicted elsewhere.
    const settled = held?.victims.some((uid) => this.picture.pod(uid)?.nodeName === held.node) ?? false;
    const where = settled ? candidates.filter(({ node }) => node === held?.node) : candidates;
    this.#settleAwaiting();
    const { shape } = this.#shapes.indexOf(pod, pod.ask.request);
    const { best, next } = correctVictims(this.picture, pod, shape, where, this.#preemptFrom);
    this.#preemptFrom = next;
    if (best === null) return [];
    if (best.claim !== null) {
      this.#hold(pod, best.node, best.claim, 'awaiting', {
        victims: best.victims,
        deadline: this.#clock.monotonic() + AWAIT_MS,
      });
    }
    return [{ node: best.node, victims: best.victims, pdbViolations: best.pdbViolations }];
  }

  /** kube-scheduler's own victims: it knows everything about them that counts here. */
  #passVictims(
    pod: PodFacts,
    candidates: readonly PreemptCandidate[],
    guarded: ReasonCode | null,
  ): readonly PreemptAnswer[] {
    const offered = this.resolve(candidates.map(({ node }) => node));
    const { refused } = passThrough(pod, offered, this.picture.nodes, guarded);
    const barred = new Set(refused.map(({ node }) => node));
    return candidates.flatMap(({ node, victims, pdbViolations = 0 }) =>
      victims === null || victims.length === 0 || barred.has(node) ? [] : [{ node, victims, pdbViolations }],
    );
  }

  beginBind(ref: { uid: string; namespace: string; name: string }, nodeName: string): BindPlan {
    const hold = this.picture.holds.get(ref.uid);
    if (hold?.state === 'binding' || hold?.state === 'unknown') return { kind: 'refuse', code: 'bind-in-flight' };
    if (hold?.state === 'landed') return { kind: 'already-bound', node: hold.node };
    const known = this.picture.pod(ref.uid);
    if (known?.nodeName) return { kind: 'already-bound', node: known.nodeName };
    if (known?.terminating) return { kind: 'refuse', code: 'pod-terminating' };
    const pod = known ?? hold?.pod ?? this.#seen.get(ref.uid);
    if (pod === undefined) return { kind: 'refuse', code: 'pod-unknown' };
    const node = this.picture.nodes.get(nodeName);
    if (node?.facts == null) return { kind: 'refuse', code: 'node-unknown' };
    const planned = hold?.cause === 'planned' && hold.claim === null;
    if (!planned && (pod.ask.kind !== 'request' || this.#guarded(pod) !== null)) {
      const [refusal] = passThrough(pod, this.resolve([nodeName]), this.picture.nodes, this.#guarded(pod)).refused;
      return refusal === undefined ? { kind: 'bind', claim: null } : { kind: 'refuse', code: refusal.code };
    }
    if (hold !== undefined && hold.cause !== 'awaiting' && hold.node === nodeName && this.#stands(hold, pod) === null) {
      this.picture.holds.move(hold, 'binding', this.#clock.monotonic());
      return { kind: 'bind', claim: hold.claim };
    }
    if (pod.ask.kind !== 'request') return { kind: 'refuse', code: 'gang-dropped' };
    return this.#moveAndBind(pod, pod.ask.request, node);
  }

  gangAtBind(uid: string): GangAtBind | null {
    const pod = this.picture.pod(uid) ?? this.picture.holds.get(uid)?.pod ?? this.#seen.get(uid);
    const gang = pod === undefined ? null : this.#planning.gangOf(pod);
    return gang === null ? null : this.#planning.atBind(gang);
  }

  awaitAtBind(uid: string, node: string, untilMs: number): boolean {
    const hold = this.picture.holds.get(uid);
    if (hold === undefined || hold.state !== 'open' || hold.cause === 'awaiting') return false;
    // planned anew meanwhile, and elsewhere: kube-scheduler must ask again
    if (hold.node !== node) return false;
    if (this.#stands(hold, this.picture.pod(uid) ?? hold.pod) !== null) return false;
    // a plan lives as a whole: those that are still on their way must not end it meanwhile
    const until = this.#clock.monotonic() + untilMs;
    for (const one of hold.gang === null ? [hold] : this.picture.holds.ofGang(hold.gang))
      if (one.deadline !== null) one.deadline = Math.max(one.deadline, until);
    return true;
  }

  dropPlan(gang: string): void {
    this.picture.dropPlan(gang);
    // members decided for themselves while the gang ran, which does not any more: filter would confirm them for ever
    for (const uid of this.picture.gangs.get(gang)?.members.keys() ?? []) {
      const hold = this.picture.holds.get(uid);
      if (hold?.state === 'open' && hold.cause === 'tentative') this.picture.dropHold(uid);
    }
  }

  bindLanded(uid: string): void {
    const hold = this.picture.holds.get(uid);
    if (hold !== undefined) this.picture.holds.move(hold, 'landed', this.#clock.monotonic());
  }

  bindRefused(uid: string): void {
    this.picture.dropHold(uid);
  }

  bindUnknown(uid: string): void {
    const hold = this.picture.holds.get(uid);
    if (hold !== undefined) this.picture.holds.move(hold, 'unknown', this.#clock.monotonic());
  }

  bindReadBack(uid: string, node: string | null): void {
    const hold = this.picture.holds.get(uid);
    if (hold === undefined) return;
    if (hold.node === node) this.picture.holds.move(hold, 'landed', this.#clock.monotonic());
    else this.picture.dropHold(uid);
  }

  /** Ends holds past their deadline; an `awaiting` one goes on while a victim is ending for it. Call about once a second. */
  sweep(): void {
    const now = this.#clock.monotonic();
    for (const hold of this.picture.holds.expired(now)) {
      if (this.#awaitsStill(hold)) hold.deadline = now + AWAIT_MS;
      else if (hold.gang === null) this.picture.dropHold(hold.pod.uid);
      else this.picture.dropPlan(hold.gang);
    }
    this.picture.forgetStrangers(now - STRANGER_MS);
  }

  /** kube-scheduler took our word (the preemptor is nominated there and may still come) and a victim is on its way out. */
  #awaitsStill(hold: Hold): boolean {
    const pod = this.picture.pod(hold.pod.uid);
    if (hold.cause !== 'awaiting' || pod === undefined || pod.nominatedNode !== hold.node) return false;
    return hold.victims.some((uid) => this.picture.pod(uid)?.terminating);
  }

  /** Refused pods that would fit somewhere by now and that kube-scheduler does not try by itself (waking.ts). Call about once a second. */
  toWake(): readonly PodFacts[] {
    return podsToWake(this.picture, this.#clock.monotonic(), this.#askedAt, (pod) => this.#fitsSomewhere(pod));
  }

  #fitsSomewhere(pod: PodFacts): boolean {
    if (pod.nodeName !== null || pod.terminating || pod.gated || this.#guarded(pod) !== null) return false;
    const gang = this.#planning.gangOf(pod);
    if (gang !== null) {
      const outcome = this.#planning.planGang(gang);
      if (outcome.kind === 'planned') this.onPlanned?.(outcome.refused);
      if (outcome.kind !== 'started') return false;
    }
    if (pod.ask.kind !== 'request') return false;
    // its own reservation does not stand in its way
    const awaiting = this.picture.holds.get(pod.uid);
    if (awaiting !== undefined) this.picture.dropHold(pod.uid);
    const index = this.#shapes.indexOf(pod, pod.ask.request);
    let fits = false;
    let visits = 0;
    index.ranking.walk((slot) => {
      fits = this.picture.nodes.at(slot)?.lacks(pod.needs) === null;
      return !fits && ++visits < WAKE_VISITS;
    });
    if (awaiting !== undefined) this.picture.putHold(awaiting);
    return fits;
  }

  /** Pods whose Binding landed long ago by the API server's word, and that the informer still does not show bound. */
  overdue(): readonly PodFacts[] {
    return this.picture.holds.overdue(this.#clock.monotonic(), LANDED_OVERDUE_MS).map((hold) => hold.pod);
  }

  /**
   * Room on its node may come free for a preemptor before all its victims are gone, and on other devices than theirs: pods end, and
   * an eviction may have failed. Then that room is what is kept for it, before anybody else is given it.
   */
  #settleAwaiting(): void {
    for (const hold of this.picture.holds.awaiting()) {
      const node = this.picture.nodes.get(hold.node);
      const pod = this.picture.pod(hold.pod.uid) ?? hold.pod;
      if (node?.facts == null || hold.victims.length === 0) continue;
      if (hold.settledAt === this.picture.nodes.loads.stamp(node.slot)) continue;
      if (pod.ask.kind === 'request') {
        const found = reservedClaim(this.picture, pod, this.#shapes.indexOf(pod, pod.ask.request).shape, node);
        const spared = hold.victims.some((uid) => {
          const victim = this.picture.pod(uid);
          return victim?.nodeName === hold.node && !victim.terminating;
        });
        if (found !== null && (found.victims.length === 0 || spared)) {
          const { claim, victims } = found;
          this.#hold(pod, hold.node, claim, 'awaiting', { victims, deadline: this.#clock.monotonic() + AWAIT_MS });
        }
      }
      const now = this.picture.holds.get(hold.pod.uid);
      if (now !== undefined) now.settledAt = this.picture.nodes.loads.stamp(node.slot);
    }
  }

  /**
   * After the first sync: a nomination made by kube-scheduler becomes an `awaiting` hold again, before anything is decided, if
   * there is room on that node, now or once those that are ending there are gone. The first time, what runs already teaches what is typical here.
   */
  restoreAwaiting(): void {
    if (!this.#started) for (const pod of this.picture.pods()) if (!pod.terminal) this.#shapes.forecast.known(pod);
    this.#started = true;
    const nominated = [...this.picture.pods()].filter(
      (pod) => pod.nodeName === null && pod.nominatedNode !== null && !pod.terminating && !pod.terminal,
    );
    nominated.sort((a, b) => b.priority - a.priority || a.createdMs - b.createdMs || (a.uid < b.uid ? -1 : 1));
    for (const pod of nominated) {
      if (pod.ask.kind !== 'request' || this.picture.holds.get(pod.uid) !== undefined) continue;
      const node = this.picture.nodes.get(pod.nominatedNode!);
      if (node?.facts == null) continue;
      const reserved = reservedClaim(this.picture, pod, this.#shapes.indexOf(pod, pod.ask.request).shape, node);
      if (reserved === null) continue;
      this.#hold(pod, pod.nominatedNode!, reserved.claim, 'awaiting', {
        victims: reserved.victims,
        deadline: this.#clock.monotonic() + AWAIT_MS,
      });
    }
  }

  /** What does not follow from the picture and cannot be learnt again. */
  memory(): BooksMemory {
    const strangers = [...this.#seen.values()].filter(({ uid }) => this.picture.pod(uid) === undefined).reverse();
    return { started: this.#started, askedAt: this.#askedAt, strangers };
  }

  /** Forgets everything else, as a fresh process would: recordings are replayed from such moments. */
  beginAnew({ started, askedAt, strangers }: BooksMemory = this.memory()): void {
    this.#started = started;
    this.#askedAt = askedAt;
    this.#preemptFrom = 0;
    this.#shapes.beginAnew();
    this.#planning.beginAnew();
    this.#seen.clear();
    for (const pod of strangers) this.#seen.set(pod.uid, pod);
    for (const hold of this.picture.holds.awaiting()) delete hold.settledAt;
    if (started) for (const pod of this.picture.pods()) if (!pod.terminal) this.#shapes.forecast.known(pod);
  }

  explain(namespace: string, name: string): { pod: PodFacts; rows: readonly ExplainRow[]; hold: string | null } | null {
    const pod = this.picture.podNamed(namespace, name);
    if (pod === undefined) return null;
    return explainPod(this.picture, pod, {
      guarded: this.#guarded(pod),
      indexOf: (request) => this.#shapes.indexOf(pod, request),
      stands: (hold) => this.#stands(hold, pod),
    });
  }

  explainGang(gang: string): GangExplained | null {
    return this.#planning.explainGang(gang);
  }

  gangRefusal(gang: string): GangRefusal | null {
    return this.#planning.refusal(gang);
  }

  /** Why this pod may not go to managed nodes at all, null if it may. */
  #guarded(pod: PodFacts): ReasonCode | null {
    if (!this.#config.envGuard) return null;
    if (!pod.envSafe) return 'pod-without-env';
    // whoever edits the request after admission would pass quotas and kube-scheduler's own sums
    const said = pod.needs[GPU_MILLI];
    if (said === undefined || pod.ask.kind !== 'request') return null;
    return said < gpuMilliOf(pod.ask.request, Number.MAX_SAFE_INTEGER) ? 'gpu-milli-short' : null;
  }

  #current(offered: OfferedNodes): Offered {
    return offered instanceof Offered && offered.version === this.picture.nodes.version
      ? offered
      : this.resolve(offered.names);
  }

  #decide(
    pod: PodFacts,
    request: GpuRequest,
    offered: Offered,
    shortList: number,
    awaiting: Hold | null,
  ): FilterAnswer {
    if (awaiting !== null) {
      const here = this.#takeAwaited(awaiting, pod, request, offered);
      if (here !== null) return here;
    }
    const index = this.#shapes.indexOf(pod, request);
    let fits = this.#best(index, pod, offered, Math.max(1, shortList));
    if (fits.length === 0 && index.incomplete) {
      index.compare(offered.slots);
      fits = this.#best(index, pod, offered, Math.max(1, shortList));
    }
    if (fits.length > 0) {
      const claim = this.#shapes.claimOn(index, fits[0]!);
      if (claim !== null) {
        const names = fits.map((node) => node.name);
        this.#hold(pod, names[0]!, claim, 'tentative', { ranked: names });
        return answer(names, []);
      }
    }
    return this.#refuse(index, pod, offered, awaiting);
  }

  /** The best `count` offered nodes with room for everything the pod needs, best first. */
  #best(index: ShapeIndex, pod: PodFacts, offered: Offered, count: number): NodeInfo[] {
    const found: NodeInfo[] = [];
    const consider = (slot: number): boolean => {
      const node = this.picture.nodes.at(slot);
      if (node !== null && node.lacks(pod.needs) === null) found.push(node);
      return found.length < count;
    };
    if (offered.slots.length === 1) {
      // a nominated node: no need to rank anything
      const slot = offered.slots[0]!;
      if (slot >= 0 && index.ranking.value(slot) >= 0) consider(slot);
    } else {
      index.ranking.walk((slot) => !offered.has(slot) || consider(slot));
    }
    return found;
  }

  #refuse(index: ShapeIndex, pod: PodFacts, offered: Offered, awaiting: Hold | null): FilterAnswer {
    const generation = this.picture.nodes.generation;
    const last = this.#hopeless.get(index);
    if (awaiting === null && last !== undefined && last.generation === generation && last.offered.sameSet(offered)) {
      this.picture.setWaiting(pod.uid, last.fragmented, this.#clock.monotonic());
      return last.answer;
    }
    const refused: Refusal[] = [];
    let byShapeAlone = awaiting === null && !index.incomplete;
    // in node-name order, whatever the order of the offer: the answer may be given again for the same set of names
    for (const slot of offered.ordered()) {
      const node = this.picture.nodes.at(slot)!;
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
    this.picture.setWaiting(pod.uid, fragmented, this.#clock.monotonic());
    return result;
  }

  /** The preemptor comes back to the node that was freed for it: its own reservation does not stand in its way. */
  #takeAwaited(awaiting: Hold, pod: PodFacts, request: GpuRequest, offered: Offered): FilterAnswer | null {
    const node = this.picture.nodes.get(awaiting.node);
    if (node === undefined || !offered.has(node.slot)) return null;
    this.picture.dropHold(pod.uid);
    const index = this.#shapes.indexOf(pod, request);
    if (this.#shapes.fitCode(index, pod, node) === null) {
      const claim = this.#shapes.claimOn(index, node);
      if (claim !== null) {
        this.#hold(pod, node.name, claim, 'tentative', { ranked: [node.name] });
        return answer([node.name], []);
      }
    }
    this.picture.putHold(awaiting);
    return null;
  }

  /** kube-scheduler chose another node than ours (shortList), or we were restarted after its filter: decide on that node now. */
  #moveAndBind(pod: PodFacts, request: GpuRequest, node: NodeInfo): BindPlan {
    this.#settleAwaiting();
    const before = this.picture.holds.get(pod.uid);
    this.picture.dropHold(pod.uid);
    const index = this.#shapes.indexOf(pod, request);
    const code = this.#shapes.fitCode(index, pod, node);
    if (code !== null) {
      // a bind that is refused ends a promise, not what victims are dying for
      if (before?.cause === 'awaiting') this.picture.putHold(before);
      return { kind: 'refuse', code };
    }
    const claim = this.#shapes.claimOn(index, node);
    if (claim === null) return { kind: 'refuse', code: 'gpu-full' };
    const hold = this.#hold(pod, node.name, claim, 'tentative', { ranked: [node.name] });
    this.picture.holds.move(hold, 'binding', this.#clock.monotonic());
    return { kind: 'bind', claim };
  }

  #hold(
    pod: PodFacts,
    node: string,
    claim: Hold['claim'],
    cause: HoldCause,
    more: { ranked?: readonly string[]; victims?: readonly string[]; deadline?: number },
  ): Hold {
    const now = this.#clock.monotonic();
    const hold: Hold = {
      pod,
      node,
      claim,
      cause,
      gang: null,
      ranked: more.ranked ?? [node],
      victims: more.victims ?? [],
      state: 'open',
      deadline: more.deadline ?? now + this.#config.holdMs,
      since: now,
    };
    this.picture.putHold(hold);
    return hold;
  }

  /** The answer for a pod that has a hold already, null when the hold cannot stand any more or its node is not offered. */
  #confirm(hold: Hold, pod: PodFacts, offered: Offered): FilterAnswer | null {
    const node = this.picture.nodes.get(hold.node);
    if (node === undefined || !offered.has(node.slot) || this.#stands(hold, pod) !== null) return null;
    if (hold.state === 'open') hold.deadline = this.#clock.monotonic() + this.#config.holdMs;
    // the next-best ones were not held: others may have taken their room since
    const index =
      pod.ask.kind === 'request' && hold.ranked.length > 1 ? this.#shapes.indexOf(pod, pod.ask.request) : null;
    const stillFits = (name: string): boolean => {
      const other = this.picture.nodes.get(name);
      return (
        index !== null &&
        other !== undefined &&
        offered.has(other.slot) &&
        this.#shapes.fitCode(index, pod, other) === null
      );
    };
    return answer(
      hold.ranked.filter((name) => name === hold.node || stillFits(name)),
      [],
    );
  }

  /** null: the hold's node still admits the pod and its devices are still there and healthy. */
  #stands(hold: Hold, pod: PodFacts): ReasonCode | null {
    const node = this.picture.nodes.get(hold.node);
    if (node?.facts == null) return 'node-unknown';
    if (hold.claim === null) return compileConstraints(pod.constraints).admits(node.facts);
    // the request was edited since: what was held is not what is asked
    if (pod.ask.kind !== 'request' || hold.pod.ask.kind !== 'request') return 'request-invalid';
    if (
      pod !== hold.pod &&
      this.#shapes.keyOf(pod, pod.ask.request) !== this.#shapes.keyOf(hold.pod, hold.pod.ask.request)
    )
      return 'request-invalid';
    const code = reasonOf(judge(this.#shapes.indexOf(pod, pod.ask.request).shape, node, { work: 0 }));
    // full is no objection: it is full because of this hold
    if (code !== null && !code.startsWith('gpu-')) return code;
    if (node.useUnknown) return 'gpu-unknown-use';
    return claimStands(node.ledger, pod.ask.request, hold.claim) ? null : 'gpu-full';
  }
}

function answer(fits: readonly string[], refused: readonly Refusal[]): FilterAnswer {
  return { all: false, fits, refused };
}

function refuseAll(offered: Offered, code: ReasonCode): Refusal[] {
  return offered.names.map((node) => ({ node, code }));
}
