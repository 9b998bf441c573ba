import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareCost, searchVictims, type Trial, type Victim, victimSet } from './victims.ts';

/** One device per index, 1000 milli each; the pod wants `want` milli on one device. */
function trialOf(
  holds: Record<string, { device: number; milli: number }[]>,
  devices: number,
  want: number,
): Trial & { removed: Set<string> } {
  const removed = new Set<string>();
  return {
    removed,
    remove: (uid) => void removed.add(uid),
    restore: (uid) => void removed.delete(uid),
    fits: () => {
      const used = new Array<number>(devices).fill(0);
      for (const [uid, shares] of Object.entries(holds))
        if (!removed.has(uid)) for (const share of shares) used[share.device]! += share.milli;
      return used.some((milli) => 1000 - milli >= want);
    },
  };
}

const victim = (uid: string, over: Partial<Victim> = {}): Victim => ({
  uid,
  priority: 0,
  startedMs: 0,
  gang: null,
  subGroup: null,
  terminating: false,
  devices: [0],
  budgets: [],
  ...over,
});

describe('gangs', () => {
  const holds = Object.fromEntries(
    ['p0', 'p1', 'q0', 'q1'].map((uid, device) => [uid, [{ device, milli: 1000 }]] as const),
  );
  /** it wants two whole devices */
  const two = (): Trial => {
    const trial = trialOf(holds as never, 4, 1000);
    return { ...trial, fits: () => trial.removed.size >= 2 };
  };
  const all = ['p0', 'p1', 'q0', 'q1'].map((uid, at) => victim(uid, { gang: `x/${uid[0]}`, devices: [at] }));
  const spare = (p: number, q: number) =>
    new Map([
      ['x/p', { total: p, subGroups: new Map() }],
      ['x/q', { total: q, subGroups: new Map() }],
    ]);

  it.each<[string, number, number, readonly string[], number]>([
    ['the surplus of two before all of one', 1, 1, ['p1', 'q1'], 0],
    ['all of one where there is no surplus', 0, 0, ['q0', 'q1'], 1],
    ['one that can lose two', 2, 0, ['p0', 'p1'], 0],
  ])('%s', (_, p, q, victims, broken) => {
    const set = searchVictims(all, [], two(), spare(p, q));
    expect([set?.victims.toSorted(), set?.cost[1]]).toEqual([victims, broken]);
  });

  it('of a sub-group that has no more than its minimum nobody is surplus', () => {
    const inSub = all.map((one) => ({ ...one, gang: 'x/p', subGroup: one.uid[0]! }));
    const most = new Map([
      [
        'x/p',
        {
          total: 2,
          subGroups: new Map([
            ['p', 2],
            ['q', 0],
          ]),
        },
      ],
    ]);
    expect(searchVictims(inSub, [], two(), most)?.victims.toSorted()).toEqual(['p0', 'p1']);
  });
});

