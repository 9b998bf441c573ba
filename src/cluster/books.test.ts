import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { bound, device, fraction, memory, need, node, pod, request, whole } from '../../test/build/facts.ts';
import { ManualClock } from '../../test/build/manual-clock.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import { Books, type BooksConfig } from './books.ts';
import { Picture } from './picture.ts';

const CONFIG: BooksConfig = { nodePolicy: 'pack', devicePolicy: 'pack', holdMs: 60_000, envGuard: true };

let clock: ManualClock;
let books: Books;
let picture: Picture;

beforeEach(() => {
  clock = new ManualClock();
  picture = new Picture();
  books = new Books(picture, clock, CONFIG);
});

const addNode = (...facts: ReturnType<typeof node>[]): void => {
  for (const each of facts) picture.nodes.setFacts(each.name, each);
};
const names = (): string[] => [...picture.nodes.values()].map((each) => each.name).sort();
const filter = (each: PodFacts, offered = names(), shortList = 1) =>
  books.filter(each, books.resolve(offered), shortList);

/** filter, bind and the informer's echo: the whole way of one pod. Returns the node, null when refused. */
function run(each: PodFacts): string | null {
  const [where] = filter(each).fits;
  if (where === undefined) return null;
  const plan = books.beginBind(each, where);
  if (plan.kind !== 'bind') return null;
  books.bindLanded(each.uid);
  picture.upsertPod(bound(each, where, plan.claim));
  return where;
}

