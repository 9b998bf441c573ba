import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Journal } from './journal.ts';

const changedSince = (journal: Journal, since: number): number[] => {
  const slots: number[] = [];
  journal.changedSince(since, (slot) => slots.push(slot));
  return slots.sort((a, b) => a - b);
};

describe('the journal of changes', () => {
  it('names every slot changed since, each once', () => {
    const changes = fc.array(fc.nat(300), { maxLength: 400 });
    fc.assert(
      fc.property(changes, changes, (before, after) => {
        const journal = new Journal();
        for (const slot of before) journal.changed(slot);
        const since = journal.generation;
        for (const slot of after) journal.changed(slot);
        expect(changedSince(journal, since)).toEqual([...new Set(after)].sort((a, b) => a - b));
      }),
    );
  });

  it('names them after more changes than it remembers one by one', () => {
    const journal = new Journal();
    for (let slot = 0; slot < 20_000; slot++) journal.changed(slot);
    const since = journal.generation;
    for (let at = 0; at < 9_000; at++) journal.changed(at);
    expect(changedSince(journal, since)).toEqual(Array.from({ length: 9_000 }, (_, at) => at));
    expect(changedSince(journal, journal.generation)).toEqual([]);
  });
});
