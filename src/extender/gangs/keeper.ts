/**
 * Looks after gangs, about once a second while this extender decides: writes the status of our PodGroups, tells pods whose gang can
 * never start, and does what `onMemberLoss` says where too few members are alive.
 *
 * A gang goes through these states:
 *
 *   whole      ── fewer than minMember alive ──►  short
 *   short      ── enough again ───────────────►  whole
 *   short      ── for longer than the grace ──►  degraded: an event, the status, and by onMemberLoss
 *                    keep     nothing else
 *                    restart  all members are evicted, those that wait too
 *                    evict    those that run are evicted
 *   degraded   ── enough again, or none left ─►  whole, or waiting as if it had never run
 *
 * A gang that never was whole (an extender killed between two Bindings) and does not become it within the grace gives up what it has,
 * whatever onMemberLoss says: half a start is no loss of members. That holds for kube-scheduler's own pod groups too, whose Bindings are
 * ours; what they lose later is left to whoever made them.
 *
 * Everything is bounded: a round writes, tells and evicts only so much, the rest comes in the next one. What failed is tried again with
 * back-off. Nothing is decided here and nothing of it is needed for placing.
 */
import type { PodGroupStatus } from '../../cluster/crd/pod-group.ts';
import { MOST_PLAN_NODES } from '../../cluster/crd/pod-group.ts';
import type { Decider, GangRefusal } from '../../cluster/decider.ts';
import type { Gang } from '../../cluster/gangs/gangs.ts';
import { type GangStanding, standingOf } from '../../cluster/gangs/standing.ts';
import { camelReason, closestText, type GangReport, reportOf } from '../../cluster/gangs/status.ts';
import type { Picture } from '../../cluster/picture.ts';
import type { PodFacts } from '../../core/placement/pod-facts.ts';
import { REASONS } from '../../core/reasons.ts';
import { backoffMs } from '../../kube/backoff.ts';
import type { Clock, Rng, Transport } from '../../kube/ports.ts';
import { Once } from './once.ts';
import { evict, writeEvent, writeStatus } from './writes.ts';

export type GangKeeperOptions = {
  readonly picture: Picture;
  readonly decider: Pick<Decider, 'explainGang' | 'gangRefusal'>;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly mayWrite: () => boolean;
  /** scheduler names whose pods are ours */
  readonly schedulers: readonly string[];
  readonly graceMs: number;
};

const STATUSES_A_ROUND = 50;
const EVENTS_A_ROUND = 50;
const EVICTIONS_A_ROUND = 20;
/** looking how many would fit costs up to some tens of ms */
const EXPLAINED_A_ROUND = 2;
/** amounts change all the time; a phase or reason is written at once */
const WRITTEN_EVERY_MS = 2_000;
const EXPLAINED_EVERY_MS = 10_000;

type Known = {
  /** of what was looked at last */
  version: number;
  holds: string;
  refusal: GangRefusal | null;
  /** monotonic ms since which too few are alive; null: enough, or none */
  shortSince: number | null;
  /** its members may not all have been told yet */
  invalid: boolean;
  /** it was seen with enough members */
  whole: boolean;
  /** it never was whole and is told to go: by the time half of it is gone nobody could tell any more */
  givenUp: boolean;
  closest: string;
  explainedAt: number;
  /** the status as written last, its phase and reason, and when the next may be written */
  written: string;
  saying: string;
  since: string;
  next: number;
  failures: number;
  busy: boolean;
};

export class GangKeeper {
  readonly #options: GangKeeperOptions;
  readonly #known = new Map<string, Known>();
  readonly #told: Once;
  readonly #evicted: Once;
  #left = { statuses: 0, explained: 0 };

  constructor(options: GangKeeperOptions) {
    this.#options = options;
    const { clock, rng } = options;
    this.#told = new Once(clock, rng, EVENTS_A_ROUND);
    this.#evicted = new Once(clock, rng, EVICTIONS_A_ROUND);
  }

  /** Somebody else may have written since, and what we saw of a grace is not what they saw. */
  beginAnew(): void {
    this.#known.clear();
  }

