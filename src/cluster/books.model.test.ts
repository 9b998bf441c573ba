/**
 * Random histories against an oracle that knows only the API objects. The world has a truth (what the API server stores), event
 * queues per kind that deliver late, repeat and skip, kube-scheduler's calls in any order, Bindings with every outcome, another
 * leader, restarts. A failing history is shrunk to its shortest form by fast-check.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { fraction, memory, node, pod, request } from '../../test/build/facts.ts';
import { ManualClock } from '../../test/build/manual-clock.ts';
import type { Claim } from '../core/gpu/claim.ts';
import type { Device } from '../core/gpu/device.ts';
import { DeviceLedger } from '../core/gpu/ledger.ts';
import { peakOf } from '../core/gpu/peak.ts';
import { claimStands } from '../core/gpu/stands.ts';
import type { NodeFacts } from '../core/placement/node-facts.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import { Delivered } from '../kube/delivered.ts';
import { Books, type BooksConfig } from './books.ts';
import { Picture } from './picture.ts';
import type { PdbObject } from './projection/pdb.ts';

const CONFIG: BooksConfig = { nodePolicy: 'pack', devicePolicy: 'pack', holdMs: 60_000, envGuard: true };
/** devices each begins with: few, so that pods are in each other's way */
const DEVICES: Readonly<Record<string, number>> = { a: 1, b: 1, c: 2 };
const NODES = Object.keys(DEVICES);
const KINDS = ['nodes', 'pods', 'budgets'] as const;
type Kind = (typeof KINDS)[number];
type Stored = { uid: string; version: number; object: unknown };
/** object null: deleted */
type Event = { name: string; uid: string; version: number; object: unknown };
type Binding = { uid: string; node: string; claim: Claim | null; devices: readonly Device[]; reaches: boolean };

class World {
  readonly clock = new ManualClock();
  readonly truth: Record<Kind, Map<string, Stored>> = { nodes: new Map(), pods: new Map(), budgets: new Map() };
  readonly said: string[] = [];
  picture!: Picture;
  books!: Books;
  #sinks!: Record<Kind, Delivered<unknown>>;
  readonly #queues: Record<Kind, Event[]> = { nodes: [], pods: [], budgets: [] };
  readonly #last = new Map<Kind, Event>();
  /** nodes that the last filter of a pod answered */
  readonly chosen = new Map<string, readonly string[]>();
  /** Bindings sent and not answered */
  readonly sent = new Map<string, Binding>();
  /** Bindings whose answer was lost; not read back yet */
  readonly unknown = new Map<string, Binding>();
  #version = 0;
  #uids = 0;

  constructor() {
    this.restart();
    for (const name of NODES) this.setNode(name, node(name, DEVICES[name]!));
    for (const kind of KINDS) this.deliver(kind, 99);
  }

  // ---- the API server

  pod(slot: number): PodFacts | undefined {
    return this.truth.pods.get(`p${slot}`)?.object as PodFacts | undefined;
  }
  podByUid(uid: string): PodFacts | undefined {
    return [...this.pods()].find((each) => each.uid === uid);
  }
  pods(): PodFacts[] {
    return [...this.truth.pods.values()].map(({ object }) => object as PodFacts);
  }
  nodeFacts(name: string): NodeFacts | undefined {
    return this.truth.nodes.get(name)?.object as NodeFacts | undefined;
  }
  setNode(name: string, facts: NodeFacts | null): void {
    this.#write('nodes', name, `uid-${name}`, facts);
  }
  setPod(each: PodFacts): void {
    this.#write('pods', each.name, each.uid, each);
  }
  removePod(each: PodFacts): void {
    this.#write('pods', each.name, each.uid, null);
  }
  setBudget(budget: PdbObject | null): void {
    this.#write('budgets', 'pdb', 'uid-pdb', budget);
  }
  freshUid(slot: number): string {
    return `uid-${slot}-${++this.#uids}`;
  }

