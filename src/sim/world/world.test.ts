import { describe, expect, it } from 'vitest';
import { BUGS } from './bugs.ts';
import { FAULT_KINDS, FAULTS, type FaultKind, kindOf, type Rates } from './faults.ts';
import { shrink } from './shrink.ts';
import { LEAST, runWorld } from './world.ts';

/** looked at in every seed; `too-small`: that it has the nodes, pods, steps and faults that a seed promises */
const EVERY_SEED = ['too-small', 'exception', 'two-deciders', 'not-quiet', 'books-differ', 'hold-orphaned'] as const;
const SEEDS = 200;
const PARTS = 8;

describe('two hundred bad days', () => {
  const partOf = Array.from(
    { length: PARTS },
    (_, part) => [1 + (part * SEEDS) / PARTS, ((part + 1) * SEEDS) / PARTS] as const,
  );
  it.each(partOf)('seeds %d to %d keep every invariant', { timeout: 120_000 }, async (from, to) => {
    let steps = 0;
    let faults = 0;
    let seeds = 0;
    for (let seed = from; seed <= to; seed++) {
      const result = await runWorld({ seed });
      expect(result.failure, `npm run sim -- --seed ${seed} --trace`).toBeNull();
      for (const invariant of EVERY_SEED) expect(result.checks[invariant], invariant).toBeGreaterThan(0);
      steps += result.steps;
      faults += result.faults.length;
      seeds++;
    }
    expect(steps / seeds).toBeGreaterThan(LEAST.steps);
    expect(faults / seeds).toBeGreaterThan(40);
  });
});

describe('one seed', () => {
  it('is the same day whenever it is asked for, whatever ran before', { timeout: 60_000 }, async () => {
    const first = await runWorld({ seed: 7, trace: true });
    await runWorld({ seed: 8 });
    const again = await runWorld({ seed: 7 });
    expect(again.hash).toBe(first.hash);
    expect(again.steps).toBe(first.steps);
    expect(first.trace.length).toBeGreaterThan(500);
  });

  it('is another day than the next one', { timeout: 60_000 }, async () => {
    const [a, b] = [await runWorld({ seed: 11 }), await runWorld({ seed: 12 })];
    expect(a.hash).not.toBe(b.hash);
  });

  it('has no faults but those that are asked for', { timeout: 60_000 }, async () => {
    const whole = await runWorld({ seed: 3 });
    const only = new Set(whole.faults.slice(0, 3));
    const few = await runWorld({ seed: 3, filter: { only, without: new Set() } });
    expect(few.faults.every((id) => only.has(id))).toBe(true);
    expect(few.failure).toBeNull();
  });
});

describe('a day of nothing but one fault, and much of it', () => {
  const none = Object.fromEntries(FAULT_KINDS.map((kind) => [kind, 0])) as Rates;
  const much = (kind: FaultKind): number =>
    FAULTS[kind].per === 'seed' ? 3 + FAULTS[kind].rate : Math.min(0.3, 10 * FAULTS[kind].rate);

  it.each(FAULT_KINDS)('%s ends well', { timeout: 60_000 }, async (kind) => {
    const happened: string[] = [];
    for (const seed of [2, 5]) {
      const { faults, failure } = await runWorld({ seed, rates: { ...none, [kind]: much(kind) } });
      expect(failure).toBeNull();
      happened.push(...faults);
    }
    expect(happened.length).toBeGreaterThan(0);
    expect(happened.every((id) => kindOf(id) === kind)).toBe(true);
  });
});

describe('known bugs', () => {
  /** cheap ones only; all of them are in docs/simulation.md, found by `npm run sim -- --seeds 1-500 --bug …` */
  it.each([
    'hold-dropped-at-bind',
    'landed-hold-dropped',
    'barrier-open',
    'holds-never-swept',
    'required-domain-ignored',
  ])('%s is found within 20 seeds', { timeout: 120_000 }, async (bug) => {
    expect(Object.hasOwn(BUGS, bug)).toBe(true);
    for (let seed = 1; seed <= 20; seed++) if ((await runWorld({ seed, bug })).failure !== null) return;
    expect.unreachable(`${bug} stayed hidden`);
  });

  it('a failing seed keeps only the faults that it needs, and still fails', { timeout: 120_000 }, async () => {
    const options = { seed: 1, bug: 'hold-dropped-at-bind' };
    const failed = await runWorld(options);
    const small = await shrink(options, failed);
    expect(small.smaller).toBe(true);
    expect(small.best.failure?.invariant).toBe(failed.failure?.invariant);
    expect(small.best.faults.length).toBeLessThan(failed.faults.length);
    const replayed = await runWorld({ ...options, filter: { only: new Set(small.best.faults), without: new Set() } });
    expect(replayed.failure).toEqual(small.best.failure);
  });
});
