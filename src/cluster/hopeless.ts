/**
 * What gangs were told when they could not be planned. Their members ask one after the other, again and again, and thousands that wait are
 * a few kinds: a gang is planned again only after something that could help it, and one refusal does for all of its kind.
 */
import { LRUCache } from 'lru-cache';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import type { ReasonCode } from '../core/reasons.ts';
import { type GangStanding, groupToPlan, membersOf } from './gangs/standing.ts';
import type { Picture } from './picture.ts';
import type { PlanOutcome } from './planning.ts';
import type { Shapes } from './shapes.ts';

/** Gangs whose last refusal is remembered. */
const GANGS = 10_000;

/** `until`: monotonic ms at which a barred node may help again; `freed`, `version`: of nodes and gang when it was told so */
type Told = {
  readonly version: number;
  readonly freed: number;
  readonly until: number;
  readonly outcome: PlanOutcome;
  /** null: it stands for itself */
  readonly likeness: string | null;
};

export type HopelessOptions = {
  readonly picture: Picture;
  readonly shapes: Shapes;
  readonly standing: (gang: string) => GangStanding | null;
  readonly placeOf: (uid: string) => string | null;
};

export class Hopeless {
  readonly #options: HopelessOptions;
  readonly #told = new LRUCache<string, Told>({ maxSize: GANGS, sizeCalculation: () => 1 });
  /** what gangs were refused since something last came free, by what decides on them */
  #alike = { freed: -1, outcomes: new Map<string, PlanOutcome>() };

  constructor(options: HopelessOptions) {
    this.#options = options;
  }

  clear(): void {
    this.#told.clear();
    this.#alike = { freed: -1, outcomes: new Map() };
  }

  delete(gang: string): void {
    this.#told.delete(gang);
  }

  /** What it was told last, however long ago. */
  peek(gang: string): Told | undefined {
    return this.#told.peek(gang);
  }

  /** The same for as long as the gang has not changed. */
  lastOf(gang: string): PlanOutcome | null {
    const last = this.#told.peek(gang);
    return last === undefined || last.version !== this.#versionOf(gang) ? null : last.outcome;
  }

  /** What it was told, as long as that stands; else what `plan` finds, kept where it is a refusal and `alone`: of this gang only. `now`: monotonic ms */
  outcomeOf(gang: string, now: number, plan: () => PlanOutcome, alone: () => boolean): PlanOutcome {
    const { picture } = this.#options;
    const version = this.#versionOf(gang);
    const { freed } = picture.nodes;
    const last = this.#told.get(gang);
    const known = last?.version === version && now < last.until ? last : undefined;
    if (known?.freed === freed) return known.outcome;
    const alike = this.#refusedSince(freed);
    const until = picture.barred.nextEnd(picture.gangs.get(gang)?.members.keys() ?? [], now);
    let likeness = known?.likeness ?? null;
    // worth it only where there is something to be found by it
    if (known === undefined && alike.size > 0 && until === Number.POSITIVE_INFINITY) likeness = this.#likeness(gang);
    const same = likeness === null ? undefined : alike.get(likeness);
    if (same !== undefined) {
      this.#told.set(gang, { version, freed, until, outcome: same, likeness });
      return same;
    }
    const outcome = plan();
    if (outcome.kind === 'refused' && alone()) {
      const { freed: after } = picture.nodes;
      if (until === Number.POSITIVE_INFINITY) likeness ??= this.#likeness(gang);
      if (likeness !== null) this.#refusedSince(after).set(likeness, outcome);
      this.#told.set(gang, { version, freed: after, until, outcome, likeness });
    }
    return outcome;
  }

  /** See Planner.refusedAlike. */
  refusedAlike(gang: string, now: number): ReasonCode | null {
    const last = this.#told.peek(gang);
    const { freed } = this.#options.picture.nodes;
    if (last === undefined || last.version !== this.#versionOf(gang) || now >= last.until) return null;
    const alike =
      this.#alike.freed === freed && last.likeness !== null ? this.#alike.outcomes.get(last.likeness) : undefined;
    const outcome = last.freed === freed ? last.outcome : alike;
    return outcome?.kind === 'refused' ? outcome.code : null;
  }

  #versionOf(gang: string): number {
    return this.#options.picture.gangs.get(gang)?.version ?? 0;
  }

  #refusedSince(freed: number): Map<string, PlanOutcome> {
    if (this.#alike.freed !== freed) this.#alike = { freed, outcomes: new Map() };
    return this.#alike.outcomes;
  }

  /** Equal for gangs that find room or do not at the same time. null: it stands for itself. */
  #likeness(gang: string): string | null {
    const { picture, standing: standingOf, placeOf } = this.#options;
    const standing = standingOf(gang);
    if (standing === null || standing.code !== null || standing.together.length > 0) return null;
    const group = groupToPlan(standing, placeOf);
    const members = group === null ? [] : membersOf(group);
    if (members.length === 0 || members.some(({ uid }) => picture.holds.get(uid) !== undefined)) return null;
    // what lower ones only hold is taken over
    const priority = Math.min(...members.map((pod) => picture.gangs.priorityOf(pod)));
    return JSON.stringify({ priority, group }, (key, value: unknown) => {
      if (key === 'name') return undefined;
      return key === 'members' ? (value as readonly PodFacts[]).map((pod) => this.#kindOf(pod)) : value;
    });
  }

  #kindOf(pod: PodFacts): unknown {
    const { ask, constraints, needs, envSafe } = pod;
    const { shapes } = this.#options;
    return [ask.kind === 'request' ? shapes.keyOf(pod, ask.request) : [ask.kind, constraints], needs, envSafe];
  }
}
