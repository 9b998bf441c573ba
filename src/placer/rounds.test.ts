/** What is asked for again, and how often: thousands that wait are a few kinds. */
import { beforeEach, describe, expect, it } from 'vitest';
import { gangSaid, need, node, pod, request, whole } from '../../test/build/facts.ts';
import { ManualClock } from '../../test/build/manual-clock.ts';
import { Books } from '../cluster/books.ts';
import { Picture } from '../cluster/picture.ts';
import type { Planner } from '../cluster/planner.ts';
import { PLACEMENT_GATE } from '../core/names.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import { Line } from './line.ts';
import { Rounds } from './rounds.ts';

let picture: Picture;
let line: Line;
let clock: ManualClock;
let rounds: Rounds;
/** planner's calls, by kind */
let asked: { pods: number; gangs: number };
let told: string[];
let planned: string[];

beforeEach(() => {
  picture = new Picture();
  clock = new ManualClock();
  line = new Line(['muster-scheduler']);
  asked = { pods: 0, gangs: 0 };
  told = [];
  planned = [];
  const books = new Books(picture, clock, {
    nodePolicy: 'pack',
    devicePolicy: 'pack',
    holdMs: 30_000,
    envGuard: true,
    placer: true,
  });
  const planner: Planner = {
    planPod: (uid) => {
      asked.pods++;
      return books.planPod(uid);
    },
    planGang: (gang) => {
      asked.gangs++;
      return books.planGang(gang);
    },
    samplesDo: false,
    retryAt: (gang) => books.retryAt(gang),
    refusedAlike: (gang) => books.refusedAlike(gang),
    searchRoom: (gang) => books.searchRoom(gang),
    keepRoom: (gang, room) => books.keepRoom(gang, room),
    dropPlan: (...args) => books.dropPlan(...args),
    restorePlans: (wallMs) => books.restorePlans(wallMs),
    unwritable: (uid) => books.unwritable(uid),
    evictFor: (uid) => books.evictFor(uid),
  };
  rounds = new Rounds({
    picture,
    planner,
    line,
    hadPlace: () => false,
    onPlanned: (uids) => planned.push(...uids),
    onRefused: (each, code) => told.push(`${each.name} ${code}`),
  });
  picture.nodes.setFacts('n0', node('n0', 2));
});

const GATED = { gated: true, gates: [PLACEMENT_GATE] };
const wait = (...pods: PodFacts[]): void => {
  for (const each of pods) {
    picture.upsertPod(each);
    line.update(each.uid, each);
  }
};
const round = (): void => {
  while (!rounds.go(1_000, clock.monotonic())) {}
};
const four = request([need(whole, 4)]);
const gangs = (count: number): PodFacts[] =>
  Array.from({ length: 2 * count }, (_, at) =>
    pod(`g${at}`, four, { ...GATED, gangSaid: gangSaid(`g${Math.floor(at / 2)}`, 2) }),
  );

describe('when something came free', () => {
  it('gangs alike that wait are planned once for all of them', () => {
    wait(...gangs(50));
    round();
    expect(told).toHaveLength(100);
    asked.gangs = 0;
    told = [];
    picture.nodes.setFacts('n1', node('n1', 1));
    round();
    expect([asked.gangs, told]).toEqual([1, ['g0 gang-no-room', 'g1 gang-no-room']]);
  });

  it('and it is enough, the first of them gets it, and the others are asked about what is left', () => {
    wait(...gangs(3));
    round();
    picture.nodes.setFacts('n1', node('n1', 8));
    round();
    expect(planned).toEqual(['uid-g0', 'uid-g1']);
  });

  it('one that has changed is told anew', () => {
    wait(...gangs(2));
    round();
    told = [];
    wait(
      pod('g0', four, { ...GATED, gangSaid: gangSaid('g0', 3) }),
      pod('g1', four, { ...GATED, gangSaid: gangSaid('g0', 3) }),
    );
    round();
    expect(told).toEqual(['g0 gang-incomplete', 'g1 gang-incomplete']);
  });

  it('pods alike are asked for once', () => {
    wait(...Array.from({ length: 100 }, (_, at) => pod(`p${at}`, four, GATED)));
    round();
    expect([asked.pods, told.length]).toEqual([1, 100]);
    told = [];
    picture.nodes.setFacts('n1', node('n1', 1));
    round();
    expect([asked.pods, told.length]).toEqual([2, 1]);
  });
});

describe('what one of a kind was told', () => {
  const one = request([need(whole)]);
  const high = { ...GATED, priority: 100 };
  beforeEach(() => {
    picture.nodes.setFacts('n0', node('n0', 1));
  });

  it('says nothing of a pod that comes before it and takes over what a later one only holds', () => {
    wait(pod('low', one, GATED));
    round();
    wait(pod('next', one, GATED));
    round();
    expect(told).toEqual(['next gpu-full']);
    wait(pod('urgent', one, high));
    round();
    expect(planned).toEqual(['uid-low', 'uid-urgent']);
  });

  it('says nothing of a gang of higher priority', () => {
    wait(pod('low', one, GATED));
    round();
    const member = (name: string, over: object): PodFacts => pod(name, one, { ...over, gangSaid: gangSaid(name, 1) });
    wait(member('g', GATED));
    round();
    wait(member('urgent', high));
    round();
    expect(planned).toEqual(['uid-low', 'uid-urgent']);
  });

  it('says nothing of others where it alone is barred from a node, and it is asked for again when that ends', () => {
    picture.nodes.setFacts('n0', node('n0', 2));
    picture.barred.add('uid-first', 'n0', 0, 1_000);
    wait(pod('first', one, GATED), pod('second', one, GATED));
    round();
    expect([told, planned]).toEqual([['first resources-full'], ['uid-second']]);
    clock.advance(1_000);
    round();
    expect(planned).toEqual(['uid-second', 'uid-first']);
  });

  it('says nothing of members of another gang', () => {
    const members = (gang: string): PodFacts[] =>
      [1, 2].map((at) => pod(`${gang}${at}`, one, { ...GATED, gangSaid: gangSaid(gang, 1) }));
    picture.nodes.setFacts('n0', node('n0', 2));
    wait(...members('a'), ...members('b'));
    round();
    expect(planned).toEqual(['uid-a1', 'uid-b1']);
    asked.pods = 0;
    round();
    picture.nodes.setFacts('n1', node('n1', 0));
    round();
    expect(asked.pods).toBe(2);
  });
});

describe('a gang that is not whole', () => {
  const two = (name: string, over: object): PodFacts =>
    pod(name, request([need(whole)]), { ...over, gangSaid: gangSaid('g', 2) });

  it('is asked for again when a member of another scheduler is gone, though no room came free by it', () => {
    const other = two('c', { schedulerName: 'other' });
    wait(two('a', GATED), two('b', GATED), other);
    round();
    round();
    expect([told, asked.gangs]).toEqual([['a gang-invalid', 'b gang-invalid'], 1]);
    picture.removePod(other.uid);
    round();
    expect(planned).toEqual(['uid-a', 'uid-b']);
  });

  it('is asked for again when an object changes that is not its own', () => {
    wait(two('a', GATED));
    round();
    round();
    expect(asked.gangs).toBe(1);
    rounds.objectsChanged();
    round();
    expect(asked.gangs).toBe(2);
  });
});
