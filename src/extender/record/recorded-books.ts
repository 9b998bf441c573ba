/** The books, each call of which is a turn of the recording. Names are resolved unseen, and dry decisions made. */
import type { Books } from '../../cluster/books.ts';
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
} from '../../cluster/decider.ts';
import type { GangRoom } from '../../cluster/gangs/room.ts';
import type { Planner, PodOutcome } from '../../cluster/planner.ts';
import type { PlanOutcome } from '../../cluster/planning.ts';
import type { Sliced } from '../../core/placement/gang/slices.ts';
import type { PodFacts } from '../../core/placement/pod-facts.ts';
import type { ReasonCode } from '../../core/reasons.ts';
import type { PodRef } from './format.ts';
import { packNames } from './names.ts';
import type { Recorder } from './recorder.ts';

export class RecordedBooks implements Decider, Planner {
  readonly #books: Books;
  readonly #recorder: Recorder;

  constructor(books: Books, recorder: Recorder) {
    this.#books = books;
    this.#recorder = recorder;
  }

  nodesVersion(): number {
    return this.#books.nodesVersion();
  }

  resolve(names: readonly string[]): OfferedNodes {
    return this.#books.resolve(names);
  }

  resolveBytes(list: Uint8Array): OfferedNodes | null {
    return this.#books.resolveBytes(list);
  }

  /** Looks only; but rankings are brought up to date by it, and what policies with foresight answer next may show when. */
  explain(namespace: string, name: string): PodExplained | null {
    this.#recorder.write({ at: this.#recorder.turn(), explain: { namespace, name } });
    return this.#books.explain(namespace, name);
  }

  explainGang(gang: string): GangExplained | null {
    this.#recorder.write({ at: this.#recorder.turn(), explainGang: gang });
    return this.#books.explainGang(gang);
  }

  /** Only looks. */
  gangRefusal(gang: string): GangRefusal | null {
    return this.#books.gangRefusal(gang);
  }

  dry(pod: PodFacts, offered: OfferedNodes, shortList: number): FilterAnswer {
    return this.#books.dry(pod, offered, shortList);
  }

  filter(pod: PodFacts, offered: OfferedNodes, shortList: number): FilterAnswer {
    const at = this.#recorder.turn();
    const names = packNames(offered, this.#recorder.slotsVersion());
    this.#recorder.open({ at, filter: this.#recorder.keptPod(), offered: names, shortList });
    return this.#books.filter(pod, offered, shortList);
  }

  prioritize(pod: PodFacts, offered: OfferedNodes): readonly NodeScore[] {
    const at = this.#recorder.turn();
    const names = packNames(offered, this.#recorder.slotsVersion());
    this.#recorder.open({ at, prioritize: this.#recorder.keptPod(), offered: names });
    return this.#books.prioritize(pod, offered);
  }

  preempt(pod: PodFacts, candidates: readonly PreemptCandidate[]): readonly PreemptAnswer[] {
    const at = this.#recorder.turn();
    this.#recorder.open({ at, preempt: this.#recorder.keptPod(), candidates });
    return this.#books.preempt(pod, candidates);
  }

  /** Only looks. */
  gangAtBind(uid: string): GangAtBind | null {
    return this.#books.gangAtBind(uid);
  }

  awaitAtBind(uid: string, node: string, ms: number): boolean {
    this.#recorder.write({ at: this.#recorder.turn(), awaitAtBind: uid, node, ms });
    return this.#books.awaitAtBind(uid, node, ms);
  }

  dropPlan(gang: string, late: boolean): void {
    this.#recorder.write({ at: this.#recorder.turn(), dropPlan: gang, late });
    this.#books.dropPlan(gang, late);
  }

  beginBind(ref: PodRef, node: string): BindPlan {
    const at = this.#recorder.turn();
    const plan = this.#books.beginBind(ref, node);
    const { uid, namespace, name } = ref;
    this.#recorder.write({ at, bind: this.#recorder.bindUnderWay(ref), pod: { uid, namespace, name }, node, plan });
    return plan;
  }

  bindLanded(uid: string): void {
    this.#recorder.write({ at: this.#recorder.turn(), landed: uid });
    this.#books.bindLanded(uid);
  }

  bindRefused(uid: string): void {
    this.#recorder.write({ at: this.#recorder.turn(), refused: uid });
    this.#books.bindRefused(uid);
  }

  bindUnknown(uid: string): void {
    this.#recorder.write({ at: this.#recorder.turn(), unknown: uid });
    this.#books.bindUnknown(uid);
  }

  bindReadBack(uid: string, node: string | null): void {
    this.#recorder.write({ at: this.#recorder.turn(), readBack: uid, node });
    this.#books.bindReadBack(uid, node);
  }

  sweep(): void {
    this.#recorder.write({ at: this.#recorder.turn(), sweep: true });
    this.#books.sweep();
  }

  /** Changes nothing; but it reads the time. */
  overdue(): readonly PodFacts[] {
    this.#recorder.turn();
    return this.#books.overdue();
  }

  toWake(): readonly PodFacts[] {
    const at = this.#recorder.turn();
    const pods = this.#books.toWake();
    this.#recorder.write({ at, wake: pods.map(({ namespace, name }) => `${namespace}/${name}`) });
    return pods;
  }

  planPod(uid: string): PodOutcome {
    this.#recorder.write({ at: this.#recorder.turn(), planPod: uid });
    return this.#books.planPod(uid);
  }

  get samplesDo(): boolean {
    return this.#books.samplesDo;
  }

  refusedAlike(gang: string): ReasonCode | null {
    return this.#books.refusedAlike(gang);
  }

  /** Only looks. */
  retryAt(gang: string): number {
    return this.#books.retryAt(gang);
  }

  planGang(gang: string): PlanOutcome {
    this.#recorder.write({ at: this.#recorder.turn(), planGang: gang });
    return this.#books.planGang(gang);
  }

  restorePlans(wallMs: number): void {
    this.#recorder.write({ at: this.#recorder.turn(), restorePlans: wallMs });
    this.#books.restorePlans(wallMs);
  }

  unwritable(uid: string): void {
    this.#recorder.write({ at: this.#recorder.turn(), unwritable: uid });
    this.#books.unwritable(uid);
  }

  evictFor(uid: string): PreemptAnswer | null {
    this.#recorder.write({ at: this.#recorder.turn(), evictFor: uid });
    return this.#books.evictFor(uid);
  }

  /** Only looks: how far it is when others have their turn depends on the machine. What comes of it is recorded. */
  searchRoom(gang: string): Sliced<GangRoom | 'stale' | null> {
    return this.#books.searchRoom(gang);
  }

  keepRoom(gang: string, room: GangRoom): void {
    this.#recorder.write({ at: this.#recorder.turn(), keepRoom: gang, room });
    this.#books.keepRoom(gang, room);
  }

  restoreAwaiting(): void {
    this.#recorder.write({ at: this.#recorder.turn(), restore: true });
    this.#books.restoreAwaiting();
  }
}
