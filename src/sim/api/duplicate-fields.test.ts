import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { duplicateFields } from './duplicate-fields.ts';

describe('fields named twice', () => {
  it.each([
    ['{"a":1,"b":{"a":1}}', []],
    ['{"a":1,"a":2,"a":3}', ['a']],
    ['{"spec":{"x":1,"y":[{"z":1},{"z":1,"z":2}],"x":2}}', ['spec.y[1].z', 'spec.x']],
    ['{"a":"{\\"a\\":1}","b":"\\\\"}', []],
    ['{"a":[1,[2,{"b":1,"b":1}]]}', ['a[1][1].b']],
    ['{"\\u0061":1,"a":2}', ['a']],
    ['[]', []],
  ])('%s', (text, expected) => {
    expect(duplicateFields(text)).toEqual(expected);
  });

  it('what JSON.stringify wrote has none', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(duplicateFields(text)).toEqual([]);
      }),
    );
  });
});
