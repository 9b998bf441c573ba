/** What happens to promises and claims when the world changes under them: one case per change that has a decision in it. */
import { beforeEach, describe, expect, it } from 'vitest';
import { bound, device, fraction, memory, need, node, pod, request, whole } from '../../test/build/facts.ts';
import { ManualClock } from '../../test/build/manual-clock.ts';
import type { Claim } from '../core/gpu/claim.ts';
import { GPU_MILLI } from '../core/names.ts';
import type { NodeFacts } from '../core/placement/node-facts.ts';
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

const put = (...facts: NodeFacts[]): void => {
  for (const each of facts) picture.nodes.setFacts(each.name, each);
};
const names = (): string[] => [...picture.nodes.values()].map((each) => each.name).sort();
const filter = (each: PodFacts, offered = names(), shortList = 1) =>
  books.filter(each, books.resolve(offered), shortList);
const preempt = (each: PodFacts, ...nodes: string[]) =>
  books.preempt(
    each,
    nodes.map((name) => ({ node: name, victims: null })),
  );
const on = (index: number, mib: number, milli: number, uuid: string | null = null): Claim => ({
  containers: [{ name: 'main', slot: 'c0', sidecar: false, devices: [{ uuid, index, mib, milli }] }],
});
/** a pod that somebody bound with a claim: an earlier process, another leader */
const found = (name: string, where: string, claim: Claim, over: Partial<PodFacts> = {}): void =>
  picture.upsertPod(bound(pod(name, whole, over), where, claim));
const advance = (ms: number): void => {
  clock.advance(ms);
  books.sweep();
};
const bare = (over: Parameters<typeof device>[1] = {}) => device(0, { uuid: null, ...over });

describe('a promise is not kept blindly', () => {
  const p = pod('p', fraction(500));
  it.each<[string, () => void, string]>([
    [
      'another leader bound a pod to the same device meanwhile',
      () => found('other', 'a', on(0, 80_000, 1000, 'GPU-a-0')),
      'gpu-full',
    ],
    ['the device fell ill', () => put(node('a', [device(0, { uuid: 'GPU-a-0', healthy: false })])), 'gpu-too-few'],
    [
      'the node came back with other GPUs',
      () => put(node('a', [device(0, { uuid: 'GPU-new', healthy: false })])),
      'gpu-too-few',
    ],
    ['the node is managed no more', () => put(node('a', 1, { managed: false })), 'node-unmanaged'],
    ['the node was deleted', () => picture.nodes.setFacts('a', null), 'node-unknown'],
    [
      'a pod began to use the GPUs without a claim',
      () => picture.upsertPod({ ...pod('s', whole), nodeName: 'a' }),
      'gpu-unknown-use',
    ],
    ['the node is cordoned', () => put(node('a', 1, { cordoned: true })), 'node-cordoned'],
  ])('when %s', (_, change, code) => {
    put(node('a', 1));
    expect(filter(p).fits).toEqual(['a']);
    change();
    expect(books.beginBind(p, 'a')).toEqual({ kind: 'refuse', code });
    expect(filter(p, ['a']).fits).toEqual([]);
  });

  it.each([
    ['smaller', bare({ mib: 16_000 }), 8_000],
    ['larger', bare({ mib: 141_000 }), 70_500],
  ])('when the index stands for a %s GPU now, it is made anew', (_, fresh, mib) => {
    put(node('a', [bare()]));
    filter(p);
    put(node('a', [fresh]));
    expect(books.beginBind(p, 'a')).toMatchObject({ claim: { containers: [{ devices: [{ mib }] }] } });
  });

  it('when the index stands for a GPU of another model now', () => {
    put(node('a', [bare()]));
    const picky = pod('picky', request([need(whole)], { models: { allow: ['H100'], deny: [] } }));
    filter(picky);
    put(node('a', [bare({ model: 'T4' })]));
    expect(books.beginBind(picky, 'a')).toEqual({ kind: 'refuse', code: 'gpu-model' });
  });

  it('and a device that shrank under a hold keeps the books in order', () => {
    put(node('a', [bare()]));
    filter(pod('h', memory(60_000)));
    put(node('a', [bare({ mib: 40_000 })]));
    picture.removePod('uid-h');
    expect([...picture.nodes.get('a')!.ledger.usedMib]).toEqual([0]);
    expect(preempt(pod('x', whole, { priority: 9 }), 'a')).toEqual([]);
  });

  it('and a node overflowed by others can still be searched for victims', () => {
    put(node('a', 1));
    filter(pod('h', fraction(600)));
    found('low', 'a', on(0, 64_000, 800, 'GPU-a-0'));
    expect(preempt(pod('x', fraction(400), { priority: 9 }), 'a')).toMatchObject([{ victims: ['uid-low'] }]);
  });

  it('next-best nodes of a short list are answered again only while they have room', () => {
    put(node('a', 1), node('b', 1));
    expect(filter(p, names(), 8).fits).toEqual(['a', 'b']);
    found('other', 'b', on(0, 80_000, 1000, 'GPU-b-0'));
    expect(filter(p, names(), 8).fits).toEqual(['a']);
  });
});