describe('filter', () => {
  it('fills a device in use before it opens an idle one', () => {
    addNode(node('a', 2), node('b', 2));
    expect(run(pod('p1', fraction(500)))).toBe('a');
    expect(run(pod('p2', fraction(500)))).toBe('a');
    expect(picture.nodes.get('a')!.ledger.usedMilli).toEqual(Float64Array.of(1000, 0));
  });

  it('counts what it promised before the Binding is known', () => {
    addNode(node('a', 1));
    expect(filter(pod('p1', fraction(600))).fits).toEqual(['a']);
    expect(filter(pod('p2', fraction(600)))).toMatchObject({ fits: [], refused: [{ node: 'a', code: 'gpu-full' }] });
  });

  it('gives the same answer twice and holds once', () => {
    addNode(node('a', 1), node('b', 1));
    const first = pod('p1', fraction(600));
    expect(filter(first).fits).toEqual(filter(first).fits);
    expect(picture.holds.countByCause().tentative).toBe(1);
    expect(filter(pod('p2', fraction(600))).fits).toEqual(['b']);
  });

  it('moves the hold when the held node is not offered any more', () => {
    addNode(node('a', 1), node('b', 1));
    const first = pod('p1', fraction(600));
    filter(first);
    expect(filter(first, ['b']).fits).toEqual(['b']);
    expect(filter(pod('p2', whole), ['a']).fits).toEqual(['a']);
  });

  it('decides anew when the request was edited after the hold', () => {
    addNode(node('a', 1), node('b', [device(0, { mib: 10_000 })]));
    filter(pod('p1', memory(5_000)), ['b']);
    const edited = filter(pod('p1', memory(50_000)));
    expect(edited.fits).toEqual(['a']);
    expect(picture.holds.get('uid-p1')!.claim!.containers[0]!.devices[0]!.mib).toBe(50_000);
  });

  it('answers the best eight when the short list asks for them, and keeps the first', () => {
    addNode(...Array.from({ length: 12 }, (_, at) => node(`n${at + 10}`, 1)));
    const { fits } = filter(pod('p', fraction(100)), names(), 8);
    expect(fits).toHaveLength(8);
    expect(picture.holds.get('uid-p')!.node).toBe(fits[0]);
    const scores = books.prioritize(pod('p', fraction(100)), books.resolve(fits));
    expect(scores[0]).toEqual({ node: fits[0], score: 10 });
    expect(scores.slice(1).every(({ score }) => score < 10)).toBe(true);
  });

  it('never answers a node that was not offered', () => {
    addNode(node('a', 1), node('b', 1), node('c', 1));
    expect(filter(pod('p', fraction(100)), ['c']).fits).toEqual(['c']);
    expect(filter(pod('q', fraction(100)), ['nowhere'])).toMatchObject({
      fits: [],
      refused: [{ node: 'nowhere', code: 'node-unknown' }],
    });
  });

  it('keeps pods without GPUs off managed nodes only when their env would show them the GPUs', () => {
    addNode(node('gpu', 1), node('cpu', 0, { managed: false }));
    expect(filter(pod('safe', null)).all).toBe(true);
    expect(filter(pod('unsafe', null, { envSafe: false }))).toMatchObject({
      fits: ['cpu'],
      refused: [{ node: 'gpu', code: 'pod-without-env' }],
    });
  });

  it.each([
    ['an unmanaged node', node('a', 1, { managed: false }), 'node-unmanaged'],
    ['a node without known devices', node('a', 0), 'gpu-none'],
    ['a cordoned node', node('a', 1, { cordoned: true }), 'node-cordoned'],
    ['a node that is not ready', node('a', 1, { ready: false }), 'node-not-ready'],
    ['a tainted node', node('a', 1, { taints: [{ key: 'k', value: '', effect: 'NoSchedule' }] }), 'node-taint'],
    ['too little CPU', node('a', 1, { allocatable: { cpu: 500, memory: 2 ** 38, pods: 9 } }), 'resources-too-small'],
    ['an unhealthy device', node('a', [device(0, { healthy: false })]), 'gpu-too-few'],
  ])('refuses %s with its reason', (_, facts, code) => {
    addNode(facts);
    expect(filter(pod('p', fraction(500))).refused).toEqual([{ node: 'a', code }]);
  });

  it('refuses a pod whose request was edited past its gpu-milli', () => {
    addNode(node('a', 1));
    const needs = { cpu: 1000, memory: 2 ** 30, pods: 1, 'muster.dev/gpu-milli': 500 };
    expect(filter(pod('honest', fraction(500), { needs })).fits).toEqual(['a']);
    expect(filter(pod('edited', fraction(501), { needs })).refused).toEqual([{ node: 'a', code: 'gpu-milli-short' }]);
  });

  it('refuses the devices of a node while a pod uses them without a claim', () => {
    addNode(node('a', 1));
    picture.upsertPod(pod('stranger', whole, { nodeName: 'a', schedulerName: 'default-scheduler' }));
    expect(filter(pod('p', fraction(100))).refused).toEqual([{ node: 'a', code: 'gpu-unknown-use' }]);
    picture.removePod('uid-stranger');
    expect(filter(pod('p', fraction(100))).fits).toEqual(['a']);
  });

  it('frees the claim of a pod that ended, and keeps it while the pod terminates', () => {
    addNode(node('a', 1));
    const first = pod('p1', whole);
    run(first);
    const claim = picture.pod('uid-p1')!.claim as never;
    picture.upsertPod({ ...bound(first, 'a', claim), terminating: true });
    expect(filter(pod('p2', whole)).fits).toEqual([]);
    picture.upsertPod({ ...bound(first, 'a', claim), terminal: true });
    expect(filter(pod('p2', whole)).fits).toEqual(['a']);
  });

  it('says which pods wait only because of fragmentation', () => {
    addNode(node('a', 2));
    filter(pod('p1', fraction(600)));
    picture.nodes.setFacts('a', node('a', 2));
    filter(pod('p2', fraction(600)));
    expect(filter(pod('p3', fraction(700))).refused).toEqual([{ node: 'a', code: 'gpu-fragmented' }]);
    expect(picture.waiting()).toEqual({ pods: 1, onlyFragmentation: 1 });
  });

  it('returns the same object for a hopeless shape while nothing changed', () => {
    addNode(node('a', 1));
    const offered = books.resolve(['a']);
    const model = { models: { allow: ['T4'], deny: [] } };
    const first = books.filter(pod('p1', request([need(whole)], model)), offered, 1);
    expect(first.refused).toEqual([{ node: 'a', code: 'gpu-model' }]);
    expect(books.filter(pod('p2', request([need(whole)], model)), offered, 1)).toBe(first);
  });
});

