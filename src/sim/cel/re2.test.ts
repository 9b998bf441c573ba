import { describe, expect, it } from 'vitest';
import { found, regex } from './re2.ts';

describe('a regular expression', () => {
  it('that backtracking engines never finish takes no longer than others', () => {
    const began = performance.now();
    expect(regex('^(a+)+$').test(`${'a'.repeat(2_000)}b`)).toBe(false);
    expect(performance.now() - began).toBeLessThan(2_000);
  });

  it.each(['^[[:alnum:]]+\\z', '(?P<name>a)b?', '\\pL', '(?i)AB'])('is written as in RE2: %s', (pattern) => {
    expect(regex(pattern).test('ab')).toBe(true);
  });

  it('with a look-ahead is none', () => {
    expect(() => regex('(?=a)')).toThrow('error parsing regexp: invalid or unsupported Perl syntax');
  });

  it('finds its parts in order, no more than asked for', () => {
    expect(found('a1b22c333', '[0-9]+')).toEqual(['1', '22', '333']);
    expect(found('a1b22c333', '[0-9]+', 2)).toEqual(['1', '22']);
  });
});
