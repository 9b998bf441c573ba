/** Places ahead of filter: one pod at a time, after a restart, taken over, and what filter makes of a sample. */
import { beforeEach, describe, expect, it } from 'vitest';
import { bound, fraction, gangSaid, need, node, pod, request, whole } from '../../test/build/facts.ts';
import { ManualClock } from '../../test/build/manual-clock.ts';
import type { Plan } from '../core/placement/plan.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import { Books, type BooksConfig } from './books.ts';
import { Picture } from './picture.ts';

const CONFIG: BooksConfig = { nodePolicy: 'pack', devicePolicy: 'pack', holdMs: 30_000, envGuard: true, placer: true };

let clock: ManualClock;
let books: Books;
let picture: Picture;
let told: string[];
const renew = (config: BooksConfig = CONFIG): void => {
  clock = new ManualClock();
  picture = new Picture();
  books = new Books(picture, clock, config);
  told = [];
  books.onPlanned = (pods) => told.push(...pods.map(({ name }) => name));
};
beforeEach(() => renew());

const addNodes = (...devices: number[]): void => {
  for (const [at, count] of devices.entries()) picture.nodes.setFacts(`n${at}`, node(`n${at}`, count));
};
const seen = (...pods: PodFacts[]): void => {
  for (const each of pods) picture.upsertPod(each);
};
const filter = (each: PodFacts, offered: readonly string[]) => books.filter(each, books.resolve(offered), 1);
const holdOf = (each: PodFacts) => picture.holds.get(each.uid);
const used = (): number =>
  [...picture.nodes.values()].reduce((sum, each) => sum + each.ledger.usedMilli.reduce((a, b) => a + b, 0), 0);
/** The pod as it stands once its hold was made known. */
const nominated = (each: PodFacts, over: Partial<Plan> = {}): PodFacts => {
  const { node: where, claim, gang } = holdOf(each)!;
  return { ...each, nominatedNode: where, plan: { node: where, claim, gang, until: clock.now() + 30_000, ...over } };
};
const run = (each: PodFacts, where: string): PodFacts => {
  const plan = books.beginBind(each, where);
  if (plan.kind !== 'bind') throw new Error(JSON.stringify(plan));
  books.bindLanded(each.uid);
  const there = bound(each, where, plan.claim);
  seen(there);
  return there;
};

describe('a place for one pod', () => {
  it('is the best one of all nodes, and filter confirms it', () => {
    addNodes(1, 2);
    const each = pod('a', fraction(500));
    seen(each);
    expect(books.planPod(each.uid)).toMatchObject({ kind: 'planned', hold: { node: 'n0', cause: 'planned' } });
    expect(books.planPod(each.uid)).toEqual({ kind: 'settled' });
    expect(filter(nominated(each), ['n0']).fits).toEqual(['n0']);
    expect(used()).toBe(500);
  });

  it.each([
    ['no node has so many devices', pod('p', request([need(whole, 4)])), 'gpu-too-few'],
    ['no device has room', pod('p', whole), 'gpu-full'],
    ['CPU is short', pod('p', fraction(100), { needs: { cpu: 64_000, memory: 1, pods: 1 } }), 'resources-full'],
    ['the webhook was away', pod('p', whole, { envSafe: false }), 'pod-without-env'],
    [
      'the request makes no sense',
      pod('p', null, { ask: { kind: 'invalid', message: '', mig: false } }),
      'request-invalid',
    ],
  ])('is refused with one reason when %s', (_, each, code) => {
    addNodes(1);
    const other = pod('other', fraction(900), { priority: 1_000 });
    seen(other, each);
    filter(other, ['n0']);
    expect(books.planPod(each.uid)).toEqual({ kind: 'refused', code });
    expect(used()).toBe(900);
  });

  it('is none of ours for a pod without GPUs', () => {
    addNodes(1);
    const each = pod('a', null);
    seen(each);
    expect(books.planPod(each.uid)).toEqual({ kind: 'not-ours' });
  });

  it('ends when the API server does not take it, and filter alone decides from then on', () => {
    addNodes(1, 1);
    const each = pod('a', whole);
    seen(each);
    books.planPod(each.uid);
    books.unwritable(each.uid);
    expect(used()).toBe(0);
    expect(books.planPod(each.uid)).toEqual({ kind: 'settled' });
    expect(filter(each, ['n1']).fits).toEqual(['n1']);
  });
});

