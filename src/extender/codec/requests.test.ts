import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { node } from '../../../test/build/facts.ts';
import { nameListsOver, tableOf } from '../../../test/build/name-lists.ts';
import type { Offered } from '../../cluster/offered.ts';
import { projectPod } from '../../cluster/projection/pod.ts';
import { ExtenderError } from '../errors.ts';
import { MOST_NAMES } from './name-lists.ts';
import { decodeBind, decodeNodes, decodeNodesSlowly, decodePreempt, type NodesRequest } from './requests.ts';

const POD = '{"metadata":{"name":"p","namespace":"n","uid":"u1"},"spec":{},"status":{}}';
const bytes = (text: string) => Buffer.from(text);
const newLists = () => nameListsOver(tableOf(['n1', 'n2', 'node-a']));

describe('filter and prioritize arguments', () => {
  it.each([
    ['a node cache', `{"Pod":${POD},"Nodes":null,"NodeNames":["n1","n2"]}`, ['n1', 'n2'], false],
    ['keys in any case', `{"pod":${POD},"NODES":null,"nodenames":["n1"]}`, ['n1'], false],
    ['white space everywhere', `{ "Pod" : ${POD} , "NodeNames" : [ "n1" ] }\n`, ['n1'], false],
    ['names that need escaping', `{"Pod":${POD},"NodeNames":["a\\"b"]}`, ['a"b'], false],
    ['the list first', `{"NodeNames":["n1"],"Pod":${POD}}`, ['n1'], false],
    ['no node at all', `{"Pod":${POD},"NodeNames":[]}`, [], false],
    ['the exact key among others', `{"nodenames":["x"],"Pod":${POD},"NodeNames":["n1"]}`, ['n1'], false],
    ['the last of two', `{"NodeNames":["x"],"Pod":${POD},"NodeNames":["n1"]}`, ['n1'], false],
    [
      'no node cache',
      `{"Pod":${POD},"Nodes":{"metadata":{},"items":[{"metadata":{"name":"n1"}}]},"NodeNames":null}`,
      ['n1'],
      true,
    ],
  ])('are read with %s', (_name, text, names, items) => {
    const read = decodeNodes(bytes(text), newLists(), projectPod);
    expect(read.list.offered.names).toEqual(names);
    expect(read.items !== null).toBe(items);
    expect(read.pod.uid).toBe('u1');
  });

  it.each([
    ['', 'empty'],
    ['nonsense', 'not JSON'],
    ['[]', 'not a JSON object'],
    [`{"Pod":${POD}}`, 'neither'],
    [`{"Pod":7,"NodeNames":["n1"]}`, 'Pod is missing'],
    [`{"Pod":{},"NodeNames":["n1"]}`, 'no uid'],
    [`{"Pod":${POD},"NodeNames":"n1"}`, 'not a list'],
    [`{"Pod":${POD},"NodeNames":[7]}`, 'no name'],
    [`{"Pod":${POD},"Nodes":{"items":[null]}}`, 'no name'],
    [`{"Pod":${'['.repeat(100_000)}`, 'nested'],
    [`{"Pod":${'{"a":'.repeat(513)}`, 'nested'],
    [`{"Pod":${'[{'.repeat(10)}`, 'not JSON'],
    [`{"Pod":${'"[{"'.repeat(600)}`, 'not JSON'],
    [`{"Pod":${POD},"NodeNames":[${'"n",'.repeat(MOST_NAMES)}"n"]}`, 'more than'],
  ])('that are %.40s are refused with a text', (text, why) => {
    expect(() => decodeNodes(bytes(text), newLists(), projectPod)).toThrow(why);
  });

  it('names that are not UTF-8 are refused', () => {
    const body = Buffer.concat([bytes(`{"Pod":${POD},"NodeNames":["`), Buffer.from([0xff, 0xfe]), bytes('"]}')]);
    expect(() => decodeNodes(body, newLists(), projectPod)).toThrow('UTF-8');
  });

  it('the same bytes give the same list, and 100,000 names are read', () => {
    const lists = newLists();
    const names = Array.from({ length: MOST_NAMES }, (_, at) => `n${at}`);
    const body = bytes(`{"Pod":${POD},"Nodes":null,"NodeNames":${JSON.stringify(names)}}`);
    const first = decodeNodes(body, lists, projectPod).list;
    expect(first.offered.count).toBe(MOST_NAMES);
    expect(decodeNodes(body, lists, projectPod).list).toBe(first);
  });
});