describe('a Binding on its way', () => {
  const p = pod('p', whole, { priority: 9 });
  const flight: [string, () => void][] = [
    ['is sent', () => {}],
    ['has no known outcome', () => books.bindUnknown(p.uid)],
    ['has landed', () => books.bindLanded(p.uid)],
  ];
  beforeEach(() => {
    put(node('a', 1), node('b', 1));
    found('low', 'b', on(0, 80_000, 1000, 'GPU-b-0'));
    expect(filter(p).fits).toEqual(['a']);
    books.beginBind(p, 'a');
  });

  it.each(flight)('that %s is not given up by preempt', (_, state) => {
    state();
    expect(preempt(p, 'a', 'b')).toEqual([]);
    expect(picture.holds.get(p.uid)).toMatchObject({ node: 'a', cause: 'tentative' });
    expect(filter(pod('q', whole)).fits).toEqual([]);
  });

  it.each(flight)('that %s is not given up when the pod terminates, the node goes or time passes', (_, state) => {
    state();
    picture.upsertPod({ ...p, terminating: true });
    picture.nodes.setFacts('a', null);
    advance(3_600_000);
    put(node('a', 1));
    expect(filter(pod('q', whole)).fits).toEqual([]);
  });

  it.each(flight)('that %s ends with the pod, also when its name was taken by another one in a gap', (_, state) => {
    state();
    picture.upsertPod(p);
    picture.upsertPod(pod('p', null, { uid: 'uid-p-again' }));
    expect(filter(pod('q', whole)).fits).toEqual(['a']);
  });

  it.each<[string, () => void]>([
    ['before', () => {}],
    ['after', () => books.bindLanded(p.uid)],
    ['without', () => books.bindUnknown(p.uid)],
  ])('is one claim when the informer shows it %s the answer', (_, state) => {
    const claim = picture.holds.get(p.uid)!.claim;
    state();
    picture.upsertPod(bound(p, 'a', claim));
    books.bindLanded(p.uid);
    books.bindReadBack(p.uid, 'a');
    expect(picture.nodes.get('a')!.ledger.usedMilli).toEqual(Float64Array.of(1000));
    expect([...picture.holds.values()]).toEqual([]);
    expect(books.beginBind(p, 'a')).toEqual({ kind: 'already-bound', node: 'a' });
  });

  it('that was read back on another node leaves this one', () => {
    books.bindUnknown(p.uid);
    books.bindReadBack(p.uid, 'b');
    expect(filter(pod('q', whole)).fits).toEqual(['a']);
  });
});

describe('a pod that will never be bound', () => {
  it('gives its open promise back as soon as it terminates', () => {
    put(node('a', 1));
    const p = pod('p', whole);
    filter(p);
    picture.upsertPod({ ...p, terminating: true });
    expect(filter(pod('q', whole)).fits).toEqual(['a']);
  });

  it('is not counted as waiting for ever when it was deleted before it was known', () => {
    put(node('a', 0));
    filter(pod('p', whole));
    expect(picture.waiting().pods).toBe(1);
    advance(61_000);
    expect(picture.waiting().pods).toBe(0);
  });

  it('is counted as waiting for as long as it is there', () => {
    put(node('a', 0));
    picture.upsertPod(pod('p', whole));
    filter(pod('p', whole));
    advance(3_600_000);
    expect(picture.waiting().pods).toBe(1);
  });
});