describe('waking', () => {
  const refusedThenFreed = (): PodFacts => {
    addNode(node('a', 1));
    const first = pod('first', whole);
    run(first);
    const waits = pod('waits', whole);
    picture.upsertPod(waits);
    expect(filter(waits).fits).toEqual([]);
    picture.removePod('uid-first');
    return waits;
  };
  const woken = (): string[] => books.toWake().map(({ name }) => name);

  it('names a pod that was refused before our watch showed that it fits', () => {
    refusedThenFreed();
    expect(woken()).toEqual([]);
    clock.advance(1_500);
    expect(woken()).toEqual(['waits']);
  });

  it('names it ever more rarely, at most once a minute, while it is refused for other reasons', () => {
    const waits = refusedThenFreed();
    let wakes = 0;
    for (let second = 0; second < 600; second++) {
      clock.advance(1_000);
      wakes += woken().length;
      if (second % 3 === 0) filter(waits, ['elsewhere']);
    }
    expect(wakes).toBeGreaterThan(5);
    expect(wakes).toBeLessThan(20);
  });

  const wakesWithin = (seconds: number, meanwhile: (second: number) => void = () => {}): number => {
    let wakes = 0;
    for (let second = 0; second < seconds; second++) {
      clock.advance(1_000);
      wakes += woken().length;
      meanwhile(second);
    }
    return wakes;
  };

  it('names it once a minute while kube-scheduler asks nothing at all: it is busy, and has been told', () => {
    refusedThenFreed();
    expect(wakesWithin(59)).toBe(1);
    expect(wakesWithin(60)).toBe(1);
  });

  it('names it again soon when it could not be woken', () => {
    refusedThenFreed();
    expect(wakesWithin(30, () => picture.notWoken('uid-waits'))).toBe(4);
  });

  it('names it again when kube-scheduler went on with others', () => {
    refusedThenFreed();
    expect(wakesWithin(30, () => filter(pod('other', null)))).toBe(4);
  });

  it('names nobody who still fits nowhere, is bound, gone or being deleted', () => {
    addNode(node('a', 1));
    run(pod('first', whole));
    for (const name of ['full', 'bound', 'gone', 'ending']) {
      picture.upsertPod(pod(name, whole));
      filter(pod(name, whole));
    }
    clock.advance(10_000);
    expect(woken()).toEqual([]);
    picture.removePod('uid-first');
    picture.removePod('uid-gone');
    picture.upsertPod(pod('ending', whole, { terminating: true }));
    picture.upsertPod(bound(pod('bound', whole), 'b', null));
    expect(woken()).toEqual(['full']);
  });

  it('wakes a preemptor whose victims are gone, and keeps its devices for it', () => {
    addNode(node('a', 1));
    run(pod('victim', whole, { priority: 1 }));
    const high = pod('high', whole, { priority: 9, nominatedNode: 'a' });
    picture.upsertPod(high);
    books.preempt(high, [{ node: 'a', victims: null }]);
    filter(high);
    clock.advance(1_500);
    expect(woken()).toEqual([]);
    picture.removePod('uid-victim');
    expect(woken()).toEqual(['high']);
    expect(filter(pod('thief', whole)).fits).toEqual([]);
    expect(filter(high).fits).toEqual(['a']);
  });
});

describe('a preemptor that asks again', () => {
  it('keeps its node while its victims are still there, by a watch that may be late', () => {
    addNode(node('a', 1), node('b', 1));
    expect([run(pod('on-a', whole)), run(pod('on-b', whole))]).toEqual(['a', 'b']);
    const high = pod('high', whole, { priority: 10 });
    picture.upsertPod(high);
    expect(books.preempt(high, [{ node: 'a', victims: null }])).toMatchObject([{ node: 'a' }]);
    expect(books.preempt(high, [{ node: 'b', victims: null }])).toEqual([]);
    picture.removePod('uid-on-a');
    expect(filter(pod('thief', whole)).fits).toEqual([]);
    expect(filter(high).fits).toEqual(['a']);
  });
});

