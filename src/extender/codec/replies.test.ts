import { describe, expect, it } from 'vitest';
import type { FilterAnswer } from '../../cluster/decider.ts';
import { listOfValues } from './name-lists.ts';
import {
  encodeBind,
  encodeFilter,
  encodeFilterError,
  encodeFilterItems,
  encodePreempt,
  encodePriorities,
} from './replies.ts';

const answer = (over: Partial<FilterAnswer>): FilterAnswer => ({ all: false, fits: [], refused: [], ...over });
const list = listOfValues(['n1', 'n2', 'odd"name'], 'NodeNames');
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

  it('filter: the same answer to the same list is encoded once, to another list anew', () => {
    const given = answer({ fits: ['n1'] });
    expect(encodeFilter(given, list)).toBe(encodeFilter(given, list));
    expect(encodeFilter(given, listOfValues(['n2'], 'NodeNames')).toString()).toContain('"NodeNames":[]');
    const all = answer({ all: true });
    encodeFilter(all, list);
    expect(encodeFilter(all, listOfValues(['n2'], 'NodeNames')).toString()).toContain('"NodeNames":["n2"]');
  });

  it('filter without node cache: the items as they came, in the order of the answer', () => {
    const items = [{ metadata: { name: 'n1' }, x: 1 }, { metadata: { name: 'n2' } }, {}];
    expect(encodeFilterItems(answer({ fits: ['n2', 'n1'] }), list, items).toString()).toBe(
      `{"Nodes":{"metadata":{},"items":[{"metadata":{"name":"n2"}},{"metadata":{"name":"n1"},"x":1}]},"NodeNames":null,${EMPTY}`,
    );
  });

  it('errors, scores, victims and binds have the exact keys', () => {
    expect(JSON.parse(encodeFilterError('no').toString())).toMatchObject({ NodeNames: null, Error: 'no' });
    expect(encodePriorities([{ node: 'n1', score: 7 }], true).toString()).toBe('[{"Host":"n1","Score":7}]');
    expect(encodePriorities([], true).toString()).toBe('[]');
    expect(encodePreempt([{ node: 'n1', victims: ['v1', 'v2'], pdbViolations: 0 }]).toString()).toBe(
      '{"NodeNameToMetaVictims":{"n1":{"Pods":[{"UID":"v1"},{"UID":"v2"}],"NumPDBViolations":0}}}',
    );
    expect(encodeBind('').toString()).toBe('{"Error":""}');
  });
});
