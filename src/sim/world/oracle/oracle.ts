/**
 * The judge of a world: laws, each in a file of its own, over what the API objects say (`facts.ts`). It asks the extenders three
 * things only (who decides, what they hold, what their books say) and shares no line with the code that it judges.
 */
import { type KubeObject, textAt } from '../../api/object.ts';
import type { Store } from '../../api/store.ts';
import type { Process } from '../time.ts';
import { type Awaited, awaited } from './awaited.ts';
import { books } from './books.ts';
import { claimed } from './claimed.ts';
import { deciders } from './deciders.ts';
import { env } from './env.ts';
import { Facts } from './facts.ts';
import { type GangLaw, gangs } from './gangs.ts';
import { gpuMilli } from './gpu-milli.ts';
import { holdsDevices } from './gpus.ts';
import { holds } from './holds.ts';
import { INVARIANTS, type Invariant, type Judge, type Law, type Seat, type Violation } from './law.ts';
import { lost } from './lost.ts';
import { overAllocated } from './over-allocated.ts';
import { plans } from './plans.ts';
import { still } from './still.ts';

const SECOND_MS = 1_000;

export type OracleOptions = {
  readonly store: Store;
  /** virtual ms */
  readonly now: () => number;
  readonly seats: () => readonly Seat[];
  /** false: a single scheduler without a Lease */
  readonly elects: boolean;
};

export class Oracle {
  readonly violations: Violation[] = [];
  /** how often each invariant was looked at */
  readonly checks = Object.fromEntries(INVARIANTS.map((one) => [one, 0])) as Record<Invariant, number>;
  readonly #options: OracleOptions;
  readonly #facts: Facts;
  readonly #laws: readonly Law[];
  readonly #awaited: Awaited;
  readonly #gangs: GangLaw;
  #decider: unknown = null;
  #deciderSince = 0;
  #secondAt = 0;

  constructor(options: OracleOptions) {
    this.#options = options;
    const { store, now, seats, elects } = options;
    this.#facts = new Facts(store, now, {
      written: (pod, before) => this.#podWritten(pod, before),
      gone: (pod) => {
        for (const law of this.#laws) law.gone?.(pod);
      },
    });
    const judge: Judge = {
      facts: this.#facts,
      now,
      seats,
      deciderSince: () => this.#deciderSince,
      check: (invariant) => this.check(invariant),
      report: (invariant, detail) => this.report(invariant, detail),
    };
    this.#awaited = awaited(judge);
    this.#gangs = gangs(judge, this.#awaited.nominatedTo);
    this.#laws = [
      claimed(judge),
      overAllocated(judge),
      env(judge),
      this.#awaited,
      this.#gangs,
      deciders(judge, elects),
      holds(judge),
      plans(judge),
      books(judge),
      gpuMilli(judge),
      lost(judge, this.#awaited.nominatedTo),
      still(judge),
    ];
  }

  /** virtual ms of the last change of a pod or node */
  get changedAt(): number {
    return this.#facts.changedAt;
  }

  check(invariant: Invariant): void {
    this.checks[invariant]++;
  }

  report(invariant: Invariant, detail: string): void {
    this.violations.push({ invariant, detail });
  }

  bindingDone(seat: string): void {
    for (const law of this.#laws) law.bindingDone?.(seat);
  }

  promised(uid: string, node: string): void {
    this.#awaited.promised(uid, node);
    this.#gangs.evicted(uid);
  }

  filtered(uid: string, node: string | null): void {
    this.#awaited.filtered(uid, node);
  }

  /** A pod of a gang came to bind. */
  arrived(process: Process, uid: string): void {
    this.#gangs.arrived(process, uid);
  }

  bindTried(process: Process, uid: string, letGo: boolean): void {
    this.#awaited.bindTried(uid);
    if (letGo) this.#gangs.letGo(process, uid);
  }

  afterStep(): void {
    this.check('exception');
    const now = this.#options.now();
    const decider = this.#deciding();
    if (decider !== this.#decider) {
      this.#decider = decider;
      this.#deciderSince = now;
      for (const law of this.#laws) law.deciderChanged?.();
    }
    for (const law of this.#laws) law.step?.();
    if (now - this.#secondAt < SECOND_MS) return;
    this.#secondAt = now;
    for (const law of this.#laws) law.second?.();
  }

  /** What is not yet as it must be once quiet; nothing of it is reported or counted. */
  unsettled(): boolean {
    const before = this.violations.length;
    const checks = { ...this.checks };
    this.quiet();
    Object.assign(this.checks, checks);
    return this.violations.splice(before).length > 0;
  }

  /** Everything that must hold when nothing has gone wrong for a while and nothing is on its way. */
  quiet(): void {
    for (const law of this.#laws) law.quiet?.();
  }

  #deciding(): unknown {
    for (const { extender } of this.#options.seats()) {
      if (extender === null || extender.process.dead || extender.process.pausedUntil > this.#options.now()) continue;
      if (extender.core.context.deciding()) return extender;
    }
    return null;
  }

  #podWritten(pod: KubeObject, before: KubeObject | undefined): void {
    for (const law of this.#laws) law.written?.(pod, before);
    const node = textAt(pod.spec, 'nodeName');
    const nodeBefore = before === undefined ? '' : textAt(before.spec, 'nodeName');
    if (node === '' || nodeBefore !== '' || !holdsDevices(pod)) return;
    for (const law of this.#laws) law.bound?.(pod, node);
  }
}
