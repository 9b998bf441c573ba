import fc from 'fast-check';
import { beforeEach, describe, expect, it } from 'vitest';
import { bound, fraction, gangSaid, need, node, pod, podGroup, request, whole } from '../../test/build/facts.ts';
import { ManualClock } from '../../test/build/manual-clock.ts';
import type { GangSaid } from '../core/placement/gang/gang-facts.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import { Books, type BooksConfig } from './books.ts';
import { type Hold, openHold } from './holds.ts';
import { Picture } from './picture.ts';

const CONFIG: BooksConfig = { nodePolicy: 'pack', devicePolicy: 'pack', holdMs: 60_000, envGuard: true };

let clock: ManualClock;
let books: Books;
let picture: Picture;
let told: string[];

beforeEach(() => {
  clock = new ManualClock();
  picture = new Picture();
  books = new Books(picture, clock, CONFIG);
  told = [];
  books.onPlanned = (pods) => told.push(...pods.map(({ name }) => name));
});

/** Members `<gang>-0` … of one gang, known to the picture. */
function arrive(
  gang: string,
  count: number,
  gpu: Parameters<typeof pod>[1],
  over: Partial<GangSaid> = {},
  min = count,
): PodFacts[] {
  const members = Array.from({ length: count }, (_, at) =>
    pod(`${gang}-${at}`, gpu, { gang: `team/${gang}`, gangSaid: gangSaid(gang, min, over), createdMs: at + 1 }),
  );
  for (const member of members) picture.upsertPod(member);
  return members;
}

const addNodes = (count: number, devices: number): void => {
  for (let at = 0; at < count; at++) picture.nodes.setFacts(`n${at}`, node(`n${at}`, devices));
};
const names = (): string[] => [...picture.nodes.values()].map((each) => each.name).sort();
const filter = (each: PodFacts, offered = names()) => books.filter(each, books.resolve(offered), 1);
const codes = (each: PodFacts, offered = names()) => [
  ...new Set(filter(each, offered).refused.map(({ code }) => code)),
];
const planned = (): number => picture.holds.countByCause().planned;
const used = (): number =>
  [...picture.nodes.values()].reduce((sum, each) => sum + each.ledger.usedMilli.reduce((a, b) => a + b, 0), 0);

/** The whole bind of a pod that has a hold. False: refused. */
function bind(each: PodFacts): boolean {
  const { node: where } = picture.holds.get(each.uid)!;
  const plan = books.beginBind(each, where);
  if (plan.kind !== 'bind') return false;
  books.bindLanded(each.uid);
  picture.upsertPod(bound(each, where, plan.claim));
  return true;
}

const device = (index: number) => ({ uuid: `GPU-n0-${index}`, index, mib: 80_000, milli: 1000 });

describe('a gang of higher priority', () => {
  it('takes what others only hold, whole plans of them, and leaves those that are not in its way', () => {
    addNodes(3, 2);
    const [low] = arrive('low', 4, whole);
    const single = pod('single', fraction(500));
    picture.upsertPod(single);
    expect(filter(low!).fits).toHaveLength(1);
    expect(filter(single).fits).toHaveLength(1);
    const vip = arrive('vip', 5, whole).map((each) => ({ ...each, priority: 9 }));
    for (const each of vip) picture.upsertPod(each);
    expect(filter(vip[0]!).fits).toHaveLength(1);
    expect(picture.holds.ofGang('team/low')).toEqual([]);
    expect(picture.holds.ofGang('team/vip')).toHaveLength(5);
    expect(picture.holds.get(single.uid)).toBeDefined();
  });

  it('takes nothing from a gang of equal priority, nor what is being bound', () => {
    addNodes(1, 2);
    const low = arrive('low', 2, whole);
    filter(low[0]!);
    const equal = arrive('equal', 2, whole);
    expect(codes(equal[0]!)).toEqual(['gang-no-room']);
    for (const each of low) expect(books.beginBind(each, 'n0').kind).toBe('bind');
    const vip = arrive('vip', 2, whole).map((each) => ({ ...each, priority: 9 }));
    for (const each of vip) picture.upsertPod(each);
    expect(codes(vip[0]!)).toEqual(['gang-no-room']);
    expect(picture.holds.ofGang('team/low')).toHaveLength(2);
  });
});