  /** O(gangs), and O(members) of those that changed or are short. */
  round(): void {
    const { picture, mayWrite, decider, clock } = this.#options;
    if (!mayWrite()) return;
    const now = clock.monotonic();
    this.#left = { statuses: STATUSES_A_ROUND, explained: EXPLAINED_A_ROUND };
    this.#told.begin();
    this.#evicted.begin();
    for (const gang of picture.gangs.values()) {
      const known = this.#of(gang.key);
      const holds = picture.holds
        .ofGang(gang.key)
        .map(({ pod, node, state }) => `${pod.uid} ${node} ${state === 'open'}`)
        .join();
      const refusal = decider.gangRefusal(gang.key);
      const same = known.version === gang.version && known.holds === holds && known.refusal === refusal;
      if (same && known.shortSince === null && !known.invalid && (known.busy || now < known.next)) continue;
      Object.assign(known, { version: gang.version, holds, refusal });
      this.#look(gang, known);
    }
    for (const key of this.#known.keys()) if (picture.gangs.get(key) === undefined) this.#known.delete(key);
  }

  #look(gang: Gang, known: Known): void {
    const standing = standingOf(gang);
    const degraded = standing !== null && this.#isDegraded(standing, known);
    known.invalid = standing?.code === 'gang-invalid';
    if (standing !== null && known.invalid) this.#complain(standing);
    if (standing !== null && degraded) this.#lost(standing, known);
    const object = gang.objects.get('muster');
    if (object === undefined) {
      known.next = Number.POSITIVE_INFINITY;
      return;
    }
    // its pods were cleaned up after its end
    if (standing === null && (object.phase === 'Finished' || object.phase === 'Failed')) {
      known.next = Number.POSITIVE_INFINITY;
      return;
    }
    this.#explain(gang.key, known);
    const { picture } = this.#options;
    const report = reportOf({
      gang,
      standing,
      priority: priorityIn(picture, standing),
      // what is kept for it while victims end is no plan yet
      holds: picture.holds.ofGang(gang.key).filter(({ cause }) => cause !== 'awaiting'),
      degraded,
      refusal: known.refusal?.code ?? null,
      closest: known.closest,
    });
    this.#write(gang, known, report);
  }