describe('bind', () => {
  it('refuses a second bind while the first is on its way', () => {
    addNode(node('a', 1));
    const p = pod('p', whole);
    filter(p);
    expect(books.beginBind(p, 'a').kind).toBe('bind');
    expect(books.beginBind(p, 'a')).toEqual({ kind: 'refuse', code: 'bind-in-flight' });
  });

  it('keeps the shares while the outcome is unknown, and frees them when the pod turns out unbound', () => {
    addNode(node('a', 1));
    const p = pod('p', whole);
    filter(p);
    books.beginBind(p, 'a');
    books.bindUnknown(p.uid);
    clock.advance(3_600_000);
    books.sweep();
    expect(filter(pod('q', whole)).fits).toEqual([]);
    expect(filter(p, ['b'])).toMatchObject({ fits: [], refused: [{ code: 'bind-pending' }] });
    books.bindReadBack(p.uid, null);
    expect(filter(pod('q', whole)).fits).toEqual(['a']);
  });

  it('lets a hold run out when no bind comes', () => {
    addNode(node('a', 1));
    filter(pod('p', whole));
    clock.advance(CONFIG.holdMs);
    books.sweep();
    expect(filter(pod('q', whole)).fits).toEqual(['a']);
  });

  it('moves the hold when kube-scheduler chose another node of the short list', () => {
    addNode(node('a', 1), node('b', 1));
    const p = pod('p', whole);
    filter(p, names(), 8);
    expect(books.beginBind(p, 'b')).toMatchObject({ kind: 'bind' });
    expect(filter(pod('q', whole)).fits).toEqual(['a']);
  });

  it('decides on the spot for a pod whose filter an earlier process answered', () => {
    addNode(node('a', 1));
    const p = pod('p', whole);
    picture.upsertPod(p);
    expect(books.beginBind(p, 'a').kind).toBe('bind');
    expect(books.beginBind(pod('stranger', whole), 'a')).toEqual({ kind: 'refuse', code: 'pod-unknown' });
  });

  it('ends the hold of a deleted pod', () => {
    addNode(node('a', 1));
    const p = pod('p', whole);
    filter(p);
    picture.removePod(p.uid);
    expect(filter(pod('q', whole)).fits).toEqual(['a']);
  });
});

