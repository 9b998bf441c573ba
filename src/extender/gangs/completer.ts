/**
 * Completes what a killed extender left bound in part. kube-scheduler comes back to the members that are missing by its error back-off,
 * up to 10 s later, and nothing makes it come sooner; so this extender, when it begins to decide and the plans are restored, sends
 * the missing Bindings itself. Through the binder, as the bind verb does: barrier, hold, uid, Lease, deadline, retries, read-back.
 *
 * Why nobody has to be asked (docs/decisions/0007): Bindings of a gang go out only when its minimum has come to bind, so kube-scheduler's
 * filters had found a node for each member just before. Which node that was may not have been written any more, so only members
 * count for whom the books know all that those filters look at. If they are too few, kube-scheduler does it all, as ever.
 *
 *   in part at the beginning of a term ── enough members have a place ──►  sent
 *   sent  ── all Bindings answered, still in part ──►  tried again about once a second, for some seconds
 *   any   ── whole, gone, time up, term over ──►  forgotten; whoever is left then waits for kube-scheduler, or for the grace (keeper.ts)
 */
import type { Gang } from '../../cluster/gangs/gangs.ts';
import { type GangStanding, standingOf } from '../../cluster/gangs/standing.ts';
import type { Hold } from '../../cluster/holds.ts';
import type { Picture } from '../../cluster/picture.ts';
import type { Planner } from '../../cluster/planner.ts';
import type { PodFacts } from '../../core/placement/pod-facts.ts';
import { backoffMs } from '../../kube/backoff.ts';
import type { Clock, Rng, Transport } from '../../kube/ports.ts';
import { BIND_OUTCOMES, type Binder, type BindOutcome } from '../verbs/bind.ts';
import { writeEvent } from './writes.ts';

export type GangCompleterOptions = {
  readonly picture: Picture;
  readonly planner: Pick<Planner, 'planGang'>;
  readonly binder: Pick<Binder, 'bind'>;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly mayBind: () => boolean;
  /** scheduler names whose pods are ours */
  readonly schedulers: readonly string[];
  readonly onSending: (gang: string, members: number) => void;
};

/** Long enough for a Binding refused once and a place found anew; kube-scheduler is back by then. */
const WINDOW_MS = 10_000;
const EVENT_TRIES = 5;

export class GangCompleter {
  readonly #options: GangCompleterOptions;
  /** gangs that were in part when this term began */
  readonly #halves = new Set<string>();
  readonly #underWay = new Set<string>();
  #until = 0;
  /** Bindings sent by it, by what came of them */
  readonly outcomes: Record<BindOutcome, number>;

  constructor(options: GangCompleterOptions) {
    this.#options = options;
    this.outcomes = Object.fromEntries(BIND_OUTCOMES.map((outcome) => [outcome, 0])) as Record<BindOutcome, number>;
  }

