import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hostileVariants } from '../../../test/build/hostile-json.ts';
import { projectPdb, selects } from './pdb.ts';

const pdb = (selector: unknown, status: object = {}) => ({
  metadata: { uid: 'u1', namespace: 'team', name: 'b' },
  spec: { selector },
  status,
});
const labels = { app: 'a', tier: 'x' };

describe('a PodDisruptionBudget', () => {
  test.each<[string, unknown, boolean]>([
    ['an empty selector takes every pod', {}, true],
    ['an absent selector takes none', undefined, false],
    ['a null selector takes none', null, false],
    ['matchLabels', { matchLabels: { app: 'a' } }, true],
    ['matchLabels with another value', { matchLabels: { app: 'b' } }, false],
    ['all lines are wanted', { matchLabels: { app: 'a', none: 'x' } }, false],
    ['In', { matchExpressions: [{ key: 'app', operator: 'In', values: ['a', 'b'] }] }, true],
    ['In without the key', { matchExpressions: [{ key: 'none', operator: 'In', values: ['a'] }] }, false],
    ['NotIn', { matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['a'] }] }, false],
    ['NotIn without the key', { matchExpressions: [{ key: 'none', operator: 'NotIn', values: ['a'] }] }, true],
    ['Exists', { matchExpressions: [{ key: 'app', operator: 'Exists' }] }, true],
    ['Exists without the key', { matchExpressions: [{ key: 'constructor', operator: 'Exists' }] }, false],
    ['DoesNotExist', { matchExpressions: [{ key: 'app', operator: 'DoesNotExist' }] }, false],
    ['DoesNotExist without the key', { matchExpressions: [{ key: 'none', operator: 'DoesNotExist' }] }, true],
    ['an unknown operator takes none', { matchExpressions: [{ key: 'app', operator: 'Gt', values: ['1'] }] }, false],
    ['In without values takes none', { matchExpressions: [{ key: 'app', operator: 'In' }] }, false],
  ])('%s', (_, selector, selected) => {
    expect(selects(projectPdb(pdb(selector))!.selector, labels)).toBe(selected);
  });

  test('tells how many evictions are left and which are counted already', () => {
    const status = { disruptionsAllowed: 2, disruptedPods: { p1: '2026-01-01T00:00:00Z' } };
    expect(projectPdb(pdb({}, status))).toMatchObject({ disruptionsAllowed: 2, disruptedPods: ['p1'] });
    expect(projectPdb(pdb({}, { disruptionsAllowed: -1 }))).toMatchObject({ disruptionsAllowed: 0, disruptedPods: [] });
  });

  test('of any shape never throws', () => {
    const realistic = pdb(
      { matchLabels: { app: 'a' }, matchExpressions: [{ key: 'app', operator: 'In', values: ['a'] }] },
      { disruptionsAllowed: 1, disruptedPods: { p: 't' } },
    );
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), hostileVariants(realistic)), (object) => {
        const read = projectPdb(object);
        if (read === null) return;
        expect(structuredClone(read)).toEqual(read);
        selects(read.selector, labels);
      }),
      { numRuns: 500 },
    );
  });
});
