/**
 * The decisions that verbs ask for, on the cached picture. Everything here is synchronous: kube-scheduler makes no reservation
 * between filter and bind, so filter itself holds what it promises, and no other call may come in between looking and holding.
 */
import { LRUCache } from 'lru-cache';
import { gpuMilliOf } from '../core/gpu/gpu-milli.ts';
import type { DevicePolicy, GpuRequest, NodePolicy } from '../core/gpu/request.ts';
import { GPU_MILLI } from '../core/names.ts';
import type { NodeInfo } from '../core/placement/node-info.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import type { Typical } from '../core/placement/policies/typical.ts';
import type { ShapeIndex } from '../core/placement/shape-index.ts';
import type { ReasonCode } from '../core/reasons.ts';
import type { Clock } from '../kube/ports.ts';
import { Ahead } from './ahead.ts';
import { AWAIT_MS, Awaiting } from './awaiting.ts';
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
} from './decider.ts';
import { DryDecisions } from './dry.ts';
import { explainPod } from './explaining.ts';
import type { Hold } from './holds.ts';
import { Offered } from './offered.ts';
import { passThrough } from './pass-through.ts';
import type { Picture } from './picture.ts';
import type { Planner, PodOutcome } from './planner.ts';
import { type GangEviction, Planning, type PlanOutcome } from './planning.ts';
import { correctVictims } from './preemption.ts';
import { answer, Refusals, refuseAll } from './refusals.ts';
import { Shapes } from './shapes.ts';
import { objectionTo } from './stands.ts';
import { podsToWake, WAKE_VISITS } from './waking.ts';