describe('an offer that misses the best node', () => {
  it('is refused with one constant reason, and the pod is to be nominated', () => {
    addNodes(1, 1, 1);
    const first = pod('first', fraction(500));
    seen(first);
    expect(filter(first, ['n0', 'n1', 'n2']).fits).toEqual(['n0']);
    const each = pod('a', fraction(500));
    seen(each);
    const refusal = filter(each, ['n1', 'n2']);
    expect(refusal.refused.map(({ code }) => code)).toEqual(['placed-elsewhere', 'placed-elsewhere']);
    expect(holdOf(each)).toMatchObject({ node: 'n0', cause: 'planned' });
    expect(filter(each, ['n1', 'n2'])).toEqual(refusal);
    expect(told).toEqual(['a', 'a']);
    expect(filter(nominated(each), ['n0']).fits).toEqual(['n0']);
  });

  it('is good enough where a node of it is as good', () => {
    addNodes(1, 1, 1);
    const each = pod('a', whole);
    seen(each);
    expect(filter(each, ['n2']).fits).toEqual(['n2']);
    expect(told).toEqual([]);
  });

  it('of a pod that is nominated means that kube-scheduler refused that node: another one is found at once', () => {
    addNodes(1, 1);
    const first = pod('first', fraction(500));
    seen(first);
    filter(first, ['n0']);
    const each = pod('a', fraction(500));
    seen(each);
    filter(each, ['n1']);
    expect(holdOf(each)?.node).toBe('n0');
    expect(filter(nominated(each), ['n1']).fits).toEqual(['n1']);
    picture.dropHold(each.uid);
    expect(books.planPod(each.uid)).toMatchObject({ kind: 'planned', hold: { node: 'n1' } });
  });

  describe('while others wait behind', () => {
    /** of 60 nodes n0 has half a GPU left, and `fresh` of the others have nothing on them; `behind` other pods wait */
    const waits = (behind: number, milli: number, fresh = 59, over: Partial<PodFacts> = {}): PodFacts => {
      addNodes(...Array.from({ length: 60 }, () => 1));
      const first = pod('first', fraction(500));
      seen(first);
      filter(first, ['n0']);
      for (let at = 59; at > fresh; at--) {
        const there = pod(`on${at}`, whole);
        seen(there);
        filter(there, [`n${at}`]);
      }
      const each = pod('a', fraction(500));
      seen(each, ...Array.from({ length: behind }, (_, at) => pod(`behind${at}`, fraction(milli), over)));
      return each;
    };

    it('is good enough: the room left on nodes that carry something is little', () => {
      const each = waits(9, 10);
      expect(filter(each, ['n3']).fits).toEqual(['n3']);
      expect(told).toEqual([]);
    });

    it('is not, once it is no more so little, until more waits than has room there', () => {
      filter(waits(9, 10), ['n3']);
      const next = pod('next', fraction(500));
      seen(next);
      expect(filter(next, ['n4']).fits).toEqual([]);
      picture.dropHold(next.uid);
      seen(...Array.from({ length: 9 }, (_, at) => pod(`more${at}`, fraction(100))));
      expect(filter(next, ['n4']).fits).toEqual(['n4']);
    });

    it.each<[string, Partial<PodFacts>]>([
      ['are bound', { nodeName: 'n6' }],
      ['are behind a gate', { gated: true }],
      ['are on their way out', { terminating: true }],
    ])('is not, where they %s', (_, over) => {
      expect(filter(waits(9, 10, 59, over), ['n3']).fits).toEqual([]);
    });

    it('will do for most pods, which are not decided ahead then', () => {
      waits(8, 10);
      expect(books.samplesDo).toBe(false);
      seen(pod('tenth', fraction(10)));
      expect(books.samplesDo).toBe(true);
    });

    it('is not, where they were refused already', () => {
      const each = waits(9, 10);
      picture.setWaiting('uid-behind0', false, 0);
      expect(filter(each, ['n3']).fits).toEqual([]);
    });

    it('is not, where they are few', () => {
      const each = waits(9, 10);
      picture.removePod('uid-behind0');
      expect(filter(each, ['n3']).fits).toEqual([]);
    });

    it('is not, where fresh nodes are scarce for them, or the smaller part of the cluster', () => {
      expect(filter(waits(30, 1000), ['n3']).fits).toEqual([]);
      renew();
      expect(filter(waits(9, 100, 29), ['n3']).fits).toEqual([]);
    });
  });

  it('without a placer is all there is', () => {
    renew({ ...CONFIG, placer: false });
    addNodes(1, 1);
    const first = pod('first', fraction(500));
    seen(first);
    filter(first, ['n0']);
    const each = pod('a', fraction(500));
    expect(filter(each, ['n1']).fits).toEqual(['n1']);
  });
});

