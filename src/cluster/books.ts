/**
 * The decisions that verbs and the placer ask for, on the cached picture. Everything here is synchronous: kube-scheduler makes no
 * reservation between filter and bind, so filter itself holds what it promises, and no other call may come in between looking and
 * holding. Who answers what: filtering.ts, prioritizing.ts, preempting.ts, binding.ts for the verbs, ahead.ts and planning.ts for the
 * placer; here is what they share, and what time and restarts do to it.
 */
import type { DevicePolicy, NodePolicy } from '../core/gpu/request.ts';
import type { Sliced } from '../core/placement/gang/slices.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import type { Typical } from '../core/placement/policies/typical.ts';
import type { ReasonCode } from '../core/reasons.ts';
import type { Clock } from '../kube/ports.ts';
import { Ahead } from './ahead.ts';
import { AWAIT_MS, Awaiting } from './awaiting.ts';
import { Binding } from './binding.ts';
import type {
  BindPlan,
  Decider,
  FilterAnswer,
  GangAtBind,
  GangExplained,
  GangRefusal,
  NodeScore,
  OfferedNodes,
  PodExplained,
  PreemptAnswer,
  PreemptCandidate,
} from './decider.ts';
import { DryDecisions } from './dry.ts';
import { explainPod } from './explaining.ts';
import { Filtering } from './filtering.ts';
import type { GangRoom } from './gangs/room.ts';
import { guardCode } from './guard.ts';
import { Offered } from './offered.ts';
import type { Parts } from './parts.ts';
import type { Picture } from './picture.ts';
import type { Planner, PodOutcome } from './planner.ts';
import { Planning, type PlanOutcome } from './planning.ts';
import { Preempting } from './preempting.ts';
import { scoresOf } from './prioritizing.ts';
import { Refusals } from './refusals.ts';
import { Seen } from './seen.ts';
import { Shapes } from './shapes.ts';
import { objectionTo } from './stands.ts';
import { Untenable } from './untenable.ts';
import { podsToWake } from './waking.ts';

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

/** Refused pods that the informer does not know are counted as waiting for so long, ms. */
const STRANGER_MS = 60_000;

export class Books implements Decider, Planner {
  readonly picture: Picture;
  /** hears of waiting pods, refused before, that have a place now: kube-scheduler does not know and must be told */
  onPlanned: ((pods: readonly PodFacts[]) => void) | null = null;
  readonly #parts: Parts;
  readonly #filtering: Filtering;
  readonly #preempting: Preempting;
  readonly #binding: Binding;
  readonly #ahead: Ahead;
  readonly #dry: DryDecisions;
  #started = false;
  /** monotonic ms of the last filter */
  #askedAt = 0;

  /** `typical`: what is typically asked, for those who know it beforehand; otherwise it is learnt from what arrives. */
  constructor(picture: Picture, clock: Clock, config: BooksConfig, typical: Typical | null = null) {
    const { holdMs, placer = false } = config;
    const guarded = config.envGuard ? guardCode : () => null;
    const mayCome = (pod: PodFacts): boolean => pod.ask.kind !== 'invalid' && guarded(pod) === null;
    const shapes = new Shapes(picture.nodes, config, typical);
    this.picture = picture;
    this.#parts = {
      picture,
      clock,
      shapes,
      planning: new Planning(picture, shapes, clock, { planMs: holdMs, mayCome }),
      awaiting: new Awaiting(picture, shapes, clock),
      refusals: new Refusals(picture, clock),
      seen: new Seen(picture, shapes),
      untenable: new Untenable(picture, shapes),
      holdMs,
      placer,
      guarded,
      planned: (pods) => this.onPlanned?.(pods),
    };
    this.#ahead = new Ahead(this.#parts);
    this.#filtering = new Filtering(this.#parts, this.#ahead);
    this.#preempting = new Preempting(this.#parts);
    this.#binding = new Binding(this.#parts);
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

  filter(pod: PodFacts, offered: OfferedNodes, shortList: number): FilterAnswer {
    this.#askedAt = this.#parts.clock.monotonic();
    this.#parts.seen.notice(pod);
    return this.#filtering.filter(pod, this.#current(offered), shortList);
  }

  dry(pod: PodFacts, offered: OfferedNodes, shortList: number): FilterAnswer {
    const { guarded, shapes } = this.#parts;
    return this.#dry.decide(pod, this.#current(offered), shortList, guarded(pod), shapes.forecast);
  }