describe('preempt', () => {
  const low = (name: string, milli: number, over = {}) => pod(name, fraction(milli), { priority: 1, ...over });

  it('names the pods that free one device and keeps it for the preemptor', () => {
    addNode(node('a', 2));
    for (const [name, milli] of [
      ['a1', 600],
      ['b1', 700],
      ['a2', 400],
      ['b2', 300],
    ] as const)
      run(low(name, milli));
    const high = pod('high', whole, { priority: 10 });
    expect(filter(high).fits).toEqual([]);
    const [choice] = books.preempt(high, [{ node: 'a', victims: ['uid-a1'] }]);
    expect(choice!.victims).toHaveLength(2);
    const devices = choice!.victims.map(
      (uid) =>
        (picture.pod(uid)!.claim as never as { containers: { devices: { index: number }[] }[] }).containers[0]!
          .devices[0]!.index,
    );
    expect(new Set(devices).size).toBe(1);
    expect(filter(high)).toMatchObject({ fits: [], refused: [{ code: 'victims-terminating' }] });
    for (const uid of choice!.victims) picture.removePod(uid);
    expect(filter(pod('thief', whole, { priority: 1 }))).toMatchObject({
      fits: [],
      refused: [{ code: 'gpu-awaited' }],
    });
    expect(filter(high).fits).toEqual(['a']);
  });

  it.each([
    ['pods of equal priority', { priority: 1 }],
    ['a pod that never preempts', { priority: 10, neverPreempts: true }],
    ['a member of the victim’s own gang', { priority: 10, gang: 'team/g' }],
  ])('helps nobody against or for %s', (_, over) => {
    addNode(node('a', 1));
    run(low('v', 1000, { gang: 'team/g' }));
    expect(books.preempt(pod('high', whole, over), [{ node: 'a', victims: ['uid-v'] }])).toEqual([]);
  });

  it('drops nodes where eviction cannot help', () => {
    addNode(node('a', 1), node('b', [device(0, { mib: 1_000 })]));
    run(low('v', 1000));
    expect(books.preempt(pod('high', memory(50_000), { priority: 10 }), [{ node: 'b', victims: null }])).toEqual([]);
  });

  it('searches itself when kube-scheduler names no victims', () => {
    addNode(node('a', 1));
    run(low('v', 1000));
    expect(books.preempt(pod('high', whole, { priority: 10 }), [{ node: 'a', victims: null }])).toEqual([
      { node: 'a', victims: ['uid-v'], pdbViolations: 0 },
    ]);
  });

  it('lets kube-scheduler’s victims stand where they suffice and nobody is cheaper', () => {
    addNode(node('a', 2));
    run(low('v1', 1000));
    run(low('v2', 1000));
    const high = pod('high', whole, { priority: 10 });
    for (const uid of ['uid-v1', 'uid-v2'])
      expect(books.preempt(high, [{ node: 'a', victims: [uid] }])).toMatchObject([{ victims: [uid] }]);
    expect(books.preempt(high, [{ node: 'a', victims: ['uid-v1', 'uid-v2'] }])[0]!.victims).toHaveLength(1);
  });

  it('lets a pod without GPUs have every victim that kube-scheduler names, known to us or not, where it may be', () => {
    addNode(node('a', 1), node('cpu', 0, { managed: false }));
    const candidates = [
      { node: 'a', victims: ['stranger', 'other'], pdbViolations: 1 },
      { node: 'cpu', victims: ['third'], pdbViolations: 0 },
      { node: 'new', victims: null },
    ];
    const plain = pod('plain', null, { priority: 10 });
    expect(books.preempt(plain, candidates)).toEqual(candidates.slice(0, 2));
    expect(books.preempt({ ...plain, envSafe: false }, candidates)).toEqual([candidates[1]]);
    expect(books.preempt({ ...plain, neverPreempts: true }, candidates)).toEqual([]);
  });

  it('keeps what comes free on the node first, on whatever device, and takes nobody for a victim twice', () => {
    addNode(node('a', 2));
    const [ending, spared] = [low('ending', 1000), low('spared', 1000)];
    for (const each of [ending, spared]) run(each);
    const high = pod('high', whole, { priority: 10, nominatedNode: 'a' });
    picture.upsertPod(high);
    expect(books.preempt(high, [{ node: 'a', victims: ['uid-spared'] }])[0]!.victims).toEqual(['uid-spared']);
    // the eviction of the victim failed; the other one ends by itself
    picture.upsertPod({ ...picture.pod('uid-ending')!, terminal: true });
    expect(filter(pod('thief', fraction(100))).fits).toEqual([]);
    expect(filter(high).fits).toEqual(['a']);
  });

  it('keeps what will come free on the node when a victim is spared', () => {
    addNode(node('a', 2));
    for (const each of [low('leaving', 1000), low('spared', 1000)]) run(each);
    const high = pod('high', whole, { priority: 10, nominatedNode: 'a' });
    picture.upsertPod(high);
    books.preempt(high, [{ node: 'a', victims: ['uid-spared'] }]);
    picture.upsertPod({ ...picture.pod('uid-leaving')!, terminating: true });
    expect(filter(pod('thief', fraction(100))).fits).toEqual([]);
    picture.removePod('uid-leaving');
    expect(filter(pod('thief', fraction(100))).fits).toEqual([]);
    expect(filter(high).fits).toEqual(['a']);
  });

  it('keeps the room for a nominated pod after a restart at which its victims were gone already', () => {
    addNode(node('a', 1), node('b', 1));
    run(low('elsewhere', 1000));
    picture.upsertPod(pod('high', fraction(500), { priority: 10, nominatedNode: 'b' }));
    books.restoreAwaiting();
    expect(filter(pod('thief', whole)).fits).toEqual([]);
    expect(filter(picture.pod('uid-high')!).fits).toEqual(['b']);
  });

  it.each([
    ['another node, so it is kept', 'a', []],
    ['that node, so it is the plan’s', 'b', ['b']],
  ])('looks after a restart at the nomination of a pod whose plan, which is over, was for %s', (_, planned, fits) => {
    addNode(node('a', 1), node('b', 1));
    run(low('elsewhere', 1000));
    const plan = { node: planned, claim: null, gang: null, until: 0 };
    picture.upsertPod(pod('high', fraction(500), { priority: 10, nominatedNode: 'b', plan }));
    books.restorePlans(clock.now());
    books.restoreAwaiting();
    expect(filter(pod('thief', whole)).fits).toEqual(fits);
  });

  it('keeps nothing longer than half a minute for a nominated pod that does not come', () => {
    addNode(node('a', 1));
    picture.upsertPod(pod('high', whole, { priority: 10, nominatedNode: 'a' }));
    books.restoreAwaiting();
    clock.advance(30_000);
    books.sweep();
    expect(filter(pod('next', whole)).fits).toEqual(['a']);
  });

  it('keeps the room for half a minute from when it decides again, also what it kept before it lost the Lease', () => {
    addNode(node('a', 1));
    picture.upsertPod(pod('high', whole, { priority: 10, nominatedNode: 'a' }));
    books.restoreAwaiting();
    clock.advance(25_000);
    books.restoreAwaiting();
    clock.advance(25_000);
    books.sweep();
    expect(filter(pod('thief', whole)).fits).toEqual([]);
    clock.advance(5_000);
    books.sweep();
    expect(filter(pod('next', whole)).fits).toEqual(['a']);
  });

  it('rebuilds the reservation after a restart from the nomination and the victims that are ending', () => {
    addNode(node('a', 1));
    run(low('v', 1000));
    const victim = picture.pod('uid-v')!;
    picture.upsertPod({ ...victim, terminating: true });
    picture.upsertPod(pod('high', whole, { priority: 10, nominatedNode: 'a' }));
    books.restoreAwaiting();
    picture.removePod('uid-v');
    expect(filter(pod('thief', whole)).fits).toEqual([]);
    expect(filter(picture.pod('uid-high')!).fits).toEqual(['a']);
  });
});