describe('a gang', () => {
  it('is planned whole when its first member is asked for; the others find their places', () => {
    addNodes(2, 2);
    const [first, ...others] = arrive('g', 4, whole);
    expect(filter(first!).fits).toEqual(['n0']);
    expect(planned()).toBe(4);
    expect(others.map((each) => filter(each).fits)).toEqual([['n0'], ['n1'], ['n1']]);
    expect(used()).toBe(4000);
  });

  it('holds nothing when not all of it fits, so that two cannot block each other', () => {
    addNodes(1, 4);
    const a = arrive('a', 3, whole);
    const b = arrive('b', 3, whole);
    expect(filter(a[0]!).fits).toEqual(['n0']);
    for (const each of b) expect(codes(each)).toEqual(['gang-no-room']);
    expect(planned()).toBe(3);
  });

  it('waits for its members without taking anything', () => {
    addNodes(1, 8);
    const [only] = arrive('g', 1, whole, {}, 2);
    expect(codes(only!)).toEqual(['gang-incomplete']);
    expect(used()).toBe(0);
  });

  it('does not count a member that nobody prepared: the others would keep places and wait at bind for ever', () => {
    addNodes(1, 8);
    const [first, second] = arrive('g', 2, whole);
    picture.upsertPod({ ...second!, envSafe: false });
    expect(codes(first!)).toEqual(['gang-incomplete']);
    expect(codes({ ...second!, envSafe: false })).toEqual(['pod-without-env']);
    expect(used()).toBe(0);
  });

  it('starts with the members that can, when more came than must start together', () => {
    addNodes(1, 8);
    const [broken, ...others] = arrive('g', 3, whole, {}, 2);
    picture.upsertPod({ ...broken!, ask: { kind: 'invalid', message: 'nonsense', mig: false } });
    expect(others.map((each) => filter(each).fits)).toEqual([['n0'], ['n0']]);
    expect([...picture.holds.ofGang('team/g')].map(({ pod }) => pod.name).sort()).toEqual(['g-1', 'g-2']);
  });

  it('is tried again on a node that kube-scheduler refused once that was long ago', () => {
    addNodes(1, 2);
    const [first, second] = arrive('g', 2, whole);
    filter(first!);
    // the node is not offered: an in-tree filter refused it
    expect(codes(second!, [])).toEqual([]);
    expect(codes(first!)).toEqual(['gang-no-room']);
    clock.advance(300_001);
    expect(filter(first!).fits).toEqual(['n0']);
  });

  it('has nobody evicted for one member while it has not started', () => {
    addNodes(1, 1);
    const low = pod('low', whole, { priority: 0 });
    const claim = { containers: [{ name: 'main', slot: 'c0' as const, sidecar: false, devices: [device(0)] }] };
    picture.upsertPod(bound(low, 'n0', claim));
    const [member] = arrive('g', 2, whole).map((each) => ({ ...each, priority: 1 }));
    const candidates = [{ node: 'n0', victims: [low.uid] }];
    expect(books.preempt(member!, candidates)).toEqual([]);
    expect(books.preempt(pod('alone', whole, { priority: 1 }), candidates)).toHaveLength(1);
  });

  it('leaves nothing in the books of what was awaited for its members before', () => {
    addNodes(1, 2);
    const low = pod('low', whole, { priority: 0 });
    const claim = { containers: [{ name: 'main', slot: 'c0' as const, sidecar: false, devices: [device(0)] }] };
    picture.upsertPod(bound(low, 'n0', claim));
    const members = arrive('g', 3, whole, {}, 2).map((each) => ({ ...each, priority: 1 }));
    for (const each of members) picture.upsertPod(each);
    const awaited = { ...claim, containers: [{ ...claim.containers[0]!, devices: [device(1)] }] };
    const times = { state: 'open' as const, deadline: 30_000, since: 0 };
    const more = { cause: 'awaiting' as const, ranked: ['n0'], gang: null, victims: [low.uid] };
    picture.putHold({ pod: members[0]!, node: 'n0', claim: awaited, ...more, ...times });
    books.explain('team', 'g-0');
    picture.removePod(low.uid);
    expect(filter(members[1]!).fits).toEqual(['n0']);
    for (const each of members) picture.removePod(each.uid);
    expect([...picture.nodes.get('n0')!.ledger.awaitedMilli, used()]).toEqual([0, 0, 0]);
  });

  it('leaves nothing awaited when it takes what a later pod holds on the devices that were awaited for it', () => {
    addNodes(1, 2);
    const members = arrive('g', 2, whole).map((each) => ({ ...each, priority: 1 }));
    for (const each of members) picture.upsertPod(each);
    const later = pod('later', whole, { priority: 0 });
    picture.upsertPod(later);
    const claimOn = (index: number) => ({
      containers: [{ name: 'main', slot: 'c0' as const, sidecar: false, devices: [device(index)] }],
    });
    const put = (each: PodFacts, index: number, over: Pick<Hold, 'cause' | 'gang'>) =>
      picture.putHold(openHold({ pod: each, node: 'n0', claim: claimOn(index), ...over }, 0, 30_000));
    put(later, 1, { cause: 'tentative', gang: null });
    for (const [at, each] of members.entries()) put(each, at, { cause: 'awaiting', gang: 'team/g' });
    expect(filter(members[0]!).fits).toEqual(['n0']);
    expect(planned()).toBe(2);
    expect(picture.holds.get(later.uid)).toBeUndefined();
    const { ledger } = picture.nodes.get('n0')!;
    expect([...ledger.awaitedMilli, ...ledger.awaitedMib, used()]).toEqual([0, 0, 0, 0, 2000]);
  });

  it('has a say in when a member is bound that only filter has shown', () => {
    addNodes(1, 8);
    arrive('g', 2, whole, {}, 3);
    const late = pod('g-9', null, { gang: 'team/g', gangSaid: gangSaid('g', 3) });
    filter(late);
    expect(books.gangAtBind(late.uid)).toMatchObject({ gang: 'team/g', minMember: 3, missing: 3 });
  });

  it('lets nobody be bound while nobody says how many start together, whatever place is held (seed 8878)', () => {
    addNodes(1, 8);
    const [each] = arrive('g', 1, whole, { minMember: null });
    picture.putHold(
      openHold(
        {
          pod: each!,
          node: 'n0',
          claim: { containers: [{ name: 'main', slot: 'c0', sidecar: false, devices: [device(0)] }] },
          cause: 'planned',
          gang: null,
        },
        0,
        30_000,
      ),
    );
    expect(books.beginBind(each!, 'n0')).toEqual({ kind: 'refuse', code: 'gang-incomplete' });
    expect(used()).toBe(0);
  });

  it.each<[string, (each: PodFacts) => void]>([
    ['filter', (each) => void filter(each)],
    ['the placer', (each) => void books.planPod(each.uid)],
  ])('gives up places of members that %s decided while it ran, when it has not come together again', (_, decide) => {
    addNodes(1, 8);
    const members = arrive('g', 3, whole, {}, 2);
    filter(members[0]!);
    filter(members[1]!);
    expect([members[0]!, members[1]!].map(bind)).toEqual([true, true]);
    decide(members[2]!);
    expect(picture.holds.get(members[2]!.uid)?.node).toBe('n0');
    for (const each of [members[0]!, members[1]!]) picture.removePod(each.uid);
    expect(books.gangAtBind(members[2]!.uid)).toMatchObject({ missing: 2 });
    books.dropPlan('team/g', false);
    expect(used()).toBe(0);
    expect(codes(members[2]!)).toEqual(['gang-incomplete']);
  });

  it('that can never start is refused with a reason of its own', () => {
    addNodes(1, 8);
    const members = [...arrive('g', 1, whole, {}, 2), ...arrive('h', 1, whole, { key: 'team/g' }, 3)];
    expect(codes(members[0]!)).toEqual(['gang-invalid']);
  });

  it('tells members that were refused before that they have a place now', () => {
    addNodes(1, 2);
    const [early] = arrive('g', 1, whole, {}, 2);
    filter(early!);
    const [, late] = arrive('g', 2, whole);
    expect(filter(late!).fits).toEqual(['n0']);
    expect(told).toEqual(['g-0']);
  });

  it('is planned by the waker when room comes free and nobody asks', () => {
    addNodes(1, 2);
    const other = pod('other', whole);
    picture.upsertPod(
      bound(other, 'n0', {
        containers: [
          {
            name: 'main',
            slot: 'c0',
            sidecar: false,
            devices: [{ uuid: 'GPU-n0-0', index: 0, mib: 80_000, milli: 1000 }],
          },
        ],
      }),
    );
    const members = arrive('g', 2, whole);
    for (const each of members) expect(codes(each)).toEqual(['gang-no-room']);
    picture.removePod(other.uid);
    clock.advance(10_000);
    books.toWake();
    expect(told.sort()).toEqual(['g-0', 'g-1']);
    expect(members.map((each) => filter(each).fits)).toEqual([['n0'], ['n0']]);
  });

  it('is planned anew without a node that kube-scheduler refused for one of them', () => {
    addNodes(2, 2);
    const [first, second] = arrive('g', 2, whole);
    expect(filter(first!, ['n1']).fits).toEqual(['n1']);
    expect(picture.holds.get(second!.uid)).toMatchObject({ cause: 'planned' });
    expect(planned()).toBe(2);
  });

  it('is given up whole when it has no place without that node', () => {
    addNodes(1, 2);
    picture.nodes.setFacts('small', node('small', 1));
    const [first, second] = arrive('g', 2, request([need(whole, 2)]));
    picture.nodes.setFacts('n1', node('n1', 2));
    filter(first!);
    expect(codes(first!, ['small'])).toEqual(['gang-no-room']);
    expect(planned()).toBe(0);
    expect(picture.holds.get(second!.uid)).toBeUndefined();
  });

  it('plans only who is missing, beside those that run', () => {
    addNodes(2, 2);
    const members = arrive('g', 3, whole);
    for (const each of members) filter(each);
    bind(members[0]!);
    bind(members[1]!);
    bind(members[2]!);
    picture.removePod(members[2]!.uid);
    const again = pod('g-new', whole, { gang: 'team/g', gangSaid: gangSaid('g', 3) });
    picture.upsertPod(again);
    expect(filter(again).fits).toHaveLength(1);
    expect(planned()).toBe(1);
  });

  it('lets members above the minimum follow one by one', () => {
    addNodes(1, 3);
    const members = arrive('g', 4, whole, {}, 2);
    for (const each of members.slice(0, 2)) {
      filter(each);
      bind(each);
    }
    expect(filter(members[2]!).fits).toEqual(['n0']);
    expect(picture.holds.get(members[2]!.uid)?.cause).toBe('tentative');
    expect(codes(members[3]!)).toEqual(['gpu-full']);
  });

  it('loses its whole plan at the deadline, but nothing that is on its way', () => {
    addNodes(1, 3);
    const members = arrive('g', 3, whole);
    filter(members[0]!);
    books.beginBind(members[0]!, 'n0');
    clock.advance(CONFIG.holdMs + 1);
    books.sweep();
    expect([...picture.holds.values()].map(({ pod: { name }, state }) => [name, state])).toEqual([['g-0', 'binding']]);
  });

  it('keeps the plan of the others when one member is deleted', () => {
    addNodes(1, 3);
    const members = arrive('g', 3, whole);
    filter(members[0]!);
    picture.removePod(members[1]!.uid);
    expect(planned()).toBe(2);
  });

  it('has a place for a member without GPUs too, and binds it there without a claim', () => {
    addNodes(1, 1);
    const [worker] = arrive('g', 1, whole, {}, 2);
    const launcher = pod('launcher', null, { gang: 'team/g', gangSaid: gangSaid('g', 2), createdMs: 9 });
    picture.upsertPod(launcher);
    expect(filter(launcher).fits).toEqual(['n0']);
    expect(filter(worker!).fits).toEqual(['n0']);
    expect(books.beginBind(launcher, 'n0')).toEqual({ kind: 'bind', claim: null });
  });

  it('starts together with the gangs that it names', () => {
    addNodes(1, 3);
    const a = arrive('a', 2, whole, { together: ['team/b'] });
    expect(codes(a[0]!)).toEqual(['gang-incomplete']);
    const b = arrive('b', 2, whole, { together: ['team/a'] });
    expect(codes(b[0]!)).toEqual(['gang-no-room']);
    picture.nodes.setFacts('n1', node('n1', 1));
    expect(filter(b[1]!).fits).toHaveLength(1);
    expect(planned()).toBe(4);
  });

  it.each([
    ['a native group', { dialect: 'native' as const, minMember: null }],
    ['a group that is not strict', { strict: false }],
  ])('of kube-scheduler’s or of its own way (%s) is decided member by member', (_, over) => {
    addNodes(1, 1);
    const members = arrive('g', 2, whole, over);
    expect(members.map((each) => filter(each).fits)).toEqual([['n0'], []]);
  });
});