  #write(kind: Kind, name: string, uid: string, object: unknown): void {
    const version = ++this.#version;
    if (object === null) this.truth[kind].delete(name);
    else this.truth[kind].set(name, { uid, version, object });
    this.#queues[kind].push({ name, uid, version, object });
  }

  /** The API server's own rules for a Binding. This is where two pods on one share would show. */
  land({ uid, node: target, claim, devices }: Binding): boolean {
    const each = this.podByUid(uid);
    if (each === undefined || each.terminating || each.nodeName !== null) return false;
    if (claim !== null) {
      // what the picture knew of the devices when it decided; who is on them is the truth
      const ledger = new DeviceLedger(devices);
      for (const other of this.pods()) {
        if (other.nodeName !== target || other.terminal || other.claim === null || other.claim === 'malformed')
          continue;
        ledger.observe(peakOf(other.claim));
      }
      expect(ledger.observe(peakOf(claim)), `${uid} lands on ${target}`).toEqual({ over: false, missing: [] });
    }
    this.setPod({ ...each, nodeName: target, claim, startedMs: 2 });
    return true;
  }

  // ---- the watches

  deliver(kind: Kind, count: number): void {
    for (const event of this.#queues[kind].splice(0, count)) this.#tell(kind, event);
  }
  /** the last event again, as a watch that was opened anew may say it */
  repeat(kind: Kind): void {
    const last = this.#last.get(kind);
    if (last !== undefined && last.object !== null) this.#tell(kind, last);
  }
  /** a gap, then a list: what happened in between is never said */
  relist(kind: Kind): void {
    this.#queues[kind].length = 0;
    this.#last.delete(kind);
    const sink = this.#sinks[kind];
    sink.beginListing();
    for (const [name, { uid, version, object }] of this.truth[kind]) sink.put(item(name, uid, version, object));
    sink.endListing();
  }
  #tell(kind: Kind, event: Event): void {
    this.#last.set(kind, event);
    const { name, uid, version, object } = event;
    if (object === null) this.#sinks[kind].drop({ uid, namespace: '', name });
    else this.#sinks[kind].put(item(name, uid, version, object));
  }

  /** A new process: nothing is left but the objects. Bindings that the old one sent have ended by then. */
  restart(): void {
    for (const binding of [...this.sent.values(), ...this.unknown.values()]) if (binding.reaches) this.land(binding);
    this.sent.clear();
    this.unknown.clear();
    this.picture = new Picture();
    this.books = new Books(this.picture, this.clock, CONFIG);
    const { picture } = this;
    const fail = (error: unknown): never => {
      throw error;
    };
    const sink = <T>(upsert: (object: T) => void, remove: (uid: string, name: string) => void): Delivered<unknown> =>
      new Delivered<unknown>(
        {
          upsert: ({ object }) => upsert(object as T),
          remove: ({ uid, name }) => remove(uid, name),
          synced: () => {},
        },
        fail,
      );
    this.#sinks = {
      nodes: sink<NodeFacts>(
        (facts) => picture.nodes.setFacts(facts.name, facts),
        (_, name) => picture.nodes.setFacts(name, null),
      ),
      pods: sink<PodFacts>(
        (each) => picture.upsertPod(each),
        (uid) => picture.removePod(uid),
      ),
      budgets: sink<PdbObject>(
        (each) => picture.upsertBudget(each),
        (_, name) => picture.removeBudget('team', name),
      ),
    };
    for (const kind of KINDS) this.relist(kind);
    this.books.restoreAwaiting();
  }

  // ---- kube-scheduler and the binder

  filter(each: PodFacts, offered: readonly string[], shortList: number): void {
    const known = this.books.resolve(offered);
    const first = this.books.filter(each, known, shortList);
    const again = this.books.filter(each, known, shortList);
    expect(again, `filter of ${each.uid} twice`).toEqual(first);
    expect(first.fits.every((name) => offered.includes(name))).toBe(true);
    if (this.picture.holds.get(each.uid) !== undefined && first.fits.length > 0) {
      const scores = this.books.prioritize(each, this.books.resolve(first.fits));
      expect(scores.map(({ score }) => score === 10)).toEqual(first.fits.map((_, at) => at === 0));
    }
    this.chosen.set(each.uid, first.all ? offered : first.fits);
    this.said.push(JSON.stringify([each.uid, first]));
  }

  bind(each: PodFacts, target: string, outcome: Outcome): void {
    if (this.sent.has(each.uid)) return;
    const plan = this.books.beginBind(each, target);
    this.said.push(JSON.stringify([each.uid, target, plan]));
    if (plan.kind !== 'bind') return;
    if (plan.claim !== null && each.ask.kind === 'request') {
      const ledger = this.picture.nodes.get(target)!.ledger;
      expect(claimStands(ledger, each.ask.request, plan.claim), `${each.uid} gets what it asked for`).toBe(true);
    }
    const devices = this.picture.nodes.get(target)?.ledger.devices ?? [];
    const binding = { uid: each.uid, node: target, claim: plan.claim, devices, reaches: outcome !== 'lost' };
    this.sent.set(each.uid, binding);
    if (outcome === 'refused') {
      this.sent.delete(each.uid);
      this.books.bindRefused(each.uid);
    } else if (outcome === 'landed') this.answer(each.uid, true);
    else if (outcome !== 'slow') this.answer(each.uid, false);
  }

  /** The Binding ends at the API server, now if it is heard of, later if not. */
  answer(uid: string, heard: boolean): void {
    const binding = this.sent.get(uid);
    if (binding === undefined) return;
    this.sent.delete(uid);
    if (!heard) {
      this.unknown.set(uid, binding);
      this.books.bindUnknown(uid);
      return;
    }
    const landed = this.land(binding);
    // 409: adopted when the pod turns out to be bound to this very node
    if (landed || this.podByUid(uid)?.nodeName === binding.node) this.books.bindLanded(uid);
    else this.books.bindRefused(uid);
  }

  arrive(uid: string): void {
    const binding = this.unknown.get(uid);
    if (binding?.reaches) this.land(binding);
  }

  /** After the deadline of its call a Binding has arrived or never will. */
  readBack(uid: string): void {
    const binding = this.unknown.get(uid);
    if (binding === undefined) return;
    this.unknown.delete(uid);
    if (binding.reaches) this.land(binding);
    this.books.bindReadBack(uid, this.podByUid(uid)?.nodeName ?? null);
  }

  advance(ms: number): void {
    this.clock.advance(ms);
    this.books.sweep();
    for (const { uid } of this.books.overdue()) this.books.bindReadBack(uid, this.podByUid(uid)?.nodeName ?? null);
  }

  /** kube-scheduler evicts whom we name, if it follows us, and nominates. */
  preempt(each: PodFacts, offered: readonly string[], follow: Follow): void {
    const [choice, ...more] = this.books.preempt(
      each,
      offered.map((name) => ({ node: name, victims: null })),
    );
    expect(more).toEqual([]);
    this.said.push(JSON.stringify([each.uid, choice]));
    if (choice === undefined) return;
    expect(offered).toContain(choice.node);
    expect(choice.victims.length).toBeGreaterThan(0);
    for (const uid of choice.victims) {
      expect(this.picture.pod(uid)).toMatchObject({ nodeName: choice.node, terminal: false });
      expect(this.picture.pod(uid)!.priority).toBeLessThan(each.priority);
    }
    if (follow === 'none') return;
    for (const uid of follow === 'some' ? choice.victims.slice(0, 1) : choice.victims) {
      const victim = this.podByUid(uid);
      if (victim?.nodeName) this.setPod({ ...victim, terminating: true });
    }
    const preemptor = this.podByUid(each.uid);
    if (preemptor !== undefined)
      this.setPod({
        ...preemptor,
        nominatedNode: follow === 'elsewhere' ? NODES.find((name) => name !== choice.node)! : choice.node,
      });
  }

  /** Another leader decides for a while: it sees the truth, and so do we before we decide again. */
  otherLeader(): void {
    for (const uid of [...this.sent.keys()]) this.answer(uid, false);
    // its first decision waits until our calls have ended
    for (const uid of [...this.unknown.keys()]) this.arrive(uid);
    const picture = pictureOf(this.truth, (list) => list);
    const other = new Books(picture, this.clock, CONFIG);
    for (const each of this.pods()) {
      if (each.nodeName !== null || each.terminating || each.terminal) continue;
      const [where] = other.filter(each, other.resolve(NODES), 1).fits;
      const plan = where === undefined ? null : other.beginBind(each, where);
      if (plan?.kind !== 'bind') continue;
      other.bindLanded(each.uid);
      this.setPod({ ...each, nodeName: where!, claim: plan.claim, startedMs: 2 });
    }
    for (const kind of KINDS) this.relist(kind);
    this.books.restoreAwaiting();
  }

  // ---- the end

  settle(): void {
    for (const uid of [...this.sent.keys()]) this.answer(uid, true);
    for (const uid of [...this.unknown.keys()]) this.readBack(uid);
    for (const each of this.pods()) if (each.terminating) this.removePod(each);
    for (const kind of KINDS) this.deliver(kind, 1e9);
    for (let minute = 0; minute < 4; minute++) this.advance(60_000);
  }

  check(): void {
    this.settle();
    expect([...this.picture.holds.values()], 'holds left').toEqual([]);
    const rebuilt = pictureOf(this.truth, (list) => list.toReversed());
    expect(this.picture.snapshot()).toBe(rebuilt.snapshot());
    for (const { uid } of this.pods())
      if (this.picture.pod(uid) === undefined) throw new Error(`${uid} is not in the picture`);
    expect(this.picture.waiting().pods).toBeLessThanOrEqual(this.pods().length);
    this.#sameAnswers(rebuilt);
    this.#everythingFits();
  }

  /** The order in which nodes and pods became known never shows. */
  #sameAnswers(rebuilt: Picture): void {
    const other = new Books(rebuilt, this.clock, CONFIG);
    for (const milli of [300, 1000]) {
      const probe = pod(`probe-${milli}`, fraction(milli), { priority: 9 });
      const ours = this.books.filter(probe, this.books.resolve(NODES), 8);
      const theirs = other.filter(probe, other.resolve(NODES), 8);
      expect(theirs, 'another order of arrival').toEqual(ours);
      const candidates = NODES.map((name) => ({ node: name, victims: null }));
      expect(other.preempt(probe, candidates)).toEqual(this.books.preempt(probe, candidates));
      this.picture.dropHold(probe.uid);
      rebuilt.dropHold(probe.uid);
    }
  }

  /** Without faults every pod that fits somewhere is placed after one round, and what is left fits nowhere by plain arithmetic. */
  #everythingFits(): void {
    for (const each of this.pods()) {
      if (each.nodeName !== null || each.terminal) continue;
      this.filter(each, NODES, 1);
      const [where] = this.chosen.get(each.uid)!;
      if (where !== undefined) this.bind(each, where, 'landed');
      this.deliver('pods', 1e9);
    }
    for (const each of this.pods()) {
      if (each.nodeName !== null || each.terminal || each.ask.kind !== 'request') continue;
      const [need] = each.ask.request.containers;
      for (const facts of NODES.map((name) => this.nodeFacts(name))) {
        if (facts === undefined || !facts.managed || facts.cordoned || !facts.ready) continue;
        const ledger = new DeviceLedger(facts.devices);
        const here = this.pods().filter((other) => other.nodeName === facts.name && !other.terminal);
        if (here.some((other) => other.claim === null && other.usesGpu)) continue;
        for (const other of here)
          if (other.claim !== null && other.claim !== 'malformed') ledger.observe(peakOf(other.claim));
        const mibOf = (mib: number): number =>
          'mib' in need!.share.memory ? need!.share.memory.mib : Math.floor((mib * need!.share.memory.milli) / 1000);
        const fitting = facts.devices.filter(
          ({ healthy, mib }, at) =>
            healthy && ledger.freeMilli(at) >= need!.share.milli && ledger.freeMib(at) >= mibOf(mib),
        );
        expect(fitting.length, `${each.uid} fits ${facts.name}`).toBeLessThan(need!.count);
      }
    }
  }
}

