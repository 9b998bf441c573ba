/**
 * The gang barrier in bind: nobody of a gang is bound before enough of it to start have reached bind. It decides nothing and scarcity is
 * never fought here: every member that comes has its place. It only keeps kube-scheduler's binds, which come one by one, together.
 *
 * A member that waits ends in one of these ways:
 *
 *   enough came        → all of them are let go at once
 *   its hold is gone   (pod deleted, its node gone, the plan dropped or another one by now) → refused; the others wait on without it
 *   time is up         → all are refused and what is open of the plan ends: 10 s + minMember ÷ 50 s, or what the gang's
 *                        scheduleTimeoutSeconds says; at most 50 s, because kube-scheduler waits 60 s for its bind
 *   leadership lost, shutting down → all are refused at once
 *
 * Nothing is marked in the books before the barrier opens: a member that waits has sent nothing. One that comes costs the same however
 * many wait already; all of them are looked at when there may be enough, and a few times a second.
 */
import type { Decider, GangAtBind } from '../../cluster/decider.ts';
import type { Clock, Timer } from '../../kube/ports.ts';

export type BarrierOptions = {
  readonly decider: Pick<Decider, 'gangAtBind' | 'awaitAtBind' | 'dropPlan'>;
  readonly clock: Clock;
  /** false: leadership was lost, nobody may be let go */
  readonly mayBind: () => boolean;
};

/** `go`: bind now. The others say why not. */
export type BarrierAnswer = 'go' | 'dropped' | 'timeout' | 'closed';

type Waiting = { readonly uid: string; readonly node: string; readonly answer: (answer: BarrierAnswer) => void };
type Gathering = { readonly deadline: number; readonly waiting: Map<string, Waiting>; timer: Timer | null };

/** How often those who wait are looked at: deletions and lost leadership tell nobody here, ms. */
const LOOK_MS = 200;
const LEAST_MS = 10_000;
const MEMBERS_PER_SECOND = 50;
const MOST_MS = 50_000;

export class GangBarrier {
  readonly #options: BarrierOptions;
  readonly #gatherings = new Map<string, Gathering>();
  #closed = false;

  constructor(options: BarrierOptions) {
    this.#options = options;
  }

  /** Pods that wait now. */
  get waiting(): number {
    let pods = 0;
    for (const { waiting } of this.#gatherings.values()) pods += waiting.size;
    return pods;
  }

  /** Resolves when the pod may be bound, or may not. At once for a pod that starts by itself. */
  pass(uid: string, node: string): 'go' | Promise<BarrierAnswer> {
    const at = this.#options.decider.gangAtBind(uid);
    if (at === null || at.missing === 0) return 'go';
    if (this.#closed) return Promise.resolve('closed');
    return this.#wait(uid, node, at);
  }

  /** Refuses everybody who waits, and whoever comes from now on. */
  close(): void {
    this.#closed = true;
    for (const gang of [...this.#gatherings.keys()]) this.#end(gang, 'closed');
  }

  #wait(uid: string, node: string, { gang, minMember, missing, waitSeconds }: GangAtBind): Promise<BarrierAnswer> {
    const { clock } = this.#options;
    const usual = LEAST_MS + Math.ceil((1000 * minMember) / MEMBERS_PER_SECOND);
    const patience = Math.min(MOST_MS, waitSeconds === null ? usual : 1000 * waitSeconds);
    let gathering = this.#gatherings.get(gang);
    if (gathering === undefined) {
      gathering = { deadline: clock.monotonic() + patience, waiting: new Map(), timer: null };
      this.#gatherings.set(gang, gathering);
    }
    const { promise, resolve } = Promise.withResolvers<BarrierAnswer>();
    const waiting: Waiting = { uid, node, answer: resolve };
    gathering.waiting.get(uid)?.answer('dropped');
    gathering.waiting.set(uid, waiting);
    this.#keep(gathering, waiting);
    const open = gathering.waiting.size >= missing && this.#openIfEnough(gang, gathering);
    if (!open && gathering.timer === null) this.#lookLater(gang, gathering);
    return promise;
  }

  /** Lets all go if enough are here and each of them still has its place. True: nobody waits any more. */
  #openIfEnough(gang: string, gathering: Gathering): boolean {
    for (const waiting of [...gathering.waiting.values()]) this.#keep(gathering, waiting);
    const [first] = gathering.waiting.keys();
    const at = first === undefined ? null : this.#options.decider.gangAtBind(first);
    if (at !== null && gathering.waiting.size < at.missing) return false;
    this.#end(gang, 'go');
    return true;
  }

  /** Its place stays its own until time is up; if it has lost it, it is refused. */
  #keep(gathering: Gathering, { uid, node, answer }: Waiting): void {
    const { decider, clock } = this.#options;
    if (decider.awaitAtBind(uid, node, gathering.deadline - clock.monotonic() + LOOK_MS)) return;
    gathering.waiting.delete(uid);
    answer('dropped');
  }

  #lookLater(gang: string, gathering: Gathering): void {
    gathering.timer = this.#options.clock.after(LOOK_MS, () => {
      gathering.timer = null;
      this.#look(gang, gathering);
    });
  }

  #look(gang: string, gathering: Gathering): void {
    const { clock, decider, mayBind } = this.#options;
    const left = gathering.deadline - clock.monotonic();
    if (!mayBind() || left <= 0) {
      this.#end(gang, left <= 0 ? 'timeout' : 'closed');
      decider.dropPlan(gang, left <= 0);
      return;
    }
    if (!this.#openIfEnough(gang, gathering)) this.#lookLater(gang, gathering);
  }

  #end(gang: string, answer: BarrierAnswer): void {
    const gathering = this.#gatherings.get(gang);
    this.#gatherings.delete(gang);
    gathering?.timer?.cancel();
    for (const waiting of gathering?.waiting.values() ?? []) waiting.answer(answer);
  }
}
