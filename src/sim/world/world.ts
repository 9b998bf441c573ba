/**
 * One bad day, from one seed: an API, one or two pairs of kube-scheduler and real extender, kubelets, users; on virtual time.
 * First faults happen for the length of the day; then none do, and within `SETTLE_MS` everything that fits must be bound and the books must
 * say what the objects say.
 *
 * A step is one entry of virtual time with every promise that it resolves: one turn of the real event loop, in which nothing
 * else is waited for.
 */
import { mutatePod } from '../../admission/mutate.ts';
import { definitionOf } from '../../cluster/crd/definition.ts';
import { POD_GROUP } from '../../cluster/crd/pod-group.ts';
import { SCHEDULER_NAME } from '../../core/names.ts';
import { DEFAULT_DIALECT_OPTIONS } from '../../dialects/reading.ts';
import { Api } from '../api/api.ts';
import { ApiError } from '../api/errors.ts';
import type { KubeObject } from '../api/object.ts';
import { applyPatchOf, JSON_PATCH } from '../api/patch.ts';
import type { Admission } from '../api/writes.ts';
import { Kubelet } from '../kubelet/kubelet.ts';
import { BUGS } from './bugs.ts';
import { Chance, EVERY_FAULT, type FaultFilter } from './chance.ts';
import { drawnLength, Events, type Length } from './events.ts';
import { DEFAULT_RATES, type FaultKind, type Rates } from './faults.ts';
import { FORMS } from './gang-workload.ts';
import { type Machine, Member, type Wiring } from './member.ts';
import { Network } from './network.ts';
import { LARGEST_MIB } from './nodes.ts';
import type { Invariant, Violation } from './oracle/law.ts';
import { Oracle } from './oracle/oracle.ts';
import { Pair, type PairOptions } from './pair.ts';
import { Process, VirtualTime, WallClock } from './time.ts';
import { Trace } from './trace.ts';
import { PRIORITY_CLASSES } from './workload.ts';

/** kube-scheduler looks again at a pod that nothing woke after 5 minutes, and it looks whether to look every 30 s */
const SETTLE_MS = 400_000;
/** calls that were under way have arrived by then; whoever still stands still has books that differ, or nothing to hear */
const CALM_MS = 12_000;
const LOOK_MS = 5_000;
const STILL_MS = 2_000;
/** steps until faults stop, at least; those that are promised beyond that are taken after it */
const BUSY_STEPS = 350;
const TURNS = 64;
/** a world that does not end by itself */
const MOST_STEPS = 200_000;

export type DaySize = {
  readonly nodes: number;
  readonly pods: number;
  readonly steps: number;
  readonly faults: number;
};

/** Of every seed. */
export const LEAST: DaySize = { nodes: 6, pods: 30, steps: 500, faults: 10 };

export type WorldOptions = {
  readonly seed: number;
  readonly rates?: Partial<Rates>;
  readonly filter?: FaultFilter;
  /** name of a known bug to switch on */
  readonly bug?: string | null;
  readonly trace?: boolean;
  readonly record?: PairOptions['record'];
};

export type WorldResult = {
  readonly seed: number;
  /** the first violation and the step at which it was seen; null: none */
  readonly failure: (Violation & { readonly step: number; readonly atMs: number }) | null;
  readonly steps: number;
  /** virtual ms from the end of faults until all was settled */
  readonly settledMs: number;
  /** made in all */
  readonly pods: number;
  readonly nodes: number;
  readonly faults: readonly string[];
  readonly checks: Readonly<Record<Invariant, number>>;
  readonly hash: string;
  readonly trace: readonly string[];
};

