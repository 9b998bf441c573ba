/**
 * The placer: for whoever waits behind our gate, in order, decide → hold → write → lift. Decisions are synchronous steps on the books
 * (`rounds.ts`), writes go out side by side and find by themselves what a pod lacks (`next-write.ts`), so that a crash anywhere leaves
 * nothing but work to be done.
 *
 * It acts only while its extender decides. It has no loop of its own: what happens to pods sets it going, and once a second it looks
 * whether a node came or a deadline passed.
 */
import type { Picture } from '../cluster/picture.ts';
import type { Planner } from '../cluster/planner.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import { conditionReason, type ReasonCode } from '../core/reasons.ts';
import { TransportError } from '../kube/errors.ts';
import type { Clock, Rng, Timer, Transport } from '../kube/ports.ts';
import { Backlog } from './backlog.ts';
import { Evictor } from './evict.ts';
import { BEYOND_HELP, Head } from './head.ts';
import { Lanes, type Sent } from './lanes.ts';
import { Line } from './line.ts';
import { type Known, nextWrite, nothingKnown, type Write } from './next-write.ts';
import { patchFor, placedPatch } from './nominate.ts';
import { Pace } from './pace.ts';
import { Rounds } from './rounds.ts';

export type PlacerConfig = {
  /** writes under way at a time */
  readonly concurrency: number;
  /** how many seconds of binds are decided ahead */
  readonly nominateSeconds: number;
  /** … and never fewer pods than this */
  readonly nominateLeast: number;
  /** pods without our gate are nominated from so many nodes and so many waiting of them on */
  readonly minNodes: number;
  readonly minBacklog: number;
  /** pods without a place that kube-scheduler may see at a time */
  readonly exposeHead: number;
};

export type PlacerOptions = {
  readonly picture: Picture;
  readonly planner: Planner;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly config: PlacerConfig;
  /** A write ends by then, for the API server too: whoever decides after us may not find ours coming in, ms. */
  readonly callDeadlineMs: number;
  /** pods that name another scheduler are not ours */
  readonly schedulerNames: readonly string[];
  readonly mayDecide: () => boolean;
  /** for logs */
  readonly onProblem: (message: string, details: object) => void;
};

/** What happens within so many ms is looked at together; a line of thousands more rarely, it costs more to look at. */
const BATCH_MS = 5;
const PODS_PER_MS = 40;
const LOOK_MS = 1_000;
/** A reason that only changes back and forth is not worth a write each time, ms. */
const REPORT_MS = 30_000;
/** Members come one after the other: only a gang that is not whole after so long says so, ms. */
const INCOMPLETE_MS = 2_000;
/** A nomination that the pod does not show yet is not written twice, ms. */
const SHOWN_MS = 1_000;
/** A gang for which nobody can be evicted is looked at again after so long, ms. */
const HELPLESS_MS = 30_000;
/** Refused for good so often, the pod is left to filter. */
const REFUSALS = 3;
export class Placer {
  readonly #options: PlacerOptions;
  readonly #line: Line;
  readonly #lanes: Lanes;
  readonly #rounds: Rounds;
  readonly #backlog: Backlog;
  readonly #evictor: Evictor;
  readonly #head: Head;
  readonly #pace: Pace;
  readonly #known = new Map<string, Known>();
  readonly #nominatedAt = new WeakMap<object, number>();
  /** bound without us, after we had said that there is no place */
  readonly #owed = new Map<string, PodFacts>();
  readonly #touched = new Set<string>();
  /** gangs for which nobody could be evicted, and until when they are not looked at again, monotonic ms */
  readonly #helpless = new Map<string, number>();
  #timer: Timer | null = null;
  #look: Timer | null = null;
  #objectsVersion = 0;
  #closed = false;
  #decided = false;
  writes = 0;

