import { beforeEach, describe, expect, it } from 'vitest';
import { bound, gangSaid, node, pod, whole } from '../../../test/build/facts.ts';
import { ManualClock } from '../../../test/build/manual-clock.ts';
import { atOnce } from '../../core/placement/gang/slices.ts';
import { Books } from '../books.ts';
import { Picture } from '../picture.ts';
import type { GangRoom } from './room.ts';

const GANG = 'team/vip';
let picture: Picture;
let books: Books;

/** Nodes n0 … of two GPUs, each taken by a pod of no importance: `n0-0` and `n0-1`. */
beforeEach(() => {
  picture = new Picture();
  const config = { nodePolicy: 'pack', devicePolicy: 'pack', holdMs: 60_000, envGuard: true } as const;
  books = new Books(picture, new ManualClock(), config);
  for (let at = 0; at < 4; at++) {
    picture.nodes.setFacts(`n${at}`, node(`n${at}`, 2));
    for (const device of [0, 1]) run(`n${at}`, device, `n${at}-${device}`);
  }
  for (let at = 0; at < 2; at++)
    picture.upsertPod(pod(`vip-${at}`, whole, { priority: 9, gang: GANG, gangSaid: gangSaid('vip', 2) }));
  books.planGang(GANG);
});

function run(where: string, device: number, name: string, priority = 0): void {
  const devices = [{ uuid: `GPU-${where}-${device}`, index: device, mib: 80_000, milli: 1000 }];
  const claim = { containers: [{ name: 'main', slot: 'c0', sidecar: false, devices }] } as const;
  picture.upsertPod(bound(pod(name, whole, { priority }), where, claim));
}

/** The search with `meanwhile` in the middle of it. */
function searched(meanwhile: () => void): GangRoom | 'stale' | null {
  const stops = (() => {
    const steps = books.searchRoom(GANG);
    let count = 0;
    while (steps.next().done !== true) count++;
    return count;
  })();
  const steps = books.searchRoom(GANG);
  for (let at = 0; at < stops; at++) expect(steps.next().done).toBe(false);
  meanwhile();
  const last = steps.next();
  if (last.done !== true) throw new Error('it goes on');
  return last.value;
}

/** Where the gang goes: one of the nodes. */
const found = (): GangRoom => {
  const room = atOnce(books.searchRoom(GANG));
  if (room === null || room === 'stale') throw new Error('nothing was found');
  return room;
};

describe('a search for room for a gang', () => {
  it('leaves the books as they are, and keeps what it found when told to', () => {
    const { generation } = picture.nodes.loads;
    const room = found();
    expect(picture.nodes.loads.generation).toBe(generation);
    expect(room.victims).toHaveLength(2);
    books.keepRoom(GANG, room);
    expect(picture.holds.countByCause().awaiting).toBe(2);
    expect(atOnce(books.searchRoom(GANG))).toBeNull();
  });

  it('stands when something else happened meanwhile', () => {
    const room = found();
    const other = ['n0', 'n1', 'n2', 'n3'].find((name) => room.places.every((place) => place.node !== name))!;
    expect(searched(() => picture.upsertPod(bound(pod('late', null), other, null)))).toEqual(room);
  });

  const changes: [string, (room: GangRoom) => void][] = [
    ['one of its victims is gone', ({ victims }) => picture.removePod(victims[0]!.uid)],
    [
      'somebody has come onto its devices',
      ({ victims, places }) => {
        const place = places.find(({ node: where }) => where === victims[0]!.node)!;
        run(place.node, place.claim!.containers[0]!.devices[0]!.index, 'thief', 9);
      },
    ],
    ['its node is cordoned', ({ places }) => cordon(places[0]!.node)],
    [
      'a member has a place by now',
      () => {
        for (const name of ['n0-0', 'n0-1', 'n1-0', 'n1-1']) picture.removePod(`uid-${name}`);
        books.planGang(GANG);
      },
    ],
    [
      'a member is gone and another has come',
      () => {
        picture.removePod('uid-vip-0');
        picture.upsertPod(pod('vip-9', whole, { priority: 9, gang: GANG, gangSaid: gangSaid('vip', 2) }));
      },
    ],
    [
      'a budget forbids it now',
      ({ victims }) =>
        picture.upsertBudget({
          uid: 'b',
          namespace: 'team',
          name: 'b',
          selector: [],
          disruptionsAllowed: victims.length - 1,
          disruptedPods: [],
        }),
    ],
    [
      'others went, and the gang may do without victims',
      ({ places }) => {
        const free = ['n0', 'n1', 'n2', 'n3'].find((name) => places.every((place) => place.node !== name))!;
        for (const device of [0, 1]) picture.removePod(`uid-${free}-${device}`);
      },
    ],
  ];
  it.each(changes)('is stale when %s', (_, change) => {
    const room = found();
    expect(searched(() => change(room))).toBe('stale');
  });

  it('finds nobody where all that could go would not do', () => {
    for (let at = 0; at < 4; at++)
      for (const device of [0, 1]) run(`n${at}`, device, `n${at}-${device}`, at === 0 ? 0 : 9);
    picture.upsertPod(pod('vip-2', whole, { priority: 9, gang: GANG, gangSaid: gangSaid('vip', 3) }));
    for (let at = 0; at < 2; at++)
      picture.upsertPod(pod(`vip-${at}`, whole, { priority: 9, gang: GANG, gangSaid: gangSaid('vip', 3) }));
    expect(atOnce(books.searchRoom(GANG))).toBeNull();
  });
});

function cordon(name: string): void {
  picture.nodes.setFacts(name, { ...node(name, 2), cordoned: true });
}