describe('a native pod group', () => {
  const native = { dialect: 'native' as const, minMember: null };

  it('that is tried and taken back leaves nothing behind after ten seconds, whatever holds live otherwise', () => {
    addNodes(1, 4);
    const members = arrive('g', 5, whole, native);
    expect(members.map((each) => filter(each).fits.length)).toEqual([1, 1, 1, 1, 0]);
    expect(used()).toBe(4000);
    clock.advance(9_000);
    books.sweep();
    expect(used()).toBe(4000);
    clock.advance(1_500);
    books.sweep();
    expect(used()).toBe(0);
  });

  it('one of which fits nowhere, and that cannot do without it, holds nothing at all', () => {
    addNodes(1, 4);
    const members = arrive('g', 5, whole, native);
    const minimum = (minMember: number): void =>
      picture.gangs.upsertObject(podGroup('g', { dialect: 'native', minMember }));
    minimum(4);
    for (const each of members) filter(each);
    expect(used()).toBe(4000);
    minimum(5);
    books.beginBind(members[0]!, 'n0');
    expect(codes(members[4]!)).toEqual(['gpu-full']);
    // what is on its way stays
    expect(used()).toBe(1000);
  });

  it('that is tried in one domain after the other holds in the last one only, and is bound in any without two on a device', () => {
    addNodes(2, 2);
    const members = arrive('g', 2, whole, native);
    for (const domain of ['n0', 'n1'])
      for (const each of members) expect(filter(each, [domain]).fits).toEqual([domain]);
    expect(used()).toBe(2000);
    // kube-scheduler goes back to what it tried first
    const other = pod('other', whole);
    picture.upsertPod(other);
    expect(filter(other).fits).toEqual(['n0']);
    expect(bind(other)).toBe(true);
    expect(members.map((each) => books.beginBind(each, 'n0').kind)).toEqual(['bind', 'refuse']);
    expect(Math.max(...[...picture.nodes.values()].flatMap(({ ledger }) => [...ledger.usedMilli]))).toBe(1000);
  });

  it('is decided among the nodes that are offered, with a placer too: nobody would come back for a nomination', () => {
    books = new Books(picture, clock, { ...CONFIG, placer: true });
    addNodes(3, 1);
    picture.upsertPod(bound(pod('part', fraction(500)), 'n2', { containers: [] }));
    const [first] = arrive('g', 2, fraction(500), native);
    expect(filter(first!, ['n0']).fits).toEqual(['n0']);
  });
});