  /** Counts members at bind as alive; only gangs all of whose members are ours. */
  #isDegraded(standing: GangStanding, known: Known): boolean {
    const { clock, picture, graceMs, schedulers } = this.#options;
    const { key, minMember, settled, dialect, strict, code } = standing;
    const atBind = picture.holds.ofGang(key).filter(({ state }) => state !== 'open').length;
    const running = settled.filter(({ terminal }) => !terminal);
    const enough = settled.length + atBind >= minMember;
    known.whole ||= enough && running.length > 0;
    const mine = dialect !== 'native' || known.givenUp || isHalf(standing, known, running);
    const ours = [...settled, ...standing.waiting].every(({ schedulerName }) => schedulers.includes(schedulerName));
    if (enough || running.length === 0 || !mine || !strict || !ours || code === 'gang-invalid') {
      known.shortSince = null;
      known.givenUp = false;
      return false;
    }
    known.shortSince ??= clock.monotonic();
    const degraded = clock.monotonic() - known.shortSince >= graceMs;
    known.givenUp ||= degraded && isHalf(standing, known, running);
    return degraded;
  }

  #lost(standing: GangStanding, known: Known): void {
    const { key, settled, waiting, minMember, object } = standing;
    const loss = object?.onMemberLoss ?? 'keep';
    const running = settled.filter(({ terminal }) => !terminal);
    const message = `gang ${key}: ${REASONS['gang-degraded'].text}`;
    const leaving = loss === 'restart' ? [...running, ...waiting] : loss === 'evict' || known.givenUp ? running : [];
    const does = leaving.length === 0 ? 'it stays as it is (onMemberLoss: keep)' : 'it is evicted';
    for (const pod of running) this.#tell(pod, 'GangDegraded', `${message} (${minMember}); ${does}`, 'Eviction');
    for (const pod of leaving) {
      // never silently: nobody goes who was not told why
      this.#tell(pod, 'GangDegraded', `${message} (${minMember}); ${does}`, 'Eviction');
      this.#evicted.do(pod.uid, () => evict(this.#options, pod));
    }
  }

  #complain({ waiting, detail, key }: GangStanding): void {
    const { schedulers } = this.#options;
    for (const pod of waiting)
      if (schedulers.includes(pod.schedulerName))
        this.#tell(pod, camelReason('gang-invalid'), `gang ${key}: ${detail}`, 'Scheduling');
  }

  #tell(pod: PodFacts, reason: string, message: string, action: string): void {
    this.#told.do(`${pod.uid} ${reason}`, () => writeEvent(this.#options, pod, { reason, message, action }));
  }

  #explain(key: string, known: Known): void {
    const { clock, decider } = this.#options;
    if (known.refusal === null) {
      known.closest = '';
      return;
    }
    const now = clock.monotonic();
    if (now - known.explainedAt < EXPLAINED_EVERY_MS || this.#left.explained === 0) return;
    this.#left.explained--;
    known.explainedAt = now;
    const explained = decider.explainGang(key);
    known.closest = explained === null ? '' : closestText(explained);
  }

  #write(gang: Gang, known: Known, report: GangReport): void {
    const { clock, rng } = this.#options;
    const object = gang.objects.get('muster')!;
    const now = clock.monotonic();
    const text = JSON.stringify([report, object.uid, object.generation]);
    if (text === known.written) {
      // the amounts of one that waits are looked at again by and by
      known.next = report.code === null || known.refusal === null ? Number.POSITIVE_INFINITY : now + EXPLAINED_EVERY_MS;
      return;
    }
    const saying = `${report.phase} ${report.code} ${report.members.bound}`;
    if (known.next === Number.POSITIVE_INFINITY || (saying !== known.saying && known.failures === 0)) known.next = now;
    if (known.busy || now < known.next || this.#left.statuses === 0) return;
    this.#left.statuses--;
    if (saying !== known.saying || known.since === '') known.since = new Date(clock.now()).toISOString();
    known.saying = saying;
    known.busy = true;
    const [namespace, name] = gang.key.split('/') as [string, string];
    void writeStatus(
      this.#options,
      { namespace, name, uid: object.uid },
      statusOf(report, object.generation, known.since),
    ).then((written) => {
      known.busy = false;
      const at = clock.monotonic();
      if (written.kind === 'done') {
        known.written = text;
        known.failures = 0;
        known.next = at + WRITTEN_EVERY_MS;
      } else known.next = at + backoffMs(++known.failures, written.retryAfterSeconds, rng);
    });
  }

  #of(key: string): Known {
    let known = this.#known.get(key);
    if (known === undefined) {
      known = {
        version: -1,
        holds: '',
        refusal: null,
        shortSince: null,
        invalid: false,
        whole: false,
        givenUp: false,
        closest: '',
        explainedAt: Number.NEGATIVE_INFINITY,
        written: '',
        saying: '',
        since: '',
        next: 0,
        failures: 0,
        busy: false,
      };
      this.#known.set(key, known);
    }
    return known;
  }
}

/** It began, and never had its minimum. */
const isHalf = (standing: GangStanding, { whole }: Known, running: readonly PodFacts[]): boolean =>
  !whole && neverWhole(standing, running);

/** Those that are missing were there, and waiting, before the first of those that run had started. */
function neverWhole({ waiting, settled, minMember }: GangStanding, running: readonly PodFacts[]): boolean {
  const first = Math.min(...running.map(({ startedMs }) => startedMs));
  return waiting.filter(({ createdMs }) => createdMs <= first).length >= minMember - settled.length;
}

function priorityIn({ gangs }: Picture, standing: GangStanding | null): number | null {
  const pods = standing === null ? [] : [...standing.settled, ...standing.waiting];
  return pods.length === 0 ? null : pods.reduce((most, pod) => Math.max(most, gangs.priorityOf(pod)), -(2 ** 31));
}

function statusOf(
  { phase, code, message, members, queue, priority, plan }: GangReport,
  generation: number | undefined,
  since: string,
): { readonly [key in keyof PodGroupStatus]: PodGroupStatus[key] | null } {
  const started = phase === 'Running' || phase === 'Finished';
  const observed = generation === undefined ? {} : { observedGeneration: generation };
  return {
    phase,
    reason: code,
    message: message === '' ? null : message.slice(0, 1024),
    members,
    queue,
    priority,
    plan: plan.length === 0 ? null : plan.slice(0, MOST_PLAN_NODES),
    ...observed,
    conditions: [
      {
        type: 'Started',
        status: started ? 'True' : 'False',
        reason: code === null ? phase : camelReason(code),
        message: code === null ? '' : REASONS[code].text,
        lastTransitionTime: since,
        ...observed,
      },
    ],
  };
}