describe('the books', () => {
  type Step = { kind: 'run' | 'filter' | 'end' | 'delete' | 'flip'; pod: number; milli: number; node: number };
  const step: fc.Arbitrary<Step> = fc.record({
    kind: fc.constantFrom('run', 'run', 'filter', 'end', 'delete', 'flip'),
    pod: fc.nat(12),
    milli: fc.integer({ min: 1, max: 10 }).map((tenths) => tenths * 100),
    node: fc.nat(2),
  });

  it('never give a device more than it has, and are the same when rebuilt from the objects in any order', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.infiniteStream(fc.nat(1000)), (steps, order) => {
        const live = new Picture();
        const deciding = new Books(live, new ManualClock(), CONFIG);
        const facts = [node('a', 2), node('b', 1), node('c', 3)];
        for (const each of facts) live.nodes.setFacts(each.name, each);
        const offered = deciding.resolve(['a', 'b', 'c']);
        const objects = new Map<string, PodFacts>();
        for (const { kind, pod: at, milli, node: which } of steps) {
          const each = pod(`p${at}`, fraction(milli), { uid: `uid-p${at}` });
          const known = objects.get(each.uid);
          if (kind === 'end' && known) {
            objects.delete(each.uid);
            live.upsertPod({ ...known, terminal: true });
          } else if (kind === 'delete' && known) {
            objects.delete(each.uid);
            live.removePod(each.uid);
          } else if (kind === 'flip') {
            const flipped = facts[which]!;
            facts[which] = node(flipped.name, flipped.devices.length, { cordoned: !flipped.cordoned });
            live.nodes.setFacts(flipped.name, facts[which]!);
          } else if ((kind === 'run' || kind === 'filter') && !known) {
            const [where] = deciding.filter(each, offered, 1).fits;
            if (where !== undefined && kind === 'run') {
              const plan = deciding.beginBind(each, where);
              if (plan.kind === 'bind') {
                deciding.bindLanded(each.uid);
                const after = bound(each, where, plan.claim);
                objects.set(each.uid, after);
                live.upsertPod(after);
              }
            }
          }
          for (const info of live.nodes.values())
            for (let position = 0; position < info.ledger.devices.length; position++)
              expect(info.ledger.isOver(position)).toBe(false);
        }
        for (const hold of [...live.holds.values()]) live.dropHold(hold.pod.uid);
        const rebuilt = new Picture();
        const shuffled = [...objects.values()]
          .map((each) => ({ each, key: order.next().value as number }))
          .sort((x, y) => x.key - y.key);
        for (const { each } of shuffled) rebuilt.upsertPod(each);
        for (const each of [...facts].reverse()) rebuilt.nodes.setFacts(each.name, each);
        expect(rebuilt.snapshot()).toBe(live.snapshot());
        const probe = pod('probe', fraction(300));
        const again = new Books(rebuilt, new ManualClock(), CONFIG);
        expect(again.filter(probe, again.resolve(['a', 'b', 'c']), 1)).toEqual(
          deciding.filter(probe, deciding.resolve(['a', 'b', 'c']), 1),
        );
      }),
    );
  });
});