describe('a hold that is not bound yet', () => {
  const young = pod('young', whole, { createdMs: 20_000 });
  const old = pod('old', whole, { createdMs: 10_000 });
  const urgent = pod('urgent', whole, { createdMs: 30_000, priority: 10 });

  it.each([
    ['an older pod', old, young, true],
    ['a pod of higher priority', urgent, old, true],
    ['a younger pod', young, old, false],
    ['an older pod of lower priority', old, urgent, false],
  ])('by %s: taken over %s', (_, taker, holder, taken) => {
    addNodes(1);
    seen(taker, holder);
    expect(filter(holder, ['n0']).fits).toEqual(['n0']);
    expect(filter(taker, ['n0']).fits).toEqual(taken ? ['n0'] : []);
    expect(holdOf(holder) === undefined).toBe(taken);
    expect(used()).toBe(1000);
  });

  it('is nobody else’s once its Binding is on its way', () => {
    addNodes(1);
    seen(old, young);
    filter(young, ['n0']);
    books.beginBind(young, 'n0');
    expect(filter(old, ['n0']).fits).toEqual([]);
  });

  it('as a part of a gang gives way to higher priority only, and then the whole plan does', () => {
    addNodes(2);
    const members = ['g-0', 'g-1'].map((name) =>
      pod(name, whole, { gang: 'team/g', gangSaid: gangSaid('g', 2), createdMs: 20_000 }),
    );
    seen(...members, old, urgent);
    expect(books.planGang('team/g').kind).toBe('planned');
    expect(books.planPod(old.uid).kind).toBe('refused');
    expect(books.planPod(urgent.uid).kind).toBe('planned');
    expect(members.map(holdOf)).toEqual([undefined, undefined]);
    expect(used()).toBe(1000);
  });
});

describe('plans found on pods', () => {
  /** The pods as they stand after the old process wrote what it wrote; the books know nothing. */
  const again = (pods: readonly PodFacts[], ...devices: number[]): void => {
    const now = clock;
    renew();
    clock.advance(now.monotonic());
    addNodes(...devices);
    seen(...pods);
    books.restorePlans(clock.now());
    books.restoreAwaiting();
  };

  it('are holds again, with the same devices', () => {
    addNodes(2);
    const each = pod('a', fraction(500));
    seen(each);
    books.planPod(each.uid);
    const before = holdOf(each);
    const written = nominated(each);
    again([written], 2);
    expect(holdOf(each)).toMatchObject({ node: 'n0', cause: 'planned', claim: before!.claim });
    expect(filter(written, ['n0']).fits).toEqual(['n0']);
  });

  const plan = (over: Partial<Plan>) => (): PodFacts => {
    addNodes(2);
    const each = pod('a', fraction(500));
    seen(each);
    books.planPod(each.uid);
    return nominated(each, over);
  };
  it.each([
    ['past its deadline', plan({ until: 1 })],
    ['on a node that is gone', () => ({ ...plan({ node: 'gone' })(), nominatedNode: 'gone' })],
    ['of a gang that the pod is not in', plan({ gang: 'team/x' })],
    ['of nothing', plan({ claim: null })],
    [
      'for less than the pod asks',
      () => {
        const small = plan({})();
        return { ...pod('a', request([need(fraction(500), 2)])), nominatedNode: 'n0', plan: small.plan };
      },
    ],
  ])('%s counts for nothing', (_, make) => {
    const written = make();
    again([written], 2);
    expect(holdOf(written)).toBeUndefined();
    expect(used()).toBe(0);
  });

  it('that exclude each other: the first in line has its place', () => {
    addNodes(1);
    const one = pod('one', whole, { createdMs: 1 });
    seen(one);
    books.planPod(one.uid);
    const first = nominated(one);
    const second = { ...pod('two', whole, { createdMs: 2 }), nominatedNode: 'n0', plan: first.plan };
    again([second, first], 1);
    expect([holdOf(first)?.node, holdOf(second)]).toEqual(['n0', undefined]);
  });

  const members = Array.from({ length: 4 }, (_, at) =>
    pod(`g-${at}`, whole, { gang: 'team/g', gangSaid: gangSaid('g', 4), createdMs: 5 }),
  );
  it('of a part of a gang: what is missing is planned beside them', () => {
    addNodes(2, 2);
    seen(...members);
    books.planGang('team/g');
    const written = [...members.slice(0, 2).map((each) => nominated(each)), ...members.slice(2)];
    again(written, 2, 2);
    expect(picture.holds.ofGang('team/g').length).toBe(4);
    expect(used()).toBe(4000);
  });

  it('of a part of a gang whose rest has no room any more: none of them stands', () => {
    addNodes(2, 2);
    seen(...members);
    books.planGang('team/g');
    const written = [...members.slice(0, 2).map((each) => nominated(each)), ...members.slice(2)];
    again(written, 2, 1);
    expect(picture.holds.ofGang('team/g')).toEqual([]);
    expect(used()).toBe(0);
  });
});