const item = (name: string, uid: string, version: number, object: unknown) => ({
  uid,
  namespace: '',
  name,
  resourceVersion: String(version),
  object,
});

function pictureOf(truth: World['truth'], order: <T>(list: readonly T[]) => readonly T[]): Picture {
  const picture = new Picture();
  for (const { object } of order([...truth.pods.values()])) picture.upsertPod(object as PodFacts);
  for (const { object } of order([...truth.nodes.values()]))
    picture.nodes.setFacts((object as NodeFacts).name, object as NodeFacts);
  for (const { object } of truth.budgets.values()) picture.upsertBudget(object as PdbObject);
  return picture;
}

const OUTCOMES = ['landed', 'landed', 'refused', 'unknown', 'lost', 'slow'] as const;
/** what kube-scheduler makes of an answer to preempt */
const FOLLOWS = ['all', 'all', 'all', 'some', 'none', 'elsewhere'] as const;
type Follow = (typeof FOLLOWS)[number];
type Outcome = (typeof OUTCOMES)[number];

// ---- the steps

/** One step of a history: a name, its arguments, and what it does. No step needs a state: what makes no sense does nothing. */
class Step {
  readonly #text: string;
  readonly #run: (world: World) => void;
  constructor(text: string, run: (world: World) => void) {
    this.#text = text;
    this.#run = run;
  }
  run(world: World): void {
    this.#run(world);
  }
  [fc.toStringMethod](): string {
    return this.#text;
  }
}

