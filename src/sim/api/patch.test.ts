import { describe, expect, it } from 'vitest';
import type { JsonObject } from './object.ts';
import { applyPatchOf, JSON_PATCH } from './patch.ts';

const patched = (object: JsonObject, patch: unknown) => applyPatchOf(JSON_PATCH, object, patch);

describe('a JSON patch', () => {
  it('copies', () => {
    const copy = [{ op: 'copy', from: '/a', path: '/b' }];
    expect(patched({ a: { x: 1 } }, copy)).toEqual({ a: { x: 1 }, b: { x: 1 } });
  });

  it('of a few bytes whose copies double the object forty times is refused', () => {
    const doubling = Array.from({ length: 40 }, (_, index) => ({ op: 'copy', from: '/a', path: `/a/k${index}` }));
    expect(() => patched({ a: { x: 'x'.repeat(1000) } }, doubling)).toThrowError(
      /accumulated size increase of copy is/,
    );
  });

  it.each([
    ['copies from nowhere', [{ op: 'copy', from: '/zz/y', path: '/b' }], /Value required at path/],
    ['copies without a place', [{ op: 'copy', path: '/b' }], /./],
    [
      'begins well and ends badly',
      [
        { op: 'add', path: '/b', value: 1 },
        { op: 'test', path: '/b', value: 2 },
      ],
      /1 != 2/,
    ],
    ['holds no operation', [null], /./],
  ])('that %s leaves the object as it was', (_what, patch, message) => {
    const object = { a: { x: 1 } };
    expect(() => patched(object, patch)).toThrowError(message);
    expect(object).toEqual({ a: { x: 1 } });
  });
});