describe('searchVictims', () => {
  it('frees one device instead of a sum spread over two', () => {
    const holds = {
      a: [{ device: 0, milli: 500 }],
      b: [{ device: 0, milli: 500 }],
      c: [{ device: 1, milli: 500 }],
      d: [{ device: 1, milli: 500 }],
    };
    const set = searchVictims(
      [
        victim('a', { priority: 1 }),
        victim('b', { priority: 9 }),
        victim('c', { priority: 2, devices: [1] }),
        victim('d', { priority: 2, devices: [1] }),
      ],
      [],
      trialOf(holds, 2, 1000),
    );
    expect(set?.victims.toSorted()).toEqual(['c', 'd']);
  });

  it('returns null when even all of them would not do', () => {
    expect(
      searchVictims(
        [victim('a')],
        [],
        trialOf({ a: [{ device: 0, milli: 300 }], x: [{ device: 0, milli: 700 }] }, 1, 500),
      ),
    ).toBeNull();
  });

  it('returns null when nobody needs to go', () => {
    expect(searchVictims([victim('a')], [], trialOf({ a: [{ device: 0, milli: 300 }] }, 1, 500))).toBeNull();
  });

  it('spares a pod whose disruption budget is used up', () => {
    const holds = { a: [{ device: 0, milli: 1000 }], b: [{ device: 1, milli: 1000 }] };
    const set = searchVictims(
      [victim('a', { budgets: [0] }), victim('b', { priority: 3, devices: [1] })],
      [0],
      trialOf(holds, 2, 1000),
    );
    expect(set).toMatchObject({ victims: ['b'], pdbViolations: 0 });
  });

  it('counts a violation when nobody else can go', () => {
    const set = searchVictims(
      [victim('a', { budgets: [0] })],
      [0],
      trialOf({ a: [{ device: 0, milli: 1000 }] }, 1, 1000),
    );
    expect(set).toMatchObject({ victims: ['a'], pdbViolations: 1 });
  });

  it('hurts one gang rather than two', () => {
    const holds = {
      a: [{ device: 0, milli: 500 }],
      b: [{ device: 0, milli: 500 }],
      c: [{ device: 1, milli: 500 }],
      d: [{ device: 1, milli: 500 }],
    };
    const set = searchVictims(
      [
        victim('a', { gang: 'n/x' }),
        victim('b', { gang: 'n/y' }),
        victim('c', { gang: 'n/x', priority: 5, devices: [1] }),
        victim('d', { gang: 'n/x', priority: 5, devices: [1] }),
      ],
      [],
      trialOf(holds, 2, 1000),
    );
    expect(set?.victims.toSorted()).toEqual(['c', 'd']);
  });

  it('takes a pod that is going anyway before one that is not', () => {
    const holds = { a: [{ device: 0, milli: 1000 }], b: [{ device: 1, milli: 1000 }] };
    const set = searchVictims(
      [victim('a', { priority: 0 }), victim('b', { priority: 7, devices: [1], terminating: true })],
      [],
      trialOf(holds, 2, 1000),
    );
    expect(set?.victims).toEqual(['b']);
  });

  const cluster = fc
    .array(
      fc.record({
        device: fc.nat(3),
        milli: fc.integer({ min: 100, max: 600 }),
        priority: fc.nat(3),
        startedMs: fc.nat(5),
        budgets: fc.subarray([0, 1]),
      }),
      { minLength: 1, maxLength: 8 },
    )
    .map((pods) => pods.map((pod, at) => ({ uid: `p${at}`, ...pod })));

  it('always frees enough, is minimal, and leaves the trial as it found it', () => {
    fc.assert(
      fc.property(cluster, fc.integer({ min: 1, max: 1000 }), fc.tuple(fc.nat(2), fc.nat(2)), (pods, want, budgets) => {
        const holds = Object.fromEntries(pods.map((pod) => [pod.uid, [{ device: pod.device, milli: pod.milli }]]));
        const trial = trialOf(holds, 4, want);
        const victims = pods.map((pod) =>
          victim(pod.uid, {
            priority: pod.priority,
            startedMs: pod.startedMs,
            devices: [pod.device],
            budgets: pod.budgets,
          }),
        );
        const set = searchVictims(victims, budgets, trial);
        expect(trial.removed.size).toBe(0);
        for (const pod of pods) trial.remove(pod.uid);
        const possible = trial.fits();
        for (const pod of pods) trial.restore(pod.uid);
        if (set === null) {
          expect(possible && !trial.fits()).toBe(false);
          return;
        }
        for (const uid of set.victims) trial.remove(uid);
        expect(trial.fits()).toBe(true);
        for (const uid of set.victims) {
          trial.restore(uid);
          expect(trial.fits()).toBe(false);
          trial.remove(uid);
        }
        expect(set.pdbViolations).toBe(
          victimSet(
            victims.filter((v) => set.victims.includes(v.uid)),
            budgets,
          ).pdbViolations,
        );
      }),
    );
  });

  it('costs compare by the most significant part first', () => {
    expect(compareCost([0, 9], [1, 0])).toBeLessThan(0);
    expect(compareCost([1, 0], [1, 0])).toBe(0);
  });
});