it('that did not come together in its time is refused with a reason of its own, gives way for some seconds, and is planned again', () => {
  addNodes(1, 2);
  const members = arrive('g', 2, whole, { waitSeconds: 20 });
  expect(filter(members[0]!).fits).toEqual(['n0']);
  expect(books.gangAtBind(members[0]!.uid)).toMatchObject({ waitSeconds: 20 });
  clock.advance(15_000);
  // asking again does not move the deadline of a gang that named one
  expect(filter(members[0]!).fits).toEqual(['n0']);
  clock.advance(5_001);
  books.sweep();
  expect(planned()).toBe(0);
  expect(codes(members[0]!)).toEqual(['gang-late']);
  expect(books.gangRefusal('team/g')).toMatchObject({ code: 'gang-late' });
  const other = pod('other', whole);
  picture.upsertPod(other);
  expect(filter(other).fits).toEqual(['n0']);
  picture.removePod(other.uid);
  clock.advance(5_001);
  expect(filter(members[1]!).fits).toEqual(['n0']);
  expect(planned()).toBe(2);
});

it('a plan ends as a whole when the node of one of them is gone, and what is on its way stays', () => {
  addNodes(3, 1);
  const members = arrive('g', 3, whole);
  filter(members[0]!);
  const [a, b] = members.map(({ uid }) => picture.holds.get(uid)!.node);
  books.beginBind(members[0]!, a!);
  books.sweep();
  expect(planned()).toBe(3);
  picture.nodes.setFacts(b!, null);
  books.sweep();
  expect([...picture.holds.values()].map(({ pod: { name }, state }) => [name, state])).toEqual([['g-0', 'binding']]);
});

