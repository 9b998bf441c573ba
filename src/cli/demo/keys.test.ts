import { describe, expect, it } from 'vitest';
import { type Action, actionsOf, KEYS, type KeyReport } from './keys.ts';

describe('a key', () => {
  it.each<[string, string, KeyReport, readonly Action[]]>([
    ...KEYS.map(({ key, action }): [string, string, KeyReport, readonly Action[]] => [
      key,
      key === 'space' ? ' ' : key,
      {},
      [action],
    ]),
    ['Ctrl-C', 'c', { ctrl: true }, ['quit']],
    ['Ctrl-D', 'd', { ctrl: true }, []],
    ['up', '', { upArrow: true }, ['up']],
    ['down', '', { downArrow: true }, ['down']],
    ['a key without a meaning', 'z', {}, []],
    ['two keys in one report', 'ak', {}, ['add', 'kill']],
  ])('%s means what the help says', (_name, input, key, expected) => {
    expect(actionsOf(input, key)).toEqual(expected);
  });
});