const step = <T>(
  name: string,
  argument: fc.Arbitrary<T>,
  run: (world: World, argument: T) => void,
): fc.Arbitrary<Step> =>
  argument.map((value) => new Step(`${name} ${JSON.stringify(value)}`, (world) => run(world, value)));

const slot = fc.nat(6);
const nodeName = fc.constantFrom(...NODES);
const kind = fc.constantFrom(...KINDS);
const offered = fc.uniqueArray(nodeName, { minLength: 1 });
const share = fc.oneof(
  fc.integer({ min: 1, max: 10 }).map((tenths) => fraction(tenths * 100)),
  fc.constantFrom(memory(10_000), memory(40_000, 100), memory(80_000)),
);
const gpu = fc.oneof(
  { weight: 6, arbitrary: share },
  {
    weight: 1,
    arbitrary: share.map((each) => request([{ name: 'main', slot: 'c0', role: 'app', count: 2, share: each }])),
  },
  { weight: 1, arbitrary: fc.constant(null) },
);
const flips = ['cordon', 'ready', 'managed', 'health', 'shrink', 'other-gpus', 'by-index', 'gone', 'back'] as const;

function flip(world: World, name: string, what: (typeof flips)[number]): void {
  const facts = world.nodeFacts(name);
  if (what === 'gone') world.setNode(name, null);
  if (what === 'back' || facts === undefined) {
    if (what !== 'gone') world.setNode(name, node(name, DEVICES[name]!));
    return;
  }
  if (what === 'other-gpus') world.setNode(name, null);
  world.setNode(name, flipped(facts, what));
}