it('asks for the missing ones at bind: all of the minimum, then nobody', () => {
  addNodes(1, 3);
  const members = arrive('g', 3, whole);
  for (const each of members) filter(each);
  expect(books.gangAtBind(members[0]!.uid)).toMatchObject({ gang: 'team/g', minMember: 3, missing: 3 });
  books.beginBind(members[0]!, 'n0');
  expect(books.gangAtBind(members[1]!.uid)).toMatchObject({ missing: 2 });
  bind(members[1]!);
  bind(members[2]!);
  books.bindLanded(members[0]!.uid);
  expect(books.gangAtBind(members[0]!.uid)).toMatchObject({ missing: 0 });
});

it('waits at bind for every member that is planned where only some of its sub-groups are needed', () => {
  addNodes(1, 3);
  const topology = { required: null, preferred: null };
  picture.gangs.upsertObject({
    key: 'team/g',
    dialect: 'muster',
    uid: 'g',
    minMember: 2,
    minSubGroup: 1,
    waitSeconds: null,
    queue: '',
    priorityClassName: '',
    topology,
    subGroups: [
      { name: 'a', parent: null, minMember: 2, topology },
      { name: 'b', parent: null, minMember: 3, topology },
    ],
    onMemberLoss: 'keep',
    problem: null,
  });
  // of the smaller sub-group nobody has come
  const members = Array.from({ length: 3 }, (_, at) =>
    pod(`g-${at}`, whole, { gang: 'team/g', gangSaid: gangSaid('g', null, { subGroup: 'b' }) }),
  );
  for (const each of members) picture.upsertPod(each);
  filter(members[0]!);
  expect(planned()).toBe(3);
  const missing = () => books.gangAtBind(members[2]!.uid)?.missing;
  expect(missing()).toBe(3);
  books.beginBind(members[0]!, 'n0');
  bind(members[1]!);
  // two are the minimum, but the third belongs to what was decided
  expect(missing()).toBe(1);
  bind(members[2]!);
  expect(missing()).toBe(0);
});

