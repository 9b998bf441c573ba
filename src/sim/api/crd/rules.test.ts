import { describe, expect, it } from 'vitest';
import type { StatusCause } from '../errors.ts';
import type { JsonObject } from '../object.ts';
import { compileRules, ruleFaults } from './rules.ts';

const text = { type: 'string' };
const rule = (expression: string, more: JsonObject = {}) => ({
  'x-kubernetes-validations': [{ rule: expression, ...more }],
});

function faultsOf(schema: JsonObject, value: unknown, old?: unknown): string[] {
  const compiling: StatusCause[] = [];
  const tree = compileRules(schema, 'schema', compiling);
  expect(compiling).toEqual([]);
  return ruleFaults(tree, value, old, 'at').map(({ field, message }) => `${field}: ${message}`);
}

describe('values as rules see them', () => {
  it.each<[string, JsonObject, unknown]>([
    ['an integer is an int', { type: 'integer', ...rule('self / 2 == 1') }, 3],
    ['a whole number of a number field is a double', { type: 'number', ...rule('self * 0.5 == 1.5') }, 3],
    [
      'a time is a timestamp',
      { ...text, format: 'date-time', ...rule('self.getFullYear() == 2026') },
      '2026-01-02T03:04:05Z',
    ],
    ['a duration is one', { ...text, format: 'duration', ...rule("self == duration('90m')") }, '1h30m'],
    [
      'names that are no identifiers are escaped',
      {
        type: 'object',
        properties: { 'a-b': text, namespace: text },
        ...rule("self.a__dash__b == 'x' && self.__namespace__ == 'y'"),
      },
      { 'a-b': 'x', namespace: 'y' },
    ],
    [
      'free fields are there',
      { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, ...rule('self.deep.list[0] == 1') },
      { deep: { list: [1] } },
    ],
    [
      'keys of maps can be gone through',
      { type: 'object', additionalProperties: text, ...rule("self.all(k, self[k] != '')") },
      { a: 'b' },
    ],
    [
      'an empty optional is no fault',
      { type: 'object', properties: { a: text }, ...rule("self.?a.orValue('') == ''") },
      {},
    ],
  ])('%s', (_what, schema, value) => {
    expect(faultsOf(schema, value)).toEqual([]);
  });
});

describe('where rules run', () => {
  const keyed: JsonObject = {
    type: 'array',
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['name'],
    items: {
      type: 'object',
      properties: { name: text, v: { type: 'integer', ...rule('self >= oldSelf', { message: 'grows' }) } },
    },
  };

  it('an element of a keyed list is compared with the one of the same key, wherever it stood', () => {
    const old = [
      { name: 'a', v: 1 },
      { name: 'b', v: 5 },
    ];
    expect(
      faultsOf(
        keyed,
        [
          { name: 'b', v: 4 },
          { name: 'a', v: 2 },
          { name: 'c', v: 0 },
        ],
        old,
      ),
    ).toEqual(['at[0].v: Invalid value: 4: grows']);
  });

  it('elements of other lists have no past', () => {
    const { items } = keyed;
    expect(faultsOf({ type: 'array', items: items as JsonObject }, [{ v: 1 }], [{ v: 5 }])).toEqual([]);
  });

  it('a rule that what is there breaks does not stop an update that leaves it alone', () => {
    const schema = { type: 'integer', ...rule('self < 3') };
    expect([faultsOf(schema, 5, 5), faultsOf(schema, 6, 5).length]).toEqual([[], 1]);
  });

  it('null and absent values are not looked at', () => {
    const schema = { ...text, nullable: true, ...rule("self == 'x'") };
    expect([faultsOf(schema, null), faultsOf(schema, undefined)]).toEqual([[], []]);
  });

  it('a rule that fails while it runs says so', () => {
    const schema = { type: 'object', properties: { a: text }, ...rule("self.a == 'x'") };
    expect(faultsOf(schema, {})).toEqual([
      'at: Invalid value: "object": no such key: a evaluating rule: self.a == \'x\'',
    ]);
  });
});
