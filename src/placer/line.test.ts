import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gangSaid, pod, whole } from '../../test/build/facts.ts';
import type { GangSaid } from '../core/placement/gang/gang-facts.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import { isGated, Line } from './line.ts';

const OURS = 'muster.dev/placement';
const said = (gang: string, over: Partial<GangSaid> = {}): Partial<PodFacts> => ({
  gang: `team/${gang}`,
  gangSaid: gangSaid(gang, 2, over),
});
const gated = (...gates: string[]): Partial<PodFacts> => ({ gated: gates.length > 0, gates });
const lineOf = (...pods: PodFacts[]): Line => {
  const line = new Line(['muster-scheduler']);
  for (const each of pods) line.update(each.uid, each);
  return line;
};
const order = (line: Line): string[] => line.places().map(({ key }) => key.replace(/^pod uid-|^gang team\//, ''));

describe('the line', () => {
  it('goes by priority, then by age, then by name', () => {
    const line = lineOf(
      pod('young', whole, { createdMs: 3 }),
      pod('b', whole, { createdMs: 1 }),
      pod('a', whole, { createdMs: 1 }),
      pod('urgent', whole, { createdMs: 9, priority: 5 }),
    );
    expect(order(line)).toEqual(['urgent', 'a', 'b', 'young']);
  });

  it('has a gang as one, with the priority of its first and the age of its oldest member', () => {
    const line = lineOf(
      pod('g-1', whole, { createdMs: 8, ...said('g') }),
      pod('x', whole, { createdMs: 5 }),
      pod('g-0', whole, { createdMs: 2, ...said('g') }),
    );
    expect(order(line)).toEqual(['g', 'x']);
    line.update('uid-g-0', undefined);
    expect(order(line)).toEqual(['x', 'g']);
    line.update('uid-g-1', undefined);
    expect(order(line)).toEqual(['x']);
  });

  it.each([
    ['is bound', { nodeName: 'n' }],
    ['is on its way out', { terminating: true }],
    ['has ended', { terminal: true }],
    ['names another scheduler', { schedulerName: 'default-scheduler' }],
    ['is held back by a gate of others', gated('example.org/quota', OURS)],
    ['is in a native gang', said('n', { dialect: 'native' })],
  ])('has no pod that %s', (_, over) => {
    const line = lineOf(pod('a', whole));
    expect(line.size).toBe(1);
    line.update('uid-a', pod('a', whole, over));
    expect([line.size, line.places().length]).toEqual([0, 0]);
  });

  it('says who waits behind our gate alone', () => {
    expect(isGated(pod('a', whole, gated(OURS)))).toBe(true);
    expect(isGated(pod('a', whole, gated(OURS, 'example.org/x')))).toBe(false);
    expect(isGated(pod('a', whole))).toBe(false);
  });

  it('is the same whatever came and went on the way to it', () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const change = fc.record({
      name: fc.constantFrom(...names),
      priority: fc.integer({ min: 0, max: 2 }),
      createdMs: fc.integer({ min: 1, max: 4 }),
      gang: fc.constantFrom(null, 'g', 'h'),
      gone: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
        const line = new Line(['muster-scheduler']);
        const now = new Map<string, PodFacts>();
        for (const { name, priority, createdMs, gang, gone } of changes) {
          const each = pod(name, whole, { priority, createdMs, ...(gang === null ? {} : said(gang)) });
          line.update(each.uid, gone ? undefined : each);
          if (gone) now.delete(each.uid);
          else now.set(each.uid, each);
          line.places();
        }
        expect(order(line)).toEqual(order(lineOf(...now.values())));
        expect(line.size).toBe(now.size);
      }),
    );
  });
});
