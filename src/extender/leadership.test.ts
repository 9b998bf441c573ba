import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../test/build/manual-clock.ts';
import type { LeaseFacts } from '../kube/lease.ts';
import { Leadership } from './leadership.ts';

const lease = (holderIdentity: string, renewTimeMs: number, leaseTransitions = 0): LeaseFacts => ({
  holderIdentity,
  renewTimeMs,
  leaseDurationSeconds: 15,
  leaseTransitions,
});

function make(mode: 'lease' | 'always' = 'lease', identity = 'host-a', clock = new ManualClock()) {
  const changes: boolean[] = [];
  const leadership = new Leadership({
    clock,
    mode,
    schedulerIdentity: identity,
    renewDeadlineMs: 10_000,
    callDeadlineMs: 4_000,
    onChange: (deciding) => changes.push(deciding),
  });
  return { clock, leadership, changes };
}

describe('leadership', () => {
  it('always decides after one call deadline', () => {
    const { clock, leadership, changes } = make('always');
    clock.advance(3_999);
    expect(leadership.deciding).toBe(false);
    clock.advance(2);
    expect(leadership.deciding).toBe(true);
    expect(changes).toEqual([true]);
  });

  it('follows a lease that is renewed, and ends by time alone when it is not', () => {
    const { clock, leadership, changes } = make();
    leadership.observe(lease('host-a_1f', clock.now() + 1));
    clock.advance(5_000);
    expect(leadership.deciding).toBe(false); // nobody knows how old the first one was
    leadership.observe(lease('host-a_1f', clock.now() + 2));
    expect(leadership.deciding).toBe(true);
    clock.advance(9_999);
    expect(leadership.deciding).toBe(true);
    clock.advance(2);
    expect(leadership.deciding).toBe(false);
    expect(changes).toEqual([true, false]);
  });

  it.each([
    ['another host', 'host-b_1f'],
    ['a host whose name begins alike', 'host-a-2_1f'],
    ['a host with our name before its first underscore', 'host-a_x_1f'],
    ['nobody', ''],
  ])('does not decide for %s', (_name, holder) => {
    const { clock, leadership } = make();
    leadership.observe(lease(holder, clock.now() + 1));
    clock.advance(5_000);
    leadership.observe(lease(holder, clock.now() + 2));
    expect(leadership.deciding).toBe(false);
  });

  it.each([
    ['a lost lease', null],
    ['another holder', lease('host-b_1', 3, 1)],
  ])('ends at once with %s and waits one call deadline when it comes back', (_name, other) => {
    const { clock, leadership } = make();
    leadership.observe(lease('host-a_1', clock.now() + 1));
    clock.advance(5_000);
    leadership.observe(lease('host-a_1', clock.now() + 2));
    leadership.observe(other);
    expect(leadership.deciding).toBe(false);
    leadership.observe(lease('host-a_1', clock.now() + 4, 2));
    clock.advance(3_999);
    leadership.observe(lease('host-a_1', clock.now() + 5, 2));
    expect(leadership.deciding).toBe(false);
    clock.advance(2);
    expect(leadership.deciding).toBe(true);
  });

  it('a second holder in between that was never seen shows in the transitions', () => {
    const { clock, leadership } = make();
    leadership.observe(lease('host-a_1', clock.now() + 1));
    clock.advance(5_000);
    leadership.observe(lease('host-a_1', clock.now() + 2));
    leadership.observe(lease('host-a_1', clock.now() + 3, 2));
    expect(leadership.deciding).toBe(false);
  });

  it('a renewal that was seen late counts from when it was made', () => {
    const { clock, leadership } = make();
    leadership.observe(lease('host-a_1', clock.now()));
    clock.advance(20_000);
    leadership.observe(lease('host-a_1', clock.now() - 9_000));
    expect(leadership.deciding).toBe(true); // one second is left of it
    leadership.observe(lease('host-a_1', clock.now()));
    expect(leadership.deciding).toBe(true);
    clock.advance(8_000);
    leadership.observe(lease('host-a_1', clock.now() - 7_000));
    clock.advance(2_999);
    expect(leadership.deciding).toBe(true);
    clock.advance(2);
    expect(leadership.deciding).toBe(false);
  });

  /**
   * kube-scheduler's rules: a holder renews while it can; another takes the lease only when it has seen no renewal for the
   * lease's duration. Watches show each write late by less than duration − renewDeadline, in order.
   */
  it('two never decide at one instant, nor is a call of one under way when the other begins', () => {
    const step = fc.record({ wait: fc.integer({ min: 1, max: 6_000 }), who: fc.constantFrom('host-a', 'host-b') });
    let decided = 0;
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 5, maxLength: 60 }),
        fc.array(fc.integer({ min: 0, max: 4_990 }), { minLength: 7, maxLength: 7 }),
        (steps, delays) => {
          const clock = new ManualClock();
          const deciders = ['host-a', 'host-b'].map((id) => make('lease', id, clock).leadership);
          const deliveredUntil = [0, 0];
          let held = { who: '', at: Number.NEGATIVE_INFINITY, transitions: 0 };
          let n = 0;
          let lastDecided = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
          const check = () => {
            const now = clock.monotonic();
            const [a, b] = deciders.map((each) => each.deciding);
            expect(a && b).toBe(false);
            if (a || b) decided++;
            lastDecided = lastDecided.map((at, which) => (deciders[which]!.deciding ? now : at));
            // whoever decides now: the other's last call (sent when it last decided) has met its deadline
            if (a) expect(now - lastDecided[1]!).toBeGreaterThanOrEqual(4_000);
            if (b) expect(now - lastDecided[0]!).toBeGreaterThanOrEqual(4_000);
          };
          for (const { wait, who } of steps) {
            for (let passed = 0; passed < wait; passed += 250) {
              clock.advance(Math.min(250, wait - passed));
              check();
            }
            const now = clock.monotonic();
            if (held.who !== who && now < held.at + 15_000) continue;
            held = { who, at: now, transitions: held.transitions + Number(held.who !== who) };
            const seen = lease(`${who}_1`, clock.now(), held.transitions);
            for (const [which, each] of deciders.entries()) {
              const at = Math.max(deliveredUntil[which]!, now + delays[(n++ * 3 + which) % delays.length]!);
              deliveredUntil[which] = at;
              clock.after(at - now, () => each.observe(seen));
            }
          }
        },
      ),
      { numRuns: 150 },
    );
    expect(decided).toBeGreaterThan(100);
  });
});