  /** This extender decides from now on: everything was listed afresh and the plans are restored. O(gangs) */
  begin(): void {
    const { picture, clock } = this.#options;
    this.#halves.clear();
    this.#until = clock.monotonic() + WINDOW_MS;
    for (const gang of picture.gangs.values()) if (this.#half(gang) !== null) this.#halves.add(gang.key);
    this.round();
  }

  /** It decides no more. */
  end(): void {
    this.#halves.clear();
  }

  /** About once a second. Costs nothing where nothing is in part. */
  round(): void {
    if (this.#halves.size === 0) return;
    const { picture, clock, mayBind } = this.#options;
    if (clock.monotonic() >= this.#until) this.#halves.clear();
    if (!mayBind()) return;
    const repelled = this.#repelled();
    for (const key of this.#halves) {
      const gang = picture.gangs.get(key);
      const standing = gang === undefined ? null : this.#half(gang);
      if (standing === null && !this.#underWay.has(key)) this.#halves.delete(key);
      if (standing !== null && !this.#underWay.has(key)) this.#complete(standing, repelled);
    }
  }

  /** Its standing if some of its members run, fewer than start together, and none of the rest is being bound; else null. */
  #half(gang: Gang): GangStanding | null {
    const standing = standingOf(gang);
    if (standing === null || standing.code !== null || !standing.strict || standing.dialect === 'native') return null;
    if (!standing.settled.some(({ terminal }) => !terminal)) return null;
    return this.#missing(standing) > 0 ? standing : null;
  }

  #missing({ key, minMember, settled }: GangStanding): number {
    const bound = new Set(settled.map(({ uid }) => uid));
    for (const { pod, state } of this.#options.picture.holds.ofGang(key)) if (state !== 'open') bound.add(pod.uid);
    return minMember - bound.size;
  }

  #complete(standing: GangStanding, repelled: (pod: PodFacts) => boolean): void {
    const { planner, binder, onSending } = this.#options;
    const { key } = standing;
    const missing = this.#missing(standing);
    const mayGo = new Set(this.#reachedBind(standing).filter((pod) => !pod.unmodelled && !repelled(pod)));
    if (mayGo.size < missing) return;
    if (this.#open(key).length < missing && planner.planGang(key).kind !== 'planned') return;
    const going = this.#open(key);
    const byUid = new Map([...mayGo].map((pod) => [pod.uid, pod]));
    // all of a plan or nobody: the barrier would wait for the rest, and then give up the plan
    if (going.length < missing || !going.every(({ pod }) => byUid.has(pod.uid))) return;
    onSending(key, going.length);
    this.#underWay.add(key);
    const binds = going.map(async ({ pod: { uid, namespace, name }, node }) => {
      const { outcome } = await binder.bind({ uid, namespace, name, node });
      this.outcomes[outcome]++;
      if (outcome === 'landed') this.#tell(byUid.get(uid)!, key, node, 1);
    });
    void Promise.allSettled(binds).then(() => this.#underWay.delete(key));
  }

  /** Places of members, given by a plan and not being bound yet. */
  #open(gang: string): readonly Hold[] {
    return this.#options.picture.holds
      .ofGang(gang)
      .filter(({ cause, state }) => cause === 'planned' && state === 'open');
  }

  /** Who can have been at bind with those that run: there before the first of them started, and no gate was in the way. */
  #reachedBind({ settled, waiting }: GangStanding): readonly PodFacts[] {
    const starts = settled.map(({ startedMs }) => startedMs).filter((ms) => ms > 0);
    const first = Math.min(Number.POSITIVE_INFINITY, ...starts);
    const { schedulers } = this.#options;
    return waiting.filter(
      ({ createdMs, gates, schedulerName }) =>
        createdMs <= first && gates.length === 0 && schedulers.includes(schedulerName),
    );
  }

  /** Whether somebody's anti-affinity may keep a pod away: by namespace, whatever its labels. O(pods) */
  #repelled(): (pod: PodFacts) => boolean {
    const namespaces = new Set<string>();
    let everywhere = false;
    for (const { repels, terminal, namespace } of this.#options.picture.pods()) {
      if (repels === 'nobody' || terminal) continue;
      if (repels === 'anybody') everywhere = true;
      else namespaces.add(namespace);
    }
    return ({ namespace }) => everywhere || namespaces.has(namespace);
  }

  #tell(pod: PodFacts, gang: string, node: string, attempt: number): void {
    const { clock, rng } = this.#options;
    const message = `bound to ${node} by the extender: gang ${gang} was bound in part when an extender ended, and kube-scheduler was not waited for`;
    const event = { type: 'Normal', reason: 'GangCompleted', message, action: 'Binding' } as const;
    void writeEvent(this.#options, pod, event).then((written) => {
      if (written.kind === 'done' || attempt === EVENT_TRIES) return;
      const pause = backoffMs(attempt, written.retryAfterSeconds, rng);
      clock.after(pause, () => this.#tell(pod, gang, node, attempt + 1));
    });
  }
}