it('has a whole plan or none of a gang, whatever comes and goes, and the books hold exactly that', () => {
  type Step = { kind: 'filter' | 'bind' | 'delete' | 'sweep' | 'shrink' | 'grow'; at: number };
  const step: fc.Arbitrary<Step> = fc.record({
    kind: fc.constantFrom('filter', 'filter', 'filter', 'bind', 'delete', 'sweep', 'shrink', 'grow'),
    at: fc.nat(8),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.integer({ min: 1, max: 3 }), (steps, devices) => {
      picture = new Picture();
      books = new Books(picture, clock, CONFIG);
      addNodes(2, devices);
      const members = [
        ...arrive('a', 3, fraction(600)),
        ...arrive('b', 3, whole),
        ...arrive('c', 3, fraction(300), {}, 2),
      ];
      for (const { kind, at } of steps) {
        const each = members[at]!;
        const known = picture.pod(each.uid);
        if (kind === 'filter' && known?.nodeName === null) filter(each);
        if (kind === 'bind' && known !== undefined && picture.holds.get(each.uid)?.state === 'open') bind(each);
        if (kind === 'delete') picture.removePod(each.uid);
        if (kind === 'sweep') {
          clock.advance(CONFIG.holdMs + 1);
          books.sweep();
        }
        if (kind === 'shrink') picture.nodes.setFacts('n1', null);
        if (kind === 'grow') picture.nodes.setFacts('n1', node('n1', devices));
        for (const each of picture.nodes.values())
          for (let position = 0; position < each.ledger.devices.length; position++)
            expect(each.ledger.usedMilli[position]).toBeLessThanOrEqual(1000);
        for (const gang of ['a', 'b', 'c']) {
          const standing = picture.gangs.get(`team/${gang}`);
          const holds = picture.holds.ofGang(`team/${gang}`);
          if (standing === undefined || holds.length === 0) continue;
          // whoever is planned is planned with enough others to start, unless members left since
          const running = [...standing.members.values()].filter(({ nodeName }) => nodeName !== null).length;
          const min = gang === 'c' ? 2 : 3;
          expect(holds.length + running >= min || standing.members.size < 3).toBe(true);
        }
      }
    }),
    { numRuns: 300 },
  );
});