export type BooksConfig = {
  readonly nodePolicy: NodePolicy;
  readonly devicePolicy: DevicePolicy;
  /** how long a hold made by filter waits for its bind, ms */
  readonly holdMs: number;
  /** refuse pods on managed nodes whose containers lack our env (they would see every GPU of the node) */
  readonly envGuard: boolean;
  /** a placer runs: what is held for a pod elsewhere than where it was offered can be made known; default false */
  readonly placer?: boolean;
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
/** How often a gang is planned anew within one filter call, because kube-scheduler refuses what was planned. */
const REPLANS = 3;
/** Refused pods that the informer does not know are counted as waiting for so long, ms. */
const STRANGER_MS = 60_000;
/** A landed Binding that the informer does not show for so long is read back, ms. */
const LANDED_OVERDUE_MS = 30_000;

export class Books implements Decider, Planner {
  readonly picture: Picture;
  readonly #clock: Clock;
  readonly #config: BooksConfig;
  readonly #shapes: Shapes;
  readonly #planning: Planning;
  readonly #awaiting: Awaiting;
  readonly #refusals: Refusals;
  readonly #ahead: Ahead;
  /** hears of waiting pods, refused before, that have a place now: kube-scheduler does not know and must be told */
  onPlanned: ((pods: readonly PodFacts[]) => void) | null = null;
  #started = false;
  readonly #dry: DryDecisions;
  /** candidate at which preempt begins: where it stopped when it could not look at all of them */
  #preemptFrom = 0;
  /** monotonic ms of the last filter */
  #askedAt = 0;
  readonly #seen = new LRUCache<string, PodFacts>({ maxSize: SEEN_PODS, sizeCalculation: () => 1 });
  /** `typical`: what is typically asked, for those who know it beforehand; otherwise it is learnt from what arrives. */
  constructor(picture: Picture, clock: Clock, config: BooksConfig, typical: Typical | null = null) {
    this.picture = picture;
    this.#shapes = new Shapes(picture.nodes, config, typical);
    this.#planning = new Planning(picture, this.#shapes, clock, {
      planMs: config.holdMs,
      mayCome: (pod) => pod.ask.kind !== 'invalid' && this.#guarded(pod) === null,
    });
    this.#refusals = new Refusals(picture, clock);
    this.#awaiting = new Awaiting(picture, this.#shapes, clock);
    this.#ahead = new Ahead({
      picture,
      shapes: this.#shapes,
      planning: this.#planning,
      awaiting: this.#awaiting,
      clock,
      planMs: config.holdMs,
      guarded: (pod) => this.#guarded(pod),
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
    this.#notice(pod);
    const bound = this.picture.pod(pod.uid)?.nodeName ?? null;
    if (bound !== null) return answer(offered.includes(bound) ? [bound] : [], []);
    const guarded = this.#guarded(pod);
    if (guarded !== null || pod.ask.kind === 'invalid') return passThrough(pod, offered, this.picture.nodes, guarded);

    const hold = this.picture.holds.get(pod.uid);
    if (hold !== undefined && hold.cause !== 'awaiting') {
      const confirmed = this.#confirm(hold, pod, offered);
      if (confirmed !== null) return confirmed;
      if (hold.state !== 'open') return refuseAll(offered, 'bind-pending');
      if (this.#isElsewhere(hold, pod, offered)) return this.#redirect(pod, offered);
      this.#giveUp(hold, pod, offered);
    }
    const gang = this.#planning.gangOf(pod);
    const asMember = gang === null ? null : this.#asMember(gang, pod, offered);
    if (asMember !== null) return asMember;
    if (pod.ask.kind !== 'request') return passThrough(pod, offered, this.picture.nodes, guarded);
    this.#awaiting.settle();
    const awaiting = this.picture.holds.get(pod.uid) ?? null;
    return this.#decide(pod, pod.ask.request, offered, shortList, awaiting);
  }

  #notice(pod: PodFacts): void {
    if (!this.#seen.has(pod.uid)) this.#shapes.forecast.arrived(pod);
    this.#seen.set(pod.uid, pod);
  }

  dry(pod: PodFacts, offeredNodes: OfferedNodes, shortList: number): FilterAnswer {
    return this.#dry.decide(pod, this.#current(offeredNodes), shortList, this.#guarded(pod), this.#shapes.forecast);
  }

  /** The hold cannot be confirmed: it ends, a gang's whole plan with it. A planned node that is not offered was refused in-tree. */
  #giveUp(hold: Hold, pod: PodFacts, offered: Offered): void {
    const node = this.picture.nodes.get(hold.node);
    const tried = this.#config.placer !== true || pod.nominatedNode === hold.node;
    if (hold.cause === 'planned' && node !== undefined && !offered.has(node.slot) && tried)
      this.#planning.bar(hold.pod.uid, hold.node);
    if (hold.gang === null) this.picture.dropHold(hold.pod.uid);
    else this.picture.dropPlan(hold.gang);
  }

  /** A place kept on a node that kube-scheduler has only not looked at: it does not know of the nomination yet. */
  #isElsewhere(hold: Hold, pod: PodFacts, offered: Offered): boolean {
    if (this.#config.placer !== true || hold.cause !== 'planned' || pod.nominatedNode === hold.node) return false;
    const node = this.picture.nodes.get(hold.node);
    return node !== undefined && !offered.has(node.slot) && this.#stands(hold, pod) === null;
  }

  /** The nomination will make kube-scheduler come back for the node that is held. */
  #redirect(pod: PodFacts, offered: Offered): FilterAnswer {
    this.onPlanned?.([pod]);
    return this.#refusals.elsewhere(offered);
  }

  /**
   * A gang starts whole: the first member that is asked for has all of them planned, the others find their holds. null: the gang
   * has started, this one stands for itself.
   */
  #asMember(gang: string, pod: PodFacts, offered: Offered): FilterAnswer | null {
    for (let attempt = 0; attempt < REPLANS; attempt++) {
      const outcome = this.#planning.planGang(gang);
      if (outcome.kind === 'started') return null;
      if (outcome.kind === 'refused') return this.#refusals.waiting(outcome.code, pod, offered);
      this.onPlanned?.(outcome.refused.filter(({ uid }) => uid !== pod.uid));
      const hold = this.picture.holds.get(pod.uid);
      // there are more members than must start together, and this one is not among them
      if (hold === undefined) return null;
      const confirmed = this.#confirm(hold, pod, offered);
      if (confirmed !== null) return confirmed;
      if (this.#isElsewhere(hold, pod, offered)) return this.#redirect(pod, offered);
      this.#giveUp(hold, pod, offered);
    }
    return this.#refusals.waiting('gang-dropped', pod, offered);
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
    this.#awaiting.settle();
    const { shape } = this.#shapes.indexOf(pod, pod.ask.request);
    const { best, next } = correctVictims(this.picture, pod, shape, where, this.#preemptFrom);
    this.#preemptFrom = next;
    if (best === null) return [];
    if (best.claim !== null) this.#awaiting.keep(pod, best);
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
    // members decided for themselves, by filter or ahead of it, while the gang ran, which does not any more: filter would confirm them for ever
    for (const uid of this.picture.gangs.get(gang)?.members.keys() ?? []) {
      const hold = this.picture.holds.get(uid);
      if (hold?.state === 'open' && hold.gang === null && hold.cause !== 'awaiting') this.picture.dropHold(uid);
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
      if (this.picture.holds.get(hold.pod.uid) !== hold || (hold.deadline ?? now) > now) continue;
      if (this.#awaiting.goesOn(hold)) this.#awaiting.prolong(hold, now + AWAIT_MS);
      else if (hold.gang === null) this.picture.dropHold(hold.pod.uid);
      else this.picture.dropPlan(hold.gang);
    }
    this.picture.forgetStrangers(now - STRANGER_MS);
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
   * After the first sync, and `restorePlans`: nominations made by kube-scheduler become `awaiting` holds again. The first time, what
   * runs already teaches what is typical here.
   */
  restoreAwaiting(): void {
    if (!this.#started) for (const pod of this.picture.pods()) if (!pod.terminal) this.#shapes.forecast.known(pod);
    this.#started = true;
    this.#awaiting.restore();
  }

  restorePlans(wallMs: number): void {
    this.#ahead.restorePlans(wallMs);
  }

  planPod(uid: string): PodOutcome {
    const pod = this.picture.pod(uid);
    if (pod === undefined) return { kind: 'settled' };
    this.#notice(pod);
    return this.#ahead.planPod(pod);
  }

  planGang(gang: string): PlanOutcome {
    return this.#planning.planGang(gang);
  }

  unwritable(uid: string): void {
    this.#planning.onTheSpot(uid);
    const hold = this.picture.holds.get(uid);
    if (hold?.cause !== 'planned' || hold.state !== 'open') return;
    if (hold.gang === null) this.picture.dropHold(uid);
    else this.picture.dropPlan(hold.gang);
  }

  evictFor(uid: string): PreemptAnswer | null {
    const pod = this.picture.pod(uid);
    return pod === undefined ? null : this.#ahead.evictFor(pod);
  }

  evictForGang(gang: string): GangEviction | null {
    return this.#planning.evictForGang(gang);
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
    this.#ahead.beginAnew();
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
    if (this.#config.placer === true) {
      if (pod.nominatedNode === null && this.#ahead.placeBetter(index, pod, offered, fits[0] ?? null))
        return this.#redirect(pod, offered);
      if (fits.length === 0) fits = this.#ahead.takeOver(index, pod, offered);
    }
    if (fits.length > 0) {
      const claim = this.#shapes.claimOn(index, fits[0]!);
      if (claim !== null) {
        const names = fits.map((node) => node.name);
        this.#hold(pod, names[0]!, claim, names);
        return answer(names, []);
      }
    }
    return this.#refusals.byNode(index, pod, offered, awaiting);
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

  /** The preemptor comes back to the node that was freed for it: its own reservation does not stand in its way. */
  #takeAwaited(awaiting: Hold, pod: PodFacts, request: GpuRequest, offered: Offered): FilterAnswer | null {
    const node = this.picture.nodes.get(awaiting.node);
    if (node === undefined || !offered.has(node.slot)) return null;
    this.picture.dropHold(pod.uid);
    const index = this.#shapes.indexOf(pod, request);
    if (this.#shapes.fitCode(index, pod, node) === null) {
      const claim = this.#shapes.claimOn(index, node);
      if (claim !== null) {
        this.#hold(pod, node.name, claim, [node.name]);
        return answer([node.name], []);
      }
    }
    this.picture.putHold(awaiting);
    return null;
  }

  /** kube-scheduler chose another node than ours (shortList), or we were restarted after its filter: decide on that node now. */
  #moveAndBind(pod: PodFacts, request: GpuRequest, node: NodeInfo): BindPlan {
    this.#awaiting.settle();
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
    const hold = this.#hold(pod, node.name, claim, [node.name]);
    this.picture.holds.move(hold, 'binding', this.#clock.monotonic());
    return { kind: 'bind', claim };
  }

  #hold(pod: PodFacts, node: string, claim: Hold['claim'], ranked: readonly string[]): Hold {
    const now = this.#clock.monotonic();
    const hold: Hold = {
      pod,
      node,
      claim,
      cause: 'tentative',
      gang: null,
      ranked,
      victims: [],
      state: 'open',
      deadline: now + this.#config.holdMs,
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

  #stands(hold: Hold, pod: PodFacts): ReasonCode | null {
    return objectionTo(hold, pod, this.picture, this.#shapes);
  }
}
