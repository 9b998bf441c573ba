import { beforeEach, expect, it } from 'vitest';
import { bound, gangSaid, node, pod, whole } from '../../test/build/facts.ts';
import { ManualClock } from '../../test/build/manual-clock.ts';
import { Books } from '../cluster/books.ts';
import type { GangRoom } from '../cluster/gangs/room.ts';
import { Picture } from '../cluster/picture.ts';
import type { Planner } from '../cluster/planner.ts';
import type { Clock } from '../kube/ports.ts';
import { Evictor } from './evict.ts';

const GANG = 'team/vip';
let timers: ManualClock;
let pending: (() => void)[];
let searches: number;
/** ms that pass whenever somebody looks at the clock */
let passes: number;
let decides: boolean;
let picture: Picture;
let evictor: Evictor;
let found: number;
let helpless: number;

beforeEach(() => {
  timers = new ManualClock();
  pending = [];
  searches = 0;
  passes = 10;
  decides = true;
  found = 0;
  helpless = 0;
  let passed = 0;
  const clock: Clock = {
    now: () => timers.now(),
    monotonic: () => {
      passed += passes;
      return timers.monotonic() + passed;
    },
    after: (_ms, run) => {
      pending.push(run);
      return { cancel: () => pending.splice(pending.indexOf(run), 1) };
    },
  };
  picture = new Picture();
  const config = { nodePolicy: 'pack', devicePolicy: 'pack', holdMs: 60_000, envGuard: true } as const;
  const books = new Books(picture, timers, config);
  for (let at = 0; at < 4; at++) {
    const name = `n${at}`;
    picture.nodes.setFacts(name, node(name, 1));
    const devices = [{ uuid: `GPU-${name}-0`, index: 0, mib: 80_000, milli: 1000 }];
    const claim = { containers: [{ name: 'main', slot: 'c0', sidecar: false, devices }] } as const;
    picture.upsertPod(bound(pod(`low-${at}`, whole), name, claim));
  }
  for (let at = 0; at < 2; at++)
    picture.upsertPod(pod(`vip-${at}`, whole, { priority: 9, gang: GANG, gangSaid: gangSaid('vip', 2) }));
  const planner: Planner = Object.assign(Object.create(books) as Books, {
    searchRoom: (gang: string) => {
      searches++;
      return books.searchRoom(gang);
    },
    keepRoom: (gang: string, room: GangRoom) => books.keepRoom(gang, room),
  });
  evictor = new Evictor({
    picture,
    planner,
    transport: {
      request: () => new Promise<never>(() => {}),
      stream: () => new Promise<never>(() => {}),
      close: () => Promise.resolve(),
    },
    clock,
    rng: { next: () => 0.5 },
    mayDecide: () => decides,
    onProblem: () => {},
  });
});

const search = (): void =>
  evictor.makeRoomForGang(GANG, { onFound: () => void found++, onHelpless: () => void helpless++ });
const awaiting = (): number => picture.holds.countByCause().awaiting;

/** Lets it go on until it has nothing to do; returns how often it was its turn. */
function turns(between: () => void = () => {}): number {
  let count = 0;
  for (; pending.length > 0; count++) {
    between();
    pending.shift()!();
  }
  return count;
}

it('lets others have their turn again and again while it searches, and nothing else is searched then', () => {
  search();
  expect(turns(() => expect(evictor.due).toBe(false))).toBeGreaterThan(5);
  expect([found, helpless, awaiting()]).toEqual([1, 0, 2]);
});

it('is through in one turn when that is short', () => {
  passes = 0;
  search();
  expect([found, awaiting()]).toEqual([1, 2]);
});

it('begins again when the books took away what it found, and gives up after the third time', () => {
  let next = 0;
  const another = (): void => {
    for (const pod of [...picture.pods()]) if (pod.gang === GANG) picture.removePod(pod.uid);
    for (let at = 0; at < 2; at++)
      picture.upsertPod(pod(`vip-${next++}`, whole, { priority: 9, gang: GANG, gangSaid: gangSaid('vip', 2) }));
  };
  search();
  turns(another);
  expect([searches, found, helpless]).toEqual([3, 0, 1]);
  search();
  let once = true;
  turns(() => {
    if (once) another();
    once = false;
  });
  expect([searches, found, helpless]).toEqual([5, 1, 1]);
});

it('keeps nothing when another decides by then, or it is closed', () => {
  search();
  decides = false;
  turns();
  decides = true;
  search();
  evictor.close();
  turns();
  expect([searches, found, helpless, awaiting()]).toEqual([2, 0, 0, 0]);
});