describe('the fast way', () => {
  // node names of many lengths, so that words of the table end in every way; some are kept out of the byte index
  const known = ['n1', 'n2', 'a', 'node-a', 'node-ab', 'node-abc', `long-${'x'.repeat(248)}`, 'a"b', 'é', ''];
  const table = tableOf(known);
  const slowTable = tableOf(known);
  // Lists are remembered: what one body left behind must not change how the next is read.
  const lists = nameListsOver(table);
  const slowly = nameListsOver(slowTable);

  const outcome = (read: () => NodesRequest) => {
    try {
      const { list, pod } = read();
      const offered = list.offered as Offered;
      return {
        names: offered.names,
        namesOneByOne: [...offered.slots].map((_, at) => offered.nameAt(at)),
        slots: [...offered.slots],
        has: known.map((name) => offered.has(table.get(name)!.slot)),
        json: JSON.parse(list.bytes.toString()) as unknown,
        uid: pod.uid,
      };
    } catch (error) {
      if (!(error instanceof ExtenderError)) throw error;
      return 'refused';
    }
  };
  const readsAlike = (body: Buffer) =>
    expect(outcome(() => decodeNodes(body, lists, projectPod))).toEqual(
      outcome(() => decodeNodesSlowly(body, slowly, projectPod)),
    );
  const name = fc.oneof(
    fc.constantFrom(...known, 'unknown', 'node-abd', 'node-', ']', ',"NodeNames":["x"]', '\\'),
    fc.string(),
  );
  const list = fc.array(name, { maxLength: 6 }).map((names) => JSON.stringify(names));
  const key = fc.constantFrom('"NodeNames"', '"nodenames"', '"\\"NodeNames"', '"a,"', '"Nodes"', '"x"');
  const value = fc.oneof(
    list,
    fc.constantFrom('null', '0', '{}', POD, '{"NodeNames":["y"]', `{"NodeNames":["y"]}`, '"z'),
  );
  const member = fc.tuple(key, value).map(([k, v]) => `${k}:${v}`);
  const body = fc
    .tuple(
      fc.array(member, { maxLength: 3 }),
      fc.boolean(),
      list,
      fc.constantFrom('}', '} ', '}}', ']}', ' }\n', ''),
      fc.constantFrom('"NodeNames"', '"NodeNames"', '"\\"NodeNames"'),
    )
    .map(([members, pod, names, end, last]) =>
      [`{${pod ? `"Pod":${POD},` : ''}${members.join(',')}`, `${last}:${names}${end}`].join(members.length ? ',' : ''),
    );

  it('agrees with the slow way on every body', () => {
    let fast = 0;
    fc.assert(
      fc.property(body, (text) => {
        if (lists.find(bytes(text)) !== null) fast++;
        readsAlike(bytes(text));
      }),
      { numRuns: 3_000 },
    );
    expect(fast).toBeGreaterThan(150);
  });

  it('agrees with the slow way on bodies with bytes changed', () => {
    const good = bytes(`{"Pod":${POD},"Nodes":null,"NodeNames":["n1","n2","node-abc","node-a"]}`);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.oneof(fc.constantFrom(...bytes('"\\{}[],: nN')), fc.nat(255))), {
          maxLength: 3,
        }),
        (changes) => {
          const changed = Buffer.from(good);
          for (const [at, byte] of changes) changed[at] = byte;
          readsAlike(changed);
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it('agrees with the slow way while nodes come and go, with long lists, repeated and unknown names', () => {
    const pool = Array.from({ length: 300 }, (_, at) => `${['gpu', 'ip-10-0-', 'h'][at % 3]}${at}.internal`);
    const step = fc.oneof(
      fc.record({ put: fc.constantFrom(...pool), there: fc.boolean() }),
      fc.record({ ask: fc.array(fc.constantFrom(...pool), { minLength: 1, maxLength: 60 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 60 }), (steps) => {
        for (const each of steps) {
          if ('put' in each) {
            for (const one of [table, slowTable]) one.setFacts(each.put, each.there ? node(each.put) : null);
          } else readsAlike(bytes(`{"Pod":${POD},"Nodes":null,"NodeNames":${JSON.stringify(each.ask)}}`));
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('preempt arguments', () => {
  it.each([
    [
      'uids',
      `"NodeNameToVictims":null,"NodeNameToMetaVictims":{"n1":{"Pods":[{"UID":"v1"}],"NumPDBViolations":0}}`,
      ['v1'],
    ],
    ['uids in any case', `"nodenametometavictims":{"n1":{"pods":[{"uid":"v1"}]}}`, ['v1']],
    [
      'full pods',
      `"NodeNameToVictims":{"n1":{"Pods":[{"metadata":{"uid":"v1"}}]}},"NodeNameToMetaVictims":null`,
      ['v1'],
    ],
    ['an empty placeholder', `"NodeNameToMetaVictims":{"n1":{"Pods":[],"NumPDBViolations":0}}`, null],
    ['a null placeholder', `"NodeNameToMetaVictims":{"n1":{"Pods":null}}`, null],
    ['null victims', `"NodeNameToMetaVictims":{"n1":null}`, null],
  ])('are read with %s', (_name, members, victims) => {
    const { candidates } = decodePreempt(bytes(`{"Pod":${POD},${members}}`), projectPod);
    expect(candidates).toEqual([{ node: 'n1', victims, pdbViolations: 0 }]);
  });

  it.each([
    ['3', 3],
    ['-1', 0],
    ['"2"', 0],
    ['1e30', 0],
  ])('hold %s violated budgets: read as %d', (count, pdbViolations) => {
    const members = `"NodeNameToMetaVictims":{"n1":{"Pods":[{"UID":"v1"}],"NumPDBViolations":${count}}}`;
    const { candidates } = decodePreempt(bytes(`{"Pod":${POD},${members}}`), projectPod);
    expect(candidates).toEqual([{ node: 'n1', victims: ['v1'], pdbViolations }]);
  });

  it.each([
    `"NodeNameToMetaVictims":[]`,
    `"NodeNameToMetaVictims":{"n1":7}`,
    `"NodeNameToMetaVictims":{"n1":{"Pods":7}}`,
    `"NodeNameToMetaVictims":{"n1":{"Pods":[null]}}`,
    `"NodeNameToVictims":{"n1":{"Pods":[{"metadata":{}}]}}`,
  ])('%s is refused', (members) => {
    expect(() => decodePreempt(bytes(`{"Pod":${POD},${members}}`), projectPod)).toThrow(ExtenderError);
  });
});

describe('bind arguments', () => {
  it('are read in any case', () => {
    expect(decodeBind(bytes('{"podname":"p","PodNamespace":"n","PODUID":"u1","Node":"n1"}'))).toEqual({
      uid: 'u1',
      namespace: 'n',
      name: 'p',
      node: 'n1',
    });
  });
  it.each(['{}', '{"PodName":"p","PodNamespace":"n","PodUID":"u1","Node":7}'])('%s is refused', (text) => {
    expect(() => decodeBind(bytes(text))).toThrow('is missing');
  });
});
