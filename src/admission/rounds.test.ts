import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../test/build/manual-clock.ts';
import { Rounds } from './rounds.ts';

/** Rounds whose each round ends when told to. */
function setUp() {
  const clock = new ManualClock();
  const running: PromiseWithResolvers<void>[] = [];
  const errors: unknown[] = [];
  const rounds = new Rounds({
    clock,
    round: () => {
      const each = Promise.withResolvers<void>();
      running.push(each);
      return each.promise;
    },
    pauseMs: () => 1_000,
    onError: (error) => errors.push(error),
  });
  const end = async (error?: unknown): Promise<void> => {
    const last = running.at(-1)!;
    if (error === undefined) last.resolve();
    else last.reject(error);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { clock, running, errors, rounds, end };
}

describe('Rounds', () => {
  it('pauses between rounds, also after one that failed', async () => {
    const { clock, running, errors, rounds, end } = setUp();
    void rounds.start();
    await end(new Error('no'));
    expect(errors).toHaveLength(1);
    clock.advance(999);
    expect(running).toHaveLength(1);
    clock.advance(1);
    expect(running).toHaveLength(2);
  });

  it('begins at once when asked during the pause', async () => {
    const { running, rounds, end } = setUp();
    void rounds.start();
    await end();
    rounds.soon();
    expect(running).toHaveLength(2);
  });

  it('asked during a round, begins the next one right after it and never two at once', async () => {
    const { clock, running, rounds, end } = setUp();
    void rounds.start();
    rounds.soon();
    expect(running).toHaveLength(1);
    await end();
    clock.advance(0);
    expect(running).toHaveLength(2);
    await end();
    clock.advance(999);
    expect(running).toHaveLength(2);
  });

  it('does nothing any more once stopped', async () => {
    const { clock, running, rounds, end } = setUp();
    void rounds.start();
    rounds.stop();
    await end();
    clock.advance(10_000);
    expect(running).toHaveLength(1);
  });
});