  constructor(options: PlacerOptions) {
    this.#options = options;
    const { picture, planner, clock, config, schedulerNames, rng } = options;
    this.#line = new Line(schedulerNames, (pod) => picture.gangs.priorityOf(pod));
    this.#pace = new Pace(config);
    this.#evictor = new Evictor(options);
    this.#lanes = new Lanes({ clock, rng, concurrency: config.concurrency, step: (uid) => this.#step(uid) });
    const onPlanned = (uids: readonly string[]): void => {
      for (const uid of uids) {
        const known = this.#of(uid);
        known.code = null;
        known.through = false;
        // kube-scheduler has given up on those that were let through without a place
        known.wanted = true;
        this.#lanes.add(uid);
      }
    };
    this.#rounds = new Rounds({
      picture,
      planner,
      line: this.#line,
      hadPlace: (uid) => this.#known.get(uid)?.withdrawn != null,
      onPlanned,
      onRefused: (...args) => this.#refused(...args),
    });
    this.#head = new Head({ picture, line: this.#line, known: (uid) => this.#known.get(uid) });
    this.#backlog = new Backlog({ picture, planner, line: this.#line, config });
  }

  /** pods that wait */
  get waiting(): number {
    return this.#line.size;
  }

  /** pods that kube-scheduler may see although they have no place, as far as they are counted */
  get exposed(): number {
    return this.#head.shown;
  }

  /** Listens to what happens to pods; before the first of them is known. */
  begin(): void {
    this.#options.picture.onPod = (uid) => {
      this.#touched.add(uid);
      this.#soon();
    };
    this.#lookAgain();
  }

  /** Its extender begins to decide. */
  decides(): void {
    this.#decided = false;
    this.#soon();
  }

  /** Whatever was known of writes may have been undone by others meanwhile. */
  #beginAnew(): void {
    this.#known.clear();
    this.#rounds.beginAnew();
    for (const place of this.#line.places()) for (const uid of place.pods.keys()) this.#lanes.add(uid);
    // nor may those who decided before have said of all that were bound that they are placed
    for (const uid of this.#owed.keys()) this.#lanes.add(uid);
  }

  /** Pods that have a place that kube-scheduler must hear of, now. */
  nominate(pods: readonly PodFacts[]): void {
    const now = this.#options.clock.monotonic();
    for (const { uid } of pods) {
      const known = this.#of(uid);
      known.wanted = true;
      const { nominated } = known;
      if (nominated !== null && now - (this.#nominatedAt.get(nominated) ?? 0) > SHOWN_MS) known.nominated = null;
      this.#lanes.add(uid);
    }
  }

  /** Resolves when the writes under way have their answers. */
  close(): Promise<void> {
    this.#closed = true;
    this.#options.picture.onPod = null;
    this.#timer?.cancel();
    this.#look?.cancel();
    this.#evictor.close();
    return this.#lanes.close();
  }

  #lookAgain(): void {
    this.#look = this.#options.clock.after(LOOK_MS, () => {
      this.#lookAgain();
      // reasons that waited for their time
      const now = this.#options.clock.monotonic();
      for (const [uid, { code, reported, reportAt }] of this.#known)
        if (code !== null && reportAt > 0 && reportAt <= now && reported !== conditionReason(code))
          this.#lanes.add(uid);
      this.#soon();
    });
  }

  #soon(afterMs = Math.max(BATCH_MS, Math.floor(this.#line.size / PODS_PER_MS))): void {
    if (this.#closed || this.#timer !== null) return;
    this.#timer = this.#options.clock.after(afterMs, () => {
      this.#timer = null;
      this.#run();
    });
  }

  #run(): void {
    const { picture, config, clock, mayDecide } = this.#options;
    this.#takeTouched();
    const decides = mayDecide();
    if (decides && !this.#decided) this.#beginAnew();
    this.#decided = decides;
    if (!decides) return;
    const room = this.#pace.limit(clock.monotonic()) - picture.holds.countByCause().planned;
    if (picture.gangs.objectsVersion !== this.#objectsVersion) {
      this.#objectsVersion = picture.gangs.objectsVersion;
      this.#line.rankAnew((gang) => picture.gangs.get(gang)?.version ?? 0);
      this.#rounds.objectsChanged();
    }
    const done = this.#rounds.go(Math.max(0, room), clock.monotonic());
    for (const uid of this.#backlog.plan(Math.max(0, room))) {
      this.#of(uid).wanted = true;
      this.#lanes.add(uid);
    }
    this.#letThrough(this.#head.toExpose(config.exposeHead));
    this.#evict();
    if (!done) this.#soon(BATCH_MS);
  }

  #takeTouched(): void {
    const { picture, clock } = this.#options;
    for (const uid of this.#touched) {
      const before = this.#line.pod(uid);
      const pod = picture.pod(uid);
      this.#line.update(uid, pod);
      if (before !== undefined && pod !== undefined && pod.nodeName !== null) {
        this.#pace.bound(clock.monotonic());
        if (before.unplacedReason !== null || this.#known.get(uid)?.reported != null) this.#owed.set(uid, pod);
      }
      // on a standby nobody else forgets them
      else if (pod === undefined || pod.terminal || pod.unplacedReason === null) this.#owed.delete(uid);
      const waits = this.#line.pod(uid) !== undefined;
      if (!waits) {
        this.#known.delete(uid);
        this.#head.forget(uid);
      }
      if (waits && !pod!.gated && pod!.unplacedReason !== null) this.#head.notice(uid);
      if (picture.holds.get(uid) !== undefined) this.#rounds.forget(uid);
      if (waits || this.#owed.has(uid)) this.#lanes.add(uid);
    }
    this.#touched.clear();
  }

  #refused(pod: PodFacts, code: ReasonCode | null, asGang: boolean): void {
    const known = this.#of(pod.uid);
    known.asGang = asGang;
    known.through = code === null || (known.through && !BEYOND_HELP.has(code));
    const said = known.reported ?? pod.unplacedReason;
    if (code === 'gang-incomplete' && known.code !== code && said === null)
      known.reportAt = this.#options.clock.monotonic() + INCOMPLETE_MS;
    else if (known.code === 'gang-incomplete' && code !== known.code) known.reportAt = 0;
    const news = known.code !== code || code === null;
    known.code = code;
    if (news) this.#lanes.add(pod.uid);
  }

  #letThrough(uids: readonly string[]): void {
    for (const uid of uids) {
      this.#of(uid).through = true;
      this.#lanes.add(uid);
    }
  }

  /** For the first one in line that only fragmentation keeps waiting, or the first gang that pods of lower priority do. */
  #evict(): void {
    if (!this.#evictor.due) return;
    const { picture, clock } = this.#options;
    const now = clock.monotonic();
    for (const [gang, until] of this.#helpless) if (until <= now) this.#helpless.delete(gang);
    let looked = 0;
    for (const { gang, pods } of this.#line.places()) {
      if (++looked > PODS_PER_MS) return;
      const [pod] = pods.values();
      if (pod === undefined || picture.holds.get(pod.uid) !== undefined) continue;
      if (gang !== null) {
        if (this.#helpless.has(gang) || !this.#lacksRoom(pod)) continue;
        this.#evictor.makeRoomForGang(gang, {
          onHelpless: () => this.#helpless.set(gang, clock.monotonic() + HELPLESS_MS),
          onFound: () => {
            for (const member of pods.values()) this.#refused(member, 'victims-terminating', true);
          },
        });
        return;
      }
      const fragmented =
        this.#known.get(pod.uid)?.code === 'gpu-fragmented' || picture.refusal(pod.uid)?.onlyFragmentation === true;
      if (!fragmented) continue;
      this.#evictor.makeRoomFor(pod);
      return;
    }
  }

  /** It is in a gang that is whole and fits nowhere. */
  #lacksRoom(pod: PodFacts): boolean {
    const code = this.#known.get(pod.uid)?.code;
    return code === undefined || code === null
      ? !pod.gated && this.#options.picture.isRefused(pod.uid)
      : code === 'gang-no-room' || code === 'gang-topology';
  }

  /** What the pod lacks, as a write under way; null: nothing. */
  #step(uid: string): Promise<Sent> | null {
    const { picture, clock, mayDecide, callDeadlineMs: timeoutMs } = this.#options;
    if (this.#closed || !mayDecide()) return null;
    const owed = this.#owed.get(uid);
    if (owed !== undefined) {
      this.#owed.delete(uid);
      return this.#send(
        placedPatch(owed, timeoutMs, clock.now()),
        () => 'over',
        () => {},
      );
    }
    const hold = picture.holds.get(uid);
    // filter may have shown a pod before the informer did
    const pod = picture.pod(uid) ?? hold?.pod;
    if (pod === undefined || pod.nodeName !== null) return null;
    const known = this.#of(uid);
    const write = nextWrite(pod, hold, known, clock.monotonic());
    if (write === null) return null;
    const left = write.kind === 'nominate' ? (write.hold.deadline ?? clock.monotonic()) - clock.monotonic() : 0;
    const request = patchFor(pod, write, { timeoutMs, now: clock.now(), planMs: Math.max(0, left) });
    return this.#send(
      request,
      () => {
        this.#written(known, write);
        return 'done';
      },
      (status) => this.#refusedForGood(pod, known, write, status),
    );
  }

  #written(known: Known, write: Write): void {
    const now = this.#options.clock.monotonic();
    known.failures = 0;
    if (write.kind === 'nominate') {
      known.nominated = write.hold;
      this.#nominatedAt.set(write.hold, now);
      if (write.clear) known.reported = null;
    } else if (write.kind === 'lift') known.lifted = true;
    else if (write.kind === 'withdraw') {
      known.withdrawn = write.plan;
      known.nominated = null;
      known.wanted = false;
    } else {
      known.reported = conditionReason(write.code);
      known.reportAt = now + REPORT_MS;
    }
  }

  async #send(
    request: Parameters<Transport['request']>[0],
    done: () => 'done' | 'over',
    refused: (status: number) => void,
  ): Promise<Sent> {
    this.writes++;
    try {
      const { status, retryAfterSeconds } = await this.#options.transport.request(request);
      if (status < 300) return { kind: done() };
      // another pod of that name, or none: the informer will say so
      if (status === 404) return { kind: 'over' };
      if (status === 409 || status === 429 || status >= 500) return { kind: 'again', retryAfterSeconds };
      refused(status);
      return { kind: 'again', retryAfterSeconds };
    } catch (error) {
      // it may have happened: writing it again changes nothing
      if (error instanceof TransportError) return { kind: 'again', retryAfterSeconds: null };
      throw error;
    }
  }

  #refusedForGood(pod: PodFacts, known: Known, write: Write, status: number): void {
    const { onProblem, planner } = this.#options;
    onProblem('the API server refuses a write of the placer', {
      pod: `${pod.namespace}/${pod.name}`,
      write: write.kind,
      status,
    });
    if (++known.failures >= REFUSALS && write.kind === 'nominate') planner.unwritable(pod.uid);
  }

  #of(uid: string): Known {
    let known = this.#known.get(uid);
    if (known === undefined) {
      known = nothingKnown();
      this.#known.set(uid, known);
    }
    return known;
  }
}