  prioritize(pod: PodFacts, offered: OfferedNodes): readonly NodeScore[] {
    return scoresOf(this.#parts, pod, this.#current(offered));
  }

  preempt(pod: PodFacts, candidates: readonly PreemptCandidate[]): readonly PreemptAnswer[] {
    return this.#preempting.preempt(pod, candidates);
  }

  gangAtBind(uid: string): GangAtBind | null {
    return this.#binding.gangAtBind(uid);
  }

  awaitAtBind(uid: string, node: string, ms: number): boolean {
    return this.#binding.awaitAtBind(uid, node, ms);
  }

  dropPlan(gang: string, late: boolean): void {
    this.#binding.dropPlan(gang, late);
  }

  beginBind(ref: { uid: string; namespace: string; name: string }, node: string): BindPlan {
    return this.#binding.begin(ref.uid, node);
  }

  bindLanded(uid: string): void {
    this.#binding.landed(uid);
  }

  bindRefused(uid: string): void {
    this.#binding.refused(uid);
  }

  bindUnknown(uid: string): void {
    this.#binding.unknown(uid);
  }

  bindReadBack(uid: string, node: string | null): void {
    this.#binding.readBack(uid, node);
  }

  /** See Binding.overdue. */
  overdue(): readonly PodFacts[] {
    return this.#binding.overdue();
  }

  /** Refused pods that would fit somewhere by now and that kube-scheduler does not try by itself (waking.ts). Call about once a second. */
  toWake(): readonly PodFacts[] {
    return podsToWake(this.#parts, this.#askedAt);
  }

  /** Ends holds past their deadline; an `awaiting` one goes on while a victim is ending for it. Call about once a second. */
  sweep(): void {
    const { clock, awaiting, planning, untenable } = this.#parts;
    const now = clock.monotonic();
    for (const hold of this.picture.holds.expired(now)) {
      // another one of its gang's had its turn
      if (this.picture.holds.get(hold.pod.uid) !== hold || (hold.deadline ?? now) > now) continue;
      if (awaiting.goesOn(hold)) awaiting.prolong(hold, now + AWAIT_MS);
      else {
        if (hold.gang !== null && hold.cause === 'planned') planning.late(hold.gang);
        this.picture.endHold(hold);
      }
    }
    untenable.drop();
    this.picture.forgetStrangers(now - STRANGER_MS);
  }

  planPod(uid: string): PodOutcome {
    const pod = this.picture.pod(uid);
    if (pod === undefined) return { kind: 'settled' };
    this.#parts.seen.notice(pod);
    return this.#ahead.planPod(pod);
  }

  get samplesDo(): boolean {
    return this.#ahead.samplesDo;
  }

  refusedAlike(gang: string): ReasonCode | null {
    return this.#parts.planning.refusedAlike(gang);
  }

  planGang(gang: string): PlanOutcome {
    return this.#parts.planning.planGang(gang);
  }

  retryAt(gang: string): number {
    return this.#parts.planning.retryAt(gang);
  }

  unwritable(uid: string): void {
    this.#ahead.unwritable(uid);
  }

  evictFor(uid: string): PreemptAnswer | null {
    const pod = this.picture.pod(uid);
    return pod === undefined ? null : this.#ahead.evictFor(pod);
  }

  searchRoom(gang: string): Sliced<GangRoom | 'stale' | null> {
    return this.#parts.planning.searchRoom(gang);
  }

  keepRoom(gang: string, room: GangRoom): void {
    this.#parts.planning.keepRoom(gang, room);
  }

  explain(namespace: string, name: string): PodExplained | null {
    const pod = this.picture.podNamed(namespace, name);
    if (pod === undefined) return null;
    const { shapes, guarded } = this.#parts;
    return explainPod(this.picture, pod, {
      guarded: guarded(pod),
      indexOf: (request) => shapes.indexOf(pod, request),
      stands: (hold) => objectionTo(hold, pod, this.picture, shapes),
    });
  }

  explainGang(gang: string): GangExplained | null {
    return this.#parts.planning.explainGang(gang);
  }

  gangRefusal(gang: string): GangRefusal | null {
    return this.#parts.planning.refusal(gang);
  }

  restorePlans(wallMs: number): void {
    this.#ahead.restorePlans(wallMs);
  }

  /**
   * After the first sync, and `restorePlans`: nominations made by kube-scheduler become `awaiting` holds again. As long as nobody has
   * asked for a place, what runs already teaches what is typical here.
   */
  restoreAwaiting(): void {
    if (!this.#started || this.#parts.shapes.forecast.unheard) this.#learnWhatRuns();
    this.#started = true;
    this.#parts.awaiting.restore();
  }

  /** What does not follow from the picture and cannot be learnt again. */
  memory(): BooksMemory {
    return { started: this.#started, askedAt: this.#askedAt, strangers: this.#parts.seen.strangers() };
  }

  /** Forgets everything else, as a fresh process would: recordings are replayed from such moments. */
  beginAnew({ started, askedAt, strangers }: BooksMemory = this.memory()): void {
    const { shapes, planning, seen, untenable } = this.#parts;
    this.#started = started;
    this.#askedAt = askedAt;
    shapes.beginAnew();
    planning.beginAnew();
    untenable.beginAnew();
    seen.beginAnew(strangers);
    this.#ahead.beginAnew();
    this.#preempting.beginAnew();
    for (const hold of this.picture.holds.awaiting()) delete hold.settledAt;
    if (started) this.#learnWhatRuns();
  }

  #learnWhatRuns(): void {
    this.#parts.shapes.forecast.begin([...this.picture.pods()].filter(({ terminal }) => !terminal));
  }

  #current(offered: OfferedNodes): Offered {
    return offered instanceof Offered && offered.version === this.picture.nodes.version
      ? offered
      : this.resolve(offered.names);
  }
}