const DEFINITION = ['/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definitionOf(POD_GROUP)] as const;
const priorityClass = ([name, value]: readonly [string, number]) =>
  ['/apis/scheduling.k8s.io/v1/priorityclasses', { metadata: { name }, value }] as const;

/** The webhook. `away`: it crashes, hangs or is not there; its failurePolicy is Ignore. */
const admission =
  (away: () => boolean, gate: boolean): Admission =>
  async ({ operation, route, object }) => {
    if (operation !== 'CREATE' || route.resource.kind !== 'Pod' || route.subresource !== '' || away()) return object;
    const mutation = mutatePod(object, route.namespace ?? '', {
      schedulerNames: [SCHEDULER_NAME],
      runtimeClassName: null,
      runtimeClassExists: () => false,
      largestDeviceMib: LARGEST_MIB,
      gate,
      dialects: DEFAULT_DIALECT_OPTIONS,
    });
    if (mutation.kind === 'refused') throw new ApiError('Forbidden', mutation.message);
    return mutation.kind === 'patched' ? (applyPatchOf(JSON_PATCH, object, mutation.patch) as KubeObject) : object;
  };

/** Runs one world to its end or its first violation. Never rejects for what happens inside. */
export async function runWorld(options: WorldOptions): Promise<WorldResult> {
  const world = new World(options);
  await world.run();
  return world.result();
}

/** All kubelets are one program: a machine of their own, killed and started again like everybody. */
function kubelets(wiring: Wiring): Member {
  const machine: Machine = { name: 'nodes', wall: new WallClock() };
  return new Member({
    name: 'kubelet',
    kind: 'kubelet',
    machine,
    wiring,
    unconditional: true,
    begin({ process, transport, rng }) {
      const kubelet = new Kubelet({ transport, clock: process.clock, rng });
      kubelet.start().catch((error: unknown) => wiring.onThrow(process.name, error));
    },
  });
}

class World {
  readonly #options: WorldOptions;
  readonly #time = new VirtualTime();
  readonly #chance: Chance;
  readonly #trace: Trace;
  readonly #api: Api;
  readonly #oracle: Oracle;
  readonly #events: Events;
  readonly #length: Length;
  /** virtual ms from which on nothing goes wrong */
  #calmAt = 0;
  #steps = 0;
  #settledAt = 0;
  #done = false;

  constructor(options: WorldOptions) {
    this.#options = options;
    const time = this.#time;
    const chance = new Chance(options.seed, options.filter ?? EVERY_FAULT);
    const trace = new Trace(options.trace ?? false, () => time.now);
    const rates: Rates = { ...DEFAULT_RATES, ...options.rates };
    const bug = options.bug ? (BUGS[options.bug] ?? null) : null;
    this.#chance = chance;
    this.#trace = trace;
    // every other day somebody decides ahead of kube-scheduler; most known bugs are in what it does not use
    const placer = bug === null ? chance.draw('placer') < 0.5 : bug.placer === true;
    const forms = chance.pick('gang forms', FORMS);
    this.#length = drawnLength(chance);
    const api = this.#makeApi(rates, placer);
    this.#api = api;
    const elects = chance.draw('world') < 0.75 || bug?.leadership === 'ignored';
    const two = elects && (chance.draw('world') < 0.4 || bug?.leadership === 'ignored');
    const network = new Network({
      time,
      chance,
      trace,
      api,
      rates,
      stalledUntil: new Map(),
      onDone: (by, { method, path }, status) => {
        if (method === 'POST' && path.includes('/binding') && status === 201 && by.name.startsWith('extender-'))
          this.#oracle.bindingDone(by.name.slice('extender-'.length));
      },
    });
    const onThrow = (where: string, error: unknown): void =>
      this.#oracle.report(
        'exception',
        `${where}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      );
    const wiring: Wiring = { time, chance, trace, rates, network, onThrow };
    const audit = {
      onChecked: (difference: string | null): void => {
        this.#oracle.check('answer-differs');
        if (difference !== null) this.#oracle.report('answer-differs', difference);
      },
      onPromise: (uid: string, node: string): void => {
        this.#oracle.promised(uid, node);
        this.#events.promised(node);
      },
      onFilter: (uid: string, node: string | null): void => this.#oracle.filtered(uid, node),
      onArrived: (process: Process, uid: string): void => this.#oracle.arrived(process, uid),
      onBind: (process: Process, uid: string, letGo: boolean): void => this.#oracle.bindTried(process, uid, letGo),
    };
    const pairs = (two ? ['a', 'b'] : ['a']).map((name) => {
      return new Pair({
        name,
        elects,
        placer,
        podGroups: forms === 'native',
        wiring,
        bug,
        audit,
        record: options.record,
      });
    });
    const members = [...pairs.flatMap((pair) => pair.members), kubelets(wiring)];
    this.#oracle = new Oracle({ store: api.store, now: () => time.now, seats: () => pairs, elects });
    this.#events = new Events({ api, wiring, members, length: this.#length, forms });
    time.after(0, () => {
      const installed = [
        ...Object.entries(PRIORITY_CLASSES).map(priorityClass),
        ...(forms === 'object' ? [DEFINITION] : []),
      ];
      for (const [path, body] of installed) void this.#create(path, body);
      this.#events.plan();
    });
    // what is installed is served by then
    time.after(1, () => {
      for (const member of members) member.start();
    });
    time.after(this.#length.span, () => this.#maybeCalm(1));
  }

  #makeApi(rates: Rates, placer: boolean): Api {
    let uids = 0;
    return new Api({
      clock: new Process('api', this.#time, new WallClock()).clock,
      newUid: () => `00000000-0000-4000-8000-${(++uids).toString(16).padStart(12, '0')}`,
      admit: admission(
        () => this.#chance.fault<FaultKind>('webhook', [['webhook-away', rates['webhook-away']]]) !== null,
        placer,
      ),
    });
  }

  run(): Promise<void> {
    return new Promise((resolve) => {
      let over = false;
      const turn = (): void => {
        if (over) return;
        // what the step before set going has run to its end by now
        if (this.#steps > 0) this.#oracle.afterStep();
        over = this.#done || this.#oracle.violations.length > 0 || !this.#step();
        if (over) resolve();
      };
      // many turns to a round of the event loop, which asks the operating system for nothing that happens here; promises resolve after each
      const round = (): void => {
        for (let count = 0; count < TURNS; count++) setImmediate(turn);
        setImmediate(() => {
          if (!over) round();
        });
      };
      round();
    });
  }

  #step(): boolean {
    this.#steps++;
    if (this.#steps <= MOST_STEPS && this.#time.next()) return true;
    this.#oracle.report('not-quiet', `${this.#steps} steps and no end`);
    return false;
  }

  result(): WorldResult {
    const [violation] = this.#oracle.violations;
    return {
      seed: this.#options.seed,
      failure: violation === undefined ? null : { ...violation, step: this.#steps, atMs: this.#time.now },
      steps: this.#steps,
      settledMs: this.#settledAt - this.#calmAt,
      ...this.#events.made,
      faults: this.#chance.happened,
      checks: this.#oracle.checks,
      hash: this.#trace.hash,
      trace: this.#trace.lines ?? [],
    };
  }

  /** A day that is smaller than a seed promises goes on, fault by fault; one whose faults are given has those. */
  #maybeCalm(count: number): void {
    const { filter, rates } = this.#options;
    const given = (filter?.only ?? null) !== null;
    const goesOn = given || (rates === undefined && this.#lacks(BUSY_STEPS).length > 0);
    const longer = goesOn ? this.#events.goOn(count) : null;
    if (longer === null) this.#calm();
    else this.#time.after(longer, () => this.#maybeCalm(count + 1));
  }

  /** Nothing goes wrong from now on. */
  #calm(): void {
    this.#calmAt = this.#time.now;
    this.#chance.stopFaults();
    this.#trace.note('world', 'faults stop');
    this.#time.after(CALM_MS, () => this.#look());
  }

  #look(): void {
    const late = this.#time.now > this.#calmAt + SETTLE_MS;
    const still = this.#time.now - this.#oracle.changedAt >= STILL_MS;
    if (late || (still && !this.#oracle.unsettled())) {
      // whose faults are given, or taken away, has the steps that it has
      if (!late && this.#isWhole() && this.#lacks().length > 0) {
        this.#events.goOnInPeace();
        this.#time.after(LOOK_MS, () => this.#look());
        return;
      }
      this.#oracle.quiet();
      this.#settledAt = this.#time.now;
      this.#done = true;
      this.#largeEnough();
      return;
    }
    this.#time.after(LOOK_MS, () => this.#look());
  }

  /** What a seed promises, unless somebody took faults away from it. */
  #largeEnough(): void {
    if (!this.#isWhole()) return;
    this.#oracle.check('too-small');
    for (const lack of this.#lacks()) this.#oracle.report('too-small', lack);
  }

  #isWhole(): boolean {
    return this.#options.filter === undefined && this.#options.rates === undefined;
  }

  /** What is missing to the size that a seed promises, `steps` of the steps. */
  #lacks(steps = LEAST.steps): string[] {
    const size: DaySize = { ...this.#events.made, steps: this.#steps, faults: this.#chance.happened.length };
    return (Object.entries({ ...LEAST, steps }) as [keyof DaySize, number][])
      .filter(([what, least]) => size[what] < least)
      .map(([what, least]) => `${size[what]} ${what}, at least ${least} are promised`);
  }

  async #create(path: string, body: object): Promise<void> {
    await this.#api.handle({
      method: 'POST',
      path,
      contentType: 'application/json',
      body: Buffer.from(JSON.stringify(body)),
    });
  }
}