describe('victims for a pod that only fragmentation keeps waiting', () => {
  it('are named once, their devices are kept, and it has its place when they are gone', () => {
    addNodes(2);
    const small = ['a', 'b'].map((name) => pod(name, fraction(600)));
    seen(...small);
    const there = small.map((each) => {
      filter(each, ['n0']);
      return run(each, 'n0');
    });
    const big = pod('big', fraction(700), { priority: 5 });
    seen(big);
    expect(books.planPod(big.uid)).toEqual({ kind: 'refused', code: 'gpu-fragmented' });
    const answer = books.evictFor(big.uid);
    expect(answer).toMatchObject({ node: 'n0' });
    expect(answer!.victims.length).toBe(1);
    expect(books.evictFor(big.uid)).toBeNull();
    expect(books.planPod(big.uid)).toEqual({ kind: 'refused', code: 'victims-terminating' });
    const { freed } = picture.nodes;
    books.planPod(big.uid);
    expect(picture.nodes.freed).toBe(freed);
    picture.removePod(there.find(({ uid }) => answer!.victims.includes(uid))!.uid);
    expect(books.planPod(big.uid)).toMatchObject({ kind: 'planned', hold: { node: 'n0' } });
  });

  it('are none where nobody gives way', () => {
    addNodes(2);
    for (const name of ['a', 'b']) {
      const each = pod(name, fraction(600));
      seen(each);
      filter(each, ['n0']);
      run(each, 'n0');
    }
    const equal = pod('equal', fraction(700));
    const meek = pod('meek', fraction(700), { priority: 5, neverPreempts: true });
    seen(equal, meek);
    expect([books.evictFor(equal.uid), books.evictFor(meek.uid)]).toEqual([null, null]);
    expect(picture.holds.countByCause().awaiting).toBe(0);
  });
});

it('a pod that is bound as it was held gives nobody room', () => {
  addNodes(1);
  const each = pod('a', whole);
  seen(each);
  books.planPod(each.uid);
  const { freed } = picture.nodes;
  run(each, 'n0');
  expect(picture.nodes.freed).toBe(freed);
  expect(used()).toBe(1000);
});

describe('a pod without GPUs under fgd, to which all nodes are equal', () => {
  const first = (placer: boolean): string | undefined => {
    renew({ ...CONFIG, nodePolicy: 'fgd', placer });
    addNodes(2, 2);
    const other = pod('a', whole);
    seen(other);
    run(other, 'n1');
    const offered = books.resolve(['n0', 'n1']);
    return books.prioritize(pod('plain', null), offered)[0]?.node;
  };

  it('fills the first node where all of them are offered', () => {
    expect(first(false)).toBe('n0');
  });

  it('takes the fullest where the first one is that of a sample', () => {
    expect(first(true)).toBe('n1');
  });
});