describe('what a preemptor waits for', () => {
  const high = pod('high', whole, { priority: 9 });
  const low = pod('low', whole);
  const claim = on(0, 80_000, 1000, 'GPU-a-0');
  const others = (): readonly string[] => filter(pod('q', fraction(100))).fits;
  const terminating = (): void => picture.upsertPod({ ...bound(low, 'a', claim), terminating: true });
  beforeEach(() => {
    put(node('a', 1));
    picture.upsertPod(high);
    picture.upsertPod(bound(low, 'a', claim));
    expect(preempt(high, 'a')).toMatchObject([{ victims: [low.uid] }]);
  });

  it('is kept while a victim is ending, however long', () => {
    terminating();
    picture.upsertPod({ ...high, nominatedNode: 'a' });
    for (let minute = 0; minute < 60; minute++) advance(60_000);
    picture.removePod(low.uid);
    expect(others()).toEqual([]);
    expect(filter(high).fits).toEqual(['a']);
  });

  it.each<[string, () => void]>([
    ['kube-scheduler evicted nobody', () => picture.upsertPod({ ...high, nominatedNode: 'a' })],
    [
      'kube-scheduler nominated another node',
      () => {
        terminating();
        picture.upsertPod({ ...high, nominatedNode: 'b' });
      },
    ],
    ['it is nominated no more', terminating],
    [
      'it was never known',
      () => {
        terminating();
        picture.removePod(high.uid);
      },
    ],
    [
      'it is being deleted',
      () => {
        terminating();
        picture.upsertPod({ ...high, terminating: true, nominatedNode: 'a' });
      },
    ],
    [
      'it was bound elsewhere',
      () => {
        terminating();
        picture.upsertPod({ ...high, nodeName: 'b', claim: on(0, 1, 1) });
      },
    ],
  ])('is given back when %s', (_, change) => {
    change();
    advance(31_000);
    expect(picture.holds.countByCause().awaiting).toBe(0);
    picture.removePod(low.uid);
    expect(others()).toEqual(['a']);
  });

  it('is given back when it does not come after its victims are gone', () => {
    terminating();
    picture.upsertPod({ ...high, nominatedNode: 'a' });
    advance(31_000);
    picture.removePod(low.uid);
    advance(31_000);
    expect(others()).toEqual(['a']);
  });

  it('outlives a bind that came too early', () => {
    expect(books.beginBind(high, 'a')).toEqual({ kind: 'refuse', code: 'gpu-full' });
    expect(picture.holds.get(high.uid)).toMatchObject({ cause: 'awaiting', node: 'a' });
  });

  it('is not taken by the pod that replaces its victim', () => {
    terminating();
    picture.removePod(low.uid);
    expect(filter(pod('low-again', whole))).toMatchObject({ refused: [{ code: 'gpu-awaited' }] });
  });

  it('is kept once when it asks again, and a second preemptor takes other victims', () => {
    put(node('a', [device(0, { uuid: 'GPU-a-0' }), device(1, { uuid: 'GPU-a-1' })]));
    found('low2', 'a', on(1, 80_000, 1000, 'GPU-a-1'));
    terminating();
    expect(preempt(high, 'a')).toMatchObject([{ victims: [low.uid] }]);
    expect(preempt(pod('high2', whole, { priority: 9 }), 'a')).toMatchObject([{ victims: ['uid-low2'] }]);
    expect([...picture.nodes.get('a')!.ledger.awaitedMilli]).toEqual([1000, 1000]);
    expect(preempt(pod('high3', whole, { priority: 9 }), 'a')).toEqual([]);
  });

  it('is given up for a free node', () => {
    put(node('b', 1));
    expect(filter(high).fits).toEqual(['b']);
    expect(picture.holds.get(high.uid)).toMatchObject({ cause: 'tentative', node: 'b' });
  });
});

describe('preempt', () => {
  it('evicts a pod that uses GPUs without a claim, since nothing fits beside it', () => {
    put(node('a', 1));
    picture.upsertPod({ ...pod('stranger', whole), nodeName: 'a' });
    expect(preempt(pod('high', fraction(100), { priority: 9 }), 'a')).toMatchObject([{ victims: ['uid-stranger'] }]);
  });

  it.each([
    ['spares the pod whose budget allows none', 0, ['uid-free'], 0],
    ['uses a budget that allows one', 1, ['uid-guarded'], 0],
  ])('%s', (_, disruptionsAllowed, victims, pdbViolations) => {
    put(node('a', 2));
    const selector = [{ key: 'app', operator: 'In', values: ['db'] }] as const;
    picture.upsertBudget({ uid: 'b', namespace: 'team', name: 'b', selector, disruptionsAllowed, disruptedPods: [] });
    found('guarded', 'a', on(0, 80_000, 1000, 'GPU-a-0'), { labels: { app: 'db' }, startedMs: 9 });
    found('free', 'a', on(1, 80_000, 1000, 'GPU-a-1'), { startedMs: 5 });
    expect(preempt(pod('high', whole, { priority: 9 }), 'a')).toEqual([{ node: 'a', victims, pdbViolations }]);
  });

  it('counts what a budget cannot bear when there is no other way', () => {
    put(node('a', 2));
    const budget = { uid: 'b', namespace: 'team', name: 'b', selector: [], disruptionsAllowed: 1, disruptedPods: [] };
    picture.upsertBudget(budget);
    found('v0', 'a', on(0, 80_000, 1000, 'GPU-a-0'));
    found('v1', 'a', on(1, 80_000, 1000, 'GPU-a-1'));
    const both = pod('high', request([need(whole, 2)]), { priority: 9 });
    expect(preempt(both, 'a')).toMatchObject([{ pdbViolations: 1 }]);
    picture.upsertBudget({ ...budget, disruptedPods: ['v0'] });
    expect(preempt(pod('high2', request([need(whole, 2)]), { priority: 9 }), 'a')).toEqual([]);
  });
});

