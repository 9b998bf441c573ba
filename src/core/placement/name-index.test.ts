import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import wabt from 'wabt';
import { NameIndex } from './name-index.ts';
import { CODE } from './name-scan.ts';

const bytes = (text: string) => Buffer.from(text);
const scan = (index: NameIndex, text: string) => index.scan(bytes(text), 0, text.length);

/** Few letters and many lengths: names that share beginnings, ends and whole words. */
const name = fc
  .array(fc.constantFrom('a', 'b', '-', '0', 'node-', '.example.internal'), { minLength: 1, maxLength: 8 })
  .map((parts) => parts.join(''));

describe('the name index', () => {
  it.each([
    ['nothing', '[]', []],
    ['one name', '["a"]', [0]],
    ['names in any order, repeated', '["node-b","a","node-b"]', [1, 0, 1]],
    ['a name that no node has', '["a","c","node-bc","node-"]', [0, -1, -1, -1]],
    ['white space', '["a", "node-b"]', null],
    ['an empty name', '[""]', null],
    ['an escape', '["\\u0061"]', null],
    ['a comma too many', '["a",]', null],
    ['no comma', '["a""a"]', null],
    ['two arrays', '["a"],["a"]', null],
    ['a number', '[7]', null],
    ['no array', '"a"', null],
    ['an open array', '["a"', null],
    ['a single bracket', '[', null],
  ])('reads %s', (_what, text, slots) => {
    const index = new NameIndex();
    index.rebuild(['a', 'node-b', null]);
    const read = scan(index, text);
    expect(read === null ? null : [...read]).toEqual(slots);
  });

  it('finds every name and no other one, whatever they have in common', () => {
    fc.assert(
      fc.property(fc.uniqueArray(name, { maxLength: 40 }), fc.array(name, { maxLength: 40 }), (names, others) => {
        const index = new NameIndex();
        const holed = names.flatMap((each, at) => (at % 3 === 0 ? [null, each] : [each]));
        index.rebuild(holed);
        const asked = [...names.toReversed(), ...others, ...names];
        expect([...scan(index, JSON.stringify(asked))!]).toEqual(asked.map((each) => holed.indexOf(each)));
      }),
      { numRuns: 500 },
    );
  });

  it('does not depend on where the array lies in a buffer or on what follows', () => {
    const index = new NameIndex();
    index.rebuild(['node-1', 'node-22', 'node-333']);
    const text = '["node-333","node-1","node-4444","node-22"]';
    for (const before of ['', 'x', '"', '["node-1",'])
      for (const after of ['', '}', '"}', ',"node-1"]', 'x'.repeat(40)])
        expect([...index.scan(bytes(before + text + after), before.length, before.length + text.length)!]).toEqual([
          2, 0, -1, 1,
        ]);
  });

  it('holds 100,000 names and forgets them all', () => {
    const names = Array.from({ length: 100_000 }, (_, at) => `ip-10-${at >> 16}-${(at >> 8) & 255}-${at & 255}`);
    const index = new NameIndex();
    index.rebuild(names);
    const list = JSON.stringify(names);
    const slots = scan(index, list)!;
    expect(slots.length).toBe(names.length);
    expect(slots.every((slot, at) => slot === at)).toBe(true);
    index.rebuild([]);
    expect(scan(index, list)!.every((slot) => slot === -1)).toBe(true);
  });

  it('keeps tables apart that take turns', () => {
    const [one, other] = [new NameIndex(), new NameIndex()];
    one.rebuild(['node-1', 'node-2']);
    other.rebuild(['node-2', 'node-3', 'node-1']);
    for (let turn = 0; turn < 3; turn++) {
      expect([...scan(one, '["node-1","node-2","node-3"]')!]).toEqual([0, 1, -1]);
      expect([...scan(other, '["node-1","node-2","node-3"]')!]).toEqual([2, 0, 1]);
    }
    one.rebuild(['node-3']);
    expect([...scan(one, '["node-1","node-3"]')!]).toEqual([-1, 0]);
  });

  it('reads a list that is too long for its memory name by name, with the same result', () => {
    const index = new NameIndex();
    const names = Array.from({ length: 20_000 }, (_, at) => `n-${'x'.repeat(230)}-${at}`);
    index.rebuild(names.filter((_, at) => at % 2 === 0));
    const slots = scan(index, JSON.stringify(names))!;
    expect(slots.length).toBe(names.length);
    expect(slots.every((slot, at) => slot === (at % 2 === 0 ? at / 2 : -1))).toBe(true);
    expect(scan(index, JSON.stringify([...names, '']))).toBe(null);
  });

  it('runs what name-scan.wat says', async () => {
    const text = readFileSync(new URL('./name-scan.wat', import.meta.url), 'utf8');
    const module = (await wabt()).parseWat('name-scan.wat', text, { simd: true });
    expect(Buffer.from(module.toBinary({}).buffer).toString('base64')).toBe(CODE);
  });
});
