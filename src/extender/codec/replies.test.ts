import { describe, expect, it } from 'vitest';
import { nameListsOver, tableOf } from '../../../test/build/name-lists.ts';
import type { FilterAnswer } from '../../cluster/decider.ts';
import {
  encodeBind,
  encodeFilter,
  encodeFilterError,
  encodeFilterItems,
  encodePreempt,
  encodePriorities,
} from './replies.ts';

const answer = (over: Partial<FilterAnswer>): FilterAnswer => ({ all: false, fits: [], refused: [], ...over });
const lists = nameListsOver(tableOf(['n1', 'n2']));
const listOf = (...names: string[]) => lists.ofValues(names, 'NodeNames');
const list = listOf('n1', 'n2', 'odd"name');
const EMPTY = '"FailedNodes":{},"FailedAndUnresolvableNodes":{},"Error":""}';

describe('replies', () => {
  it.each([
    ['every node', answer({ all: true }), `{"Nodes":null,"NodeNames":["n1","n2","odd\\"name"],${EMPTY}`],
    ['the best first', answer({ fits: ['n2', 'n1'] }), `{"Nodes":null,"NodeNames":["n2","n1"],${EMPTY}`],
    ['no node that was not offered', answer({ fits: ['other', 'n1'] }), `{"Nodes":null,"NodeNames":["n1"],${EMPTY}`],
    [
      'reasons in the map of their class',
      answer({
        refused: [
          { node: 'n1', code: 'gpu-full' },
          { node: 'n2', code: 'gpu-too-small' },
          { node: 'odd"name', code: 'gpu-fragmented' },
        ],
      }),
      '{"Nodes":null,"NodeNames":[],"FailedNodes":{"n1":"GPU devices are full","odd\\"name":"free GPU shares are split over several devices"},' +
        '"FailedAndUnresolvableNodes":{"n2":"GPU devices have too little memory"},"Error":""}',
    ],
  ])('filter: %s', (_name, given, text) => {
    expect(encodeFilter(given, list).toString()).toBe(text);
  });

  it('filter: refusals to the same set of nodes are encoded once, to another set anew', () => {
    const given = answer({ refused: [{ node: 'n1', code: 'gpu-full' }] });
    expect(encodeFilter(given, listOf('n1', 'n2'))).toBe(encodeFilter(given, listOf('n2', 'n1')));
    for (const other of [listOf('n1'), listOf('n1', 'n1'), listOf('n1', 'unknown'), listOf('unknown', 'n1', 'n2')])
      expect(encodeFilter(given, other)).not.toBe(encodeFilter(given, listOf('n1', 'n2')));
  });

  it('filter: another list may get the same answer and gets a reply of its own', () => {
    const given = answer({ fits: ['n1'] });
    expect(encodeFilter(given, listOf('n1')).toString()).toContain('"NodeNames":["n1"]');
    expect(encodeFilter(given, listOf('n2')).toString()).toContain('"NodeNames":[]');
    const all = answer({ all: true });
    encodeFilter(all, list);
    expect(encodeFilter(all, listOf('n2')).toString()).toContain('"NodeNames":["n2"]');
  });

  it('filter without node cache: the items as they came, in the order of the answer', () => {
    const items = [{ metadata: { name: 'n1' }, x: 1 }, { metadata: { name: 'n2' } }, {}];
    expect(encodeFilterItems(answer({ fits: ['n2', 'n1'] }), list, items).toString()).toBe(
      `{"Nodes":{"metadata":{},"items":[{"metadata":{"name":"n2"}},{"metadata":{"name":"n1"},"x":1}]},"NodeNames":null,${EMPTY}`,
    );
  });

  it('errors, scores, victims and binds have the exact keys', () => {
    expect(JSON.parse(encodeFilterError('no').toString())).toMatchObject({ NodeNames: null, Error: 'no' });
    expect(encodePriorities([{ node: 'n1', score: 7 }]).toString()).toBe('[{"Host":"n1","Score":7}]');
    expect(encodePriorities([]).toString()).toBe('[]');
    expect(encodePreempt([{ node: 'n1', victims: ['v1', 'v2'], pdbViolations: 0 }]).toString()).toBe(
      '{"NodeNameToMetaVictims":{"n1":{"Pods":[{"UID":"v1"},{"UID":"v2"}],"NumPDBViolations":0}}}',
    );
    expect(encodeBind('').toString()).toBe('{"Error":""}');
  });
});