describe('a pod that costs too much to look everywhere at once', () => {
  const containers = Array.from({ length: 64 }, (_, at) =>
    need(memory(4_000 + 11 * at, 5 + ((at * 7) % 31)), 1, { name: `c${at}`, slot: `c${at}` }),
  );
  const hostile = pod('hostile', request(containers), { priority: 9, needs: { pods: 1 } });
  const NODES = 60;

  it('goes on with preempt where it stopped, until it has found the one node that can be freed', () => {
    for (let at = 0; at < NODES; at++) {
      const name = `n${String(at).padStart(3, '0')}`;
      // all but one are too small for all containers together, which only a search finds out
      const mib = at === NODES - 1 ? 80_000 : 36_000;
      put(
        node(
          name,
          Array.from({ length: 8 }, (_, index) => device(index, { uuid: `GPU-${at}-${index}`, mib })),
        ),
      );
      const devices = Array.from({ length: 8 }, (_, index) => ({
        uuid: `GPU-${at}-${index}`,
        index,
        mib: 30_000,
        milli: 990,
      }));
      found(`v${at}`, name, { containers: [{ name: 'main', slot: 'c0', sidecar: false, devices }] });
    }
    let calls = 1;
    while (preempt(hostile, ...names()).length === 0 && calls < 30) calls++;
    expect(calls).toBeGreaterThan(1);
    expect(picture.holds.get(hostile.uid)).toMatchObject({ cause: 'awaiting', node: `n0${NODES - 1}` });
  });

  it('is told so where it was not looked, and comes to every node in the end', () => {
    for (let at = 0; at < 1_000; at++) {
      const name = `n${String(at).padStart(4, '0')}`;
      const mib = at === 999 ? 80_000 : 36_000;
      put(
        node(
          name,
          Array.from({ length: 8 }, (_, index) => device(index, { uuid: `GPU-${at}-${index}`, mib })),
        ),
      );
    }
    const offered = books.resolve(names());
    const first = books.filter(hostile, offered, 1);
    expect(new Set(first.refused.map(({ code }) => code))).toEqual(new Set(['gpu-too-few', 'gpu-not-compared']));
    expect(filter(hostile, ['n0999']).fits).toEqual(['n0999']);
    books.bindRefused(hostile.uid);
    let calls = 1;
    while (books.filter(hostile, offered, 1).fits.length === 0 && calls < 60) calls++;
    expect(picture.holds.get(hostile.uid)).toMatchObject({ node: 'n0999' });
  });
});

describe('gpu-milli, the sum that kube-scheduler sees', () => {
  const needs = { cpu: 1000, [GPU_MILLI]: 500, pods: 1 };
  const p = pod('p', fraction(500), { needs });
  const late = { cpu: 64_000, memory: 2 ** 38, pods: 110 };

  it('is no objection where the status does not say it yet', () => {
    put(node('fresh', 1, { allocatable: late }));
    expect(filter(p).fits).toEqual(['fresh']);
  });

  it('is what the healthy devices are worth, whatever the status still says', () => {
    const ill = device(1, { uuid: 'GPU-a-1', healthy: false });
    put(node('a', [device(0, { uuid: 'GPU-a-0' }), ill], { allocatable: { ...late, [GPU_MILLI]: 2000 } }));
    picture.upsertPod({
      ...bound(pod('r', fraction(900), { needs: { [GPU_MILLI]: 900 } }), 'a', on(1, 72_000, 900, 'GPU-a-1')),
    });
    expect(filter(p).refused).toEqual([{ node: 'a', code: 'resources-full' }]);
  });
});