function flipped(facts: NodeFacts, what: (typeof flips)[number]): NodeFacts {
  const [first, ...rest] = facts.devices;
  switch (what) {
    case 'cordon':
      return { ...facts, cordoned: !facts.cordoned };
    case 'ready':
      return { ...facts, ready: !facts.ready };
    case 'managed':
      return { ...facts, managed: !facts.managed };
    case 'health':
      return { ...facts, devices: [{ ...first!, healthy: !first!.healthy }, ...rest] };
    case 'shrink':
      return { ...facts, devices: [{ ...first!, mib: first!.mib === 80_000 ? 30_000 : 80_000 }, ...rest] };
    case 'other-gpus':
      return { ...facts, devices: facts.devices.map((each) => ({ ...each, uuid: `GPU-other-${each.index}` })) };
    default:
      return { ...facts, devices: facts.devices.map((each) => ({ ...each, uuid: null })) };
  }
}

const steps = [
  step('create', fc.record({ slot, gpu, priority: fc.nat(3) }), (world, each) => {
    const before = world.pod(each.slot);
    // a pod of that name may be deleted and made again between two events
    if (before !== undefined && before.nodeName !== null) return;
    if (before !== undefined) world.removePod(before);
    world.setPod(
      pod(`p${each.slot}`, each.gpu, { uid: world.freshUid(each.slot), priority: each.priority, createdMs: each.slot }),
    );
  }),
  step('filter', fc.record({ slot, offered, short: fc.constantFrom(1, 8) }), (world, each) => {
    const asked = world.pod(each.slot);
    if (asked !== undefined) world.filter(asked, each.offered, each.short);
  }),
  step('bind', fc.record({ slot, pick: fc.nat(2), outcome: fc.constantFrom(...OUTCOMES) }), (world, each) => {
    const asked = world.pod(each.slot);
    const fits = world.chosen.get(asked?.uid ?? '') ?? [];
    const target = fits[each.pick % Math.max(1, fits.length)];
    if (asked !== undefined && target !== undefined) world.bind(asked, target, each.outcome);
  }),
  step(
    'cycle',
    fc.record({ slot, outcome: fc.constantFrom(...OUTCOMES), follow: fc.constantFrom(...FOLLOWS) }),
    (world, each) => {
      const asked = world.pod(each.slot);
      if (asked === undefined) return;
      world.filter(asked, NODES, 1);
      const [target] = world.chosen.get(asked.uid) ?? [];
      if (target !== undefined) world.bind(asked, target, each.outcome);
      else world.preempt(asked, NODES, each.follow);
    },
  ),
  step('answer', fc.record({ slot, heard: fc.boolean() }), (world, each) => {
    world.answer(world.pod(each.slot)?.uid ?? '', each.heard);
  }),
  step('arrive', slot, (world, each) => world.arrive(world.pod(each)?.uid ?? '')),
  step('read back', slot, (world, each) => world.readBack(world.pod(each)?.uid ?? '')),
  step('preempt', fc.record({ slot, offered, follow: fc.constantFrom(...FOLLOWS) }), (world, each) => {
    const asked = world.pod(each.slot);
    if (asked !== undefined) world.preempt(asked, each.offered, each.follow);
  }),
  step('end', fc.record({ slot, how: fc.constantFrom('succeed', 'delete', 'vanish' as const) }), (world, each) => {
    const known = world.pod(each.slot);
    if (known === undefined) return;
    if (each.how === 'succeed' && known.nodeName !== null) world.setPod({ ...known, terminal: true });
    else if (each.how === 'delete' && !known.terminating) world.setPod({ ...known, terminating: true });
    else if (each.how === 'vanish') world.removePod(known);
  }),
  step('stranger', fc.record({ slot, nodeName }), (world, each) => {
    const name = `p${each.slot}`;
    if (world.pod(each.slot) !== undefined) return;
    const uid = world.freshUid(each.slot);
    world.setPod({
      ...pod(name, fraction(1000), { uid, schedulerName: 'default-scheduler' }),
      nodeName: each.nodeName,
    });
  }),
  step('flip', fc.record({ nodeName, what: fc.constantFrom(...flips) }), (world, each) =>
    flip(world, each.nodeName, each.what),
  ),
  step('budget', fc.nat(2), (world, allowed) =>
    world.setBudget({
      uid: 'uid-pdb',
      namespace: 'team',
      name: 'pdb',
      selector: [],
      disruptionsAllowed: allowed,
      disruptedPods: [],
    }),
  ),
  step('deliver', fc.record({ kind, count: fc.integer({ min: 1, max: 9 }) }), (world, each) =>
    world.deliver(each.kind, each.count),
  ),
  step('repeat', kind, (world, each) => world.repeat(each)),
  step('relist', kind, (world, each) => world.relist(each)),
  step('advance', fc.constantFrom(1_000, 31_000, 61_000), (world, ms) => world.advance(ms)),
  step('restart', fc.constant(null), (world) => world.restart()),
  step('another leader', fc.constant(null), (world) => world.otherLeader()),
];
/** what makes a history eventful, more often */
const often = [0, 0, 0, 0, 3, 3, 3, 3, 3, 3, 3, 12].map((at) => steps[at]!);
/** plain lists: fast-check's `commands` prefers short ones, and nothing happens in those */
const histories = fc.array(fc.oneof(...steps, ...often), { minLength: 10, maxLength: 120, size: 'max' });

it('holds every promise through any history, and its books are those of the objects', () => {
  fc.assert(
    fc.property(histories, (history) => {
      const world = new World();
      for (const each of history) each.run(world);
      world.check();
    }),
    { numRuns: 600 },
  );
}, 300_000);

it('gives the same answers to the same history', () => {
  fc.assert(
    fc.property(histories, (history) => {
      const [first, second] = [new World(), new World()];
      for (const world of [first, second]) for (const each of history) each.run(world);
      expect(second.said).toEqual(first.said);
      expect(second.picture.snapshot()).toBe(first.picture.snapshot());
    }),
    { numRuns: 50 },
  );
});