describe('policies with foresight', () => {
  it('pick the device where the next pods lose least, not the fullest one', () => {
    addNode(node('a', 2));
    const elsewhere = { ...pod('x', null).constraints, nodeSelector: { zone: 'elsewhere' } };
    const only = (uuid: string) => ({ uuids: { allow: [uuid], deny: [] } });
    for (const [nodePolicy, used] of [
      ['pack', [700, 500]],
      ['fgd', [600, 600]],
    ] as const) {
      books = new Books(picture, clock, { ...CONFIG, nodePolicy });
      run(pod('p1', request([need(fraction(600))], only('GPU-a-0'))));
      run(pod('p2', request([need(fraction(500))], only('GPU-a-1'))));
      // what is typical takes 400, and 400 and 500 are left
      for (let at = 0; at < 200; at++) filter(pod(`typical${at}`, fraction(400), { constraints: elsewhere }));
      expect(run(pod('p3', fraction(100)))).toBe('a');
      expect([nodePolicy, [...picture.nodes.get('a')!.ledger.usedMilli]]).toEqual([nodePolicy, used]);
      for (const name of ['p1', 'p2', 'p3']) picture.removePod(`uid-${name}`);
    }
  });
});

describe('a pod without GPUs', () => {
  const best = (each: PodFacts, offered = names()): string[] => {
    const scores = books.prioritize(each, books.resolve(offered));
    const most = Math.max(...scores.map(({ score }) => score));
    return scores.filter(({ score }) => score === most).map(({ node: name }) => name);
  };

  it('goes where the node policy loses least, if all nodes offered have GPUs', () => {
    addNode(node('a', 2), node('b', 2), node('c', 0, { managed: false }));
    run(
      pod('p1', fraction(500), {
        constraints: { ...pod('x', null).constraints, nodeSelector: { 'kubernetes.io/hostname': 'b' } },
      }),
    );
    expect(best(pod('q', null), ['a', 'b'])).toEqual(['b']);
    expect(best(pod('q', null))).toEqual(['c']);
  });

  it('is not sent to a node without room for it', () => {
    addNode(node('a', 2), node('b', 2, { allocatable: { cpu: 500, memory: 2 ** 38, pods: 110 } }));
    expect(best(pod('q', null))).toEqual(['a']);
  });
});
