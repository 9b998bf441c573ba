import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../test/build/manual-clock.ts';
import { Lanes, type Sent } from './lanes.ts';

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Lanes whose writes end when told. */
function make(
  concurrency: number,
  steps: (uid: string) => number,
): {
  lanes: Lanes;
  clock: ManualClock;
  running: string[];
  end(uid: string, sent?: Sent): Promise<void>;
} {
  const clock = new ManualClock();
  const running: string[] = [];
  const ends = new Map<string, (sent: Sent) => void>();
  const left = new Map<string, number>();
  const lanes = new Lanes({
    clock,
    rng: { next: () => 0.5 },
    concurrency,
    step: (uid) => {
      const more = left.get(uid) ?? steps(uid);
      if (more === 0) return null;
      left.set(uid, more - 1);
      running.push(uid);
      return new Promise((resolve) => ends.set(uid, resolve));
    },
  });
  const end = async (uid: string, sent: Sent = { kind: 'done' }): Promise<void> => {
    running.splice(running.indexOf(uid), 1);
    ends.get(uid)!(sent);
    await settle();
  };
  return { lanes, clock, running, end };
}

describe('lanes', () => {
  it('are bounded, in the order of asking, and one per pod', async () => {
    const { lanes, running, end } = make(2, () => 1);
    for (const uid of ['a', 'b', 'c', 'a']) lanes.add(uid);
    expect(running).toEqual(['a', 'b']);
    await end('a');
    expect(running).toEqual(['b', 'c']);
    await end('b');
    await end('c');
    expect(lanes.busy).toBe(0);
  });

  it('go on until a pod lacks nothing', async () => {
    const { lanes, running, end } = make(1, () => 2);
    lanes.add('a');
    await end('a');
    expect(running).toEqual(['a']);
    await end('a');
    expect(running).toEqual([]);
  });

  it('pause what failed, longer each time and as long as the server asks, and let others pass', async () => {
    const { lanes, clock, running, end } = make(1, () => 9);
    lanes.add('a');
    await end('a', { kind: 'again', retryAfterSeconds: null });
    lanes.add('a');
    expect(running).toEqual([]);
    clock.advance(149);
    expect(running).toEqual([]);
    clock.advance(1);
    expect(running).toEqual(['a']);
    await end('a', { kind: 'again', retryAfterSeconds: 7 });
    clock.advance(6_999);
    expect(running).toEqual([]);
    clock.advance(1_000);
    expect(running).toEqual(['a']);
  });

  it('closed, begin nothing and wait for what is under way', async () => {
    const { lanes, running, end } = make(1, () => 2);
    lanes.add('a');
    lanes.add('b');
    let closed = false;
    void lanes.close().then(() => {
      closed = true;
    });
    await settle();
    expect(closed).toBe(false);
    await end('a');
    expect([closed, running]).toEqual([true, []]);
    lanes.add('c');
    expect(running).toEqual([]);
  });
});