describe('pods that were not placed by us', () => {
  it.each<[string, Partial<PodFacts>, readonly string[]]>([
    ['a static pod without GPUs', { usesGpu: false, ask: { kind: 'none' } }, ['a']],
    ['a pod created on the node with GPUs', {}, []],
    ['one of another scheduler that has ended', { terminal: true, schedulerName: 'default-scheduler' }, ['a']],
    ['one of another scheduler that terminates', { terminating: true, schedulerName: 'default-scheduler' }, []],
    ['one with a claim that cannot be read', { claim: 'malformed' }, []],
  ])('%s', (_, over, fits) => {
    put(node('a', 1));
    picture.upsertPod(pod('x', whole, { nodeName: 'a', ...over }));
    expect(filter(pod('p', fraction(100))).fits).toEqual(fits);
  });
});

describe('claims follow their devices', () => {
  it.each([
    [
      'uuid, when the GPUs are numbered anew',
      'GPU-1',
      [device(0, { uuid: 'GPU-1' }), device(1, { uuid: 'GPU-0' })],
      [1000, 0],
    ],
    [
      'index, when the source knows no uuids any more',
      'GPU-1',
      [device(0, { uuid: null }), device(1, { uuid: null })],
      [0, 1000],
    ],
    ['index, when the claim was made without', null, [device(0), device(1)], [0, 1000]],
    [
      'nothing, when the node came back with other GPUs',
      'GPU-1',
      [device(0, { uuid: 'X' }), device(1, { uuid: 'Y' })],
      [0, 0],
    ],
  ])('by %s', (_, uuid, devices, milli) => {
    put(node('a', 2));
    found('p', 'a', on(1, 80_000, 1000, uuid));
    put(node('a', devices));
    expect([...picture.nodes.get('a')!.ledger.usedMilli]).toEqual(milli);
    picture.removePod('uid-p');
    expect([...picture.nodes.get('a')!.ledger.usedMilli]).toEqual([0, 0]);
  });

  it('and are back when the node is managed again', () => {
    put(node('a', 1));
    found('p', 'a', on(0, 80_000, 1000, 'GPU-a-0'));
    put(node('a', 1, { managed: false }));
    put(node('a', 1));
    expect(filter(pod('q', fraction(100))).fits).toEqual([]);
  });
});

describe('explain', () => {
  const detailOf = (each: PodFacts): unknown => {
    picture.upsertPod(each);
    return books.explain(each.namespace, each.name)?.rows[0];
  };

  it.each<[string, () => PodFacts, unknown]>([
    [
      'amounts of devices',
      () => {
        found('r', 'a', on(0, 72_000, 900, 'GPU-a-0'));
        return pod('p', fraction(500));
      },
      { code: 'gpu-full', detail: 'free #0 10 % 8000/80000 MiB' },
    ],
    [
      'who uses GPUs without a claim',
      () => {
        picture.upsertPod({ ...pod('stranger', whole), nodeName: 'a' });
        return pod('p', fraction(500));
      },
      { code: 'gpu-unknown-use', detail: 'team/stranger' },
    ],
    [
      'cores and MiB',
      () => pod('p', fraction(500), { needs: { cpu: 64_500, memory: 2 ** 39 } }),
      {
        code: 'resources-too-small',
        detail: 'cpu: wanted 64.5, free 64 of 64; memory: wanted 524288 MiB, free 262144 MiB of 262144 MiB',
      },
    ],
    [
      'by how much the request was edited',
      () => pod('p', fraction(900), { needs: { [GPU_MILLI]: 500 } }),
      { code: 'gpu-milli-short', detail: 'says 500, asks for 900' },
    ],
    [
      'that the node is kept for the pod itself',
      () => {
        filter(pod('p', whole));
        return pod('p', whole);
      },
      { code: null, detail: 'kept for this pod' },
    ],
    [
      'whom a preemptor waits for',
      () => {
        found('low', 'a', on(0, 80_000, 1000, 'GPU-a-0'));
        const high = pod('p', whole, { priority: 9 });
        preempt(high, 'a');
        return high;
      },
      { code: 'victims-terminating', detail: 'team/low' },
    ],
  ])('says %s', (_, prepare, row) => {
    put(node('a', 1));
    expect(detailOf(prepare())).toEqual({ node: 'a', ...(row as object) });
  });

  it('asks no more where a bound pod might go', () => {
    put(node('a', 1));
    found('p', 'a', on(0, 80_000, 1000, 'GPU-a-0'));
    expect(books.explain('team', 'p')).toMatchObject({ rows: [], hold: null });
  });
});
