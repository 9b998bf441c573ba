import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { boardOf } from '../../../../test/build/board.ts';
import { fraction, memory, need, node, pod, request, whole } from '../../../../test/build/facts.ts';
import type { NodePolicy } from '../../gpu/request.ts';
import type { NodeFacts } from '../node-facts.ts';
import type { PodFacts } from '../pod-facts.ts';
import { ANYWHERE, type GangGroup, type GangTopology, type GangVerdict } from './gang-request.ts';
import { planGang } from './plan-gang.ts';

const gang = (members: readonly PodFacts[], over: Partial<GangGroup> = {}): GangGroup => ({
  name: 'g',
  needed: members.length,
  members,
  settled: [],
  neededGroups: over.children?.length ?? 0,
  children: [],
  topology: ANYWHERE,
  ...over,
});

const many = (count: number, gpu: Parameters<typeof pod>[1], prefix = 'm'): PodFacts[] =>
  Array.from({ length: count }, (_, at) => pod(`${prefix}${at}`, gpu));

const nodes = (count: number, devices: number, over: (at: number) => Partial<NodeFacts> = () => ({})): NodeFacts[] =>
  Array.from({ length: count }, (_, at) => node(`n${String(at).padStart(4, '0')}`, devices, over(at)));

const required = (key: string): GangTopology => ({ ...ANYWHERE, required: key });
const preferred = (key: string): GangTopology => ({ ...ANYWHERE, preferred: key });
const racks = (size: number) => (at: number) => ({ labels: { rack: `r${Math.floor(at / size)}` } });
const eight = request([need(whole, 8)]);

function nodesOf(verdict: GangVerdict): string[] {
  if (verdict.kind !== 'planned') throw new Error(`refused: ${JSON.stringify(verdict)}`);
  return verdict.placed.map(({ node: name }) => name);
}

describe('all or nothing', () => {
  it('places every member, one after the other on what is left', () => {
    expect(nodesOf(planGang(boardOf(nodes(2, 2)), gang(many(4, whole)))).sort()).toEqual([
      'n0000',
      'n0000',
      'n0001',
      'n0001',
    ]);
  });

  it('says how many would fit when not all do, and changes nothing', () => {
    const board = boardOf(nodes(2, 2));
    const before = board.table.at(0)!.ledger.usedMilli.slice();
    const verdict = planGang(board, gang(many(5, fraction(900))), { count: true });
    expect(verdict).toEqual({
      kind: 'refused',
      code: 'gang-no-room',
      fits: 4,
      needed: 5,
      domain: null,
      gaveUp: false,
    });
    expect(board.table.at(0)!.ledger.usedMilli).toEqual(before);
  });

  it('counts CPU: a plan that kube-scheduler would refuse is none', () => {
    const small = nodes(2, 8, () => ({
      allocatable: { cpu: 2000, memory: 2 ** 38, pods: 110, 'muster.dev/gpu-milli': 8000 },
    }));
    expect(nodesOf(planGang(boardOf(small), gang(many(4, fraction(100)))))).toHaveLength(4);
    expect(planGang(boardOf(small), gang(many(5, fraction(100))), { count: true })).toMatchObject({
      kind: 'refused',
      fits: 4,
    });
  });

  it('leaves out whoever does not fit when more members are there than must start', () => {
    const members = [pod('huge', eight), ...many(2, whole)];
    expect(planGang(boardOf(nodes(1, 2)), gang(members, { needed: 2 }))).toMatchObject({
      kind: 'planned',
      placed: [{ pod: { name: 'm0' } }, { pod: { name: 'm1' } }],
    });
  });

  it('finds room for a member of memory only on devices whose compute is gone', () => {
    const board = boardOf(nodes(1, 1));
    board.table.add('n0000', {
      uid: 'there',
      kind: 'held',
      claim: {
        containers: [
          { name: 'c', slot: 'c0', sidecar: false, devices: [{ uuid: 'GPU-n0000-0', index: 0, mib: 10, milli: 1000 }] },
        ],
      },
      needs: {},
      unclaimed: false,
    });
    expect(nodesOf(planGang(board, gang(many(2, memory(1000)))))).toEqual(['n0000', 'n0000']);
  });

  it('puts a launcher without GPUs beside the nodes that have them, where there are others', () => {
    const plain = node('plain', 0, { managed: false });
    const verdict = planGang(boardOf([...nodes(1, 2), plain]), gang([pod('launcher', null), ...many(2, whole)]));
    expect(verdict).toMatchObject({ kind: 'planned' });
    expect(
      new Map((verdict.kind === 'planned' ? verdict.placed : []).map((one) => [one.pod.name, one.node])).get(
        'launcher',
      ),
    ).toBe('plain');
  });
});

describe('mixed shapes', () => {
  it('places the big ones first, whatever the order in which they are named', () => {
    const members = [...many(8, whole, 'small'), pod('big', eight)];
    expect(planGang(boardOf(nodes(2, 8), 'spread'), gang(members)).kind).toBe('planned');
  });

  it('fills as tightly as pack does when the policy spreads and that leaves no room', () => {
    const members = [...many(2, fraction(500), 'half'), ...many(3, whole, 'whole')];
    expect(planGang(boardOf(nodes(1, 4), 'spread'), gang(members)).kind).toBe('planned');
  });
});

describe('topology', () => {
  it('takes the tightest domain that has room for all', () => {
    const cluster = [
      ...nodes(4, 8, () => ({ labels: { rack: 'wide' } })),
      ...Array.from({ length: 2 }, (_, at) => node(`t${at}`, 8, { labels: { rack: 'tight' } })),
    ];
    expect(nodesOf(planGang(boardOf(cluster), gang(many(2, eight), { topology: required('rack') })))).toEqual([
      't0',
      't1',
    ]);
  });

  it('waits when no domain is wide enough, and says which comes closest', () => {
    expect(
      planGang(boardOf(nodes(4, 8, racks(2))), gang(many(3, eight), { topology: required('rack') })),
    ).toMatchObject({
      kind: 'refused',
      code: 'gang-topology',
      needed: 3,
    });
  });

  it('spans as few domains as it takes when one is only preferred', () => {
    const used = nodesOf(
      planGang(boardOf(nodes(6, 8, racks(2))), gang(many(3, eight), { topology: preferred('rack') })),
    );
    expect(new Set(used.map((name) => Math.floor(Number(name.slice(1)) / 2))).size).toBe(2);
  });

  it('follows members that are bound already', () => {
    const cluster = boardOf(nodes(4, 8, racks(2)));
    const settled = ['n0003'];
    expect(nodesOf(planGang(cluster, gang(many(1, eight), { topology: required('rack'), settled })))).toEqual([
      'n0002',
    ]);
  });

  it('tells domains of one name in two wider ones apart where the levels are known', () => {
    const cluster = nodes(4, 8, (at) => ({ labels: { block: `b${at % 2}`, rack: 'r1' } }));
    const flat = gang(many(3, eight), { topology: required('rack') });
    expect(planGang(boardOf(cluster), flat).kind).toBe('planned');
    const levels = ['block', 'rack'];
    expect(planGang(boardOf(cluster), { ...flat, topology: { ...flat.topology, levels } }).kind).toBe('refused');
  });
});

describe('sub-groups', () => {
  const children = (count: number, size: number, topology = ANYWHERE): GangGroup[] =>
    Array.from({ length: count }, (_, at) => gang(many(size, eight, `s${at}-`), { name: `s${at}`, topology }));

  it('places each in a rack of its own choice, all in one block', () => {
    const cluster = nodes(8, 8, (at) => ({ labels: { rack: `r${at >> 1}`, block: `b${at >> 2}` } }));
    const tree = gang([], { needed: 0, children: children(2, 2, required('rack')), topology: required('block') });
    const used = nodesOf(planGang(boardOf(cluster), tree)).map((name) => Number(name.slice(1)));
    expect(new Set(used.map((at) => at >> 2)).size).toBe(1);
    expect(used[0]! >> 1).toBe(used[1]! >> 1);
    expect(used[2]! >> 1).toBe(used[3]! >> 1);
  });

  it('leaves out one that has no place when enough others have', () => {
    const tree = gang([], { needed: 0, children: children(3, 2), neededGroups: 2 });
    expect(nodesOf(planGang(boardOf(nodes(5, 8)), tree))).toHaveLength(4);
  });
});

it('looks at a bounded number of nodes', () => {
  const mixed = Array.from({ length: 66 }, (_, at) => pod(`m${at}`, request([need(whole, 5 + (at % 2))])));
  const cluster = boardOf(nodes(64, 8, racks(2)));
  expect(planGang(cluster, gang(mixed), { budget: 100 })).toMatchObject({ kind: 'refused', gaveUp: true, fits: 64 });
  expect(planGang(cluster, gang(mixed))).toMatchObject({ kind: 'refused', gaveUp: false, fits: 64 });
});

it('is whole and within the books, leaves them as they were, and repeats itself', () => {
  const share = fc.constantFrom(fraction(300), fraction(500), whole, memory(30_000), memory(50_000, 200));
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 6 }),
      fc.array(fc.tuple(share, fc.integer({ min: 1, max: 3 })), { minLength: 1, maxLength: 10 }),
      fc.nat(10),
      fc.constantFrom<NodePolicy>('pack', 'spread', 'fgd', 'muster'),
      fc.constantFrom<GangTopology>(ANYWHERE, required('rack'), preferred('rack')),
      (sizes, asked, spare, policy, topology) => {
        const cluster = sizes.map((devices, at) => node(`n${at}`, devices, { labels: { rack: `r${at >> 1}` } }));
        const members = asked.map(([each, count], at) => pod(`m${at}`, request([need(each, count)])));
        const tree = gang(members, { needed: Math.max(1, members.length - spare), topology });
        const board = boardOf(cluster, policy);
        const books = (): string =>
          JSON.stringify([...board.table.values()].map(({ ledger }) => [[...ledger.usedMib], [...ledger.usedMilli]]));
        const before = books();
        const verdict = planGang(board, tree);
        expect(books()).toBe(before);
        expect(planGang(boardOf(cluster, policy), tree)).toEqual(verdict);
        if (verdict.kind === 'refused') return;
        expect(verdict.placed).toHaveLength(tree.needed);
        expect(new Set(verdict.placed.map(({ pod: { uid } }) => uid)).size).toBe(tree.needed);
        if (topology.required !== null) {
          expect(new Set(verdict.placed.map(({ node: name }) => Number(name.slice(1)) >> 1)).size).toBe(1);
        }
        // held ones must fit: the books throw otherwise
        for (const { pod: member, node: name, claim } of verdict.placed)
          board.table.add(name, { uid: member.uid, kind: 'held', claim, needs: member.needs, unclaimed: false });
      },
    ),
    { numRuns: 300 },
  );
});

it('plans members of one shape exactly when they fit one by one', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 5 }),
      fc.constantFrom([fraction(300), 3], [fraction(500), 2], [whole, 1], [fraction(1), 1000]),
      fc.integer({ min: 1, max: 16 }),
      (sizes, [each, perDevice], count) => {
        const cluster = sizes.map((devices, at) => node(`n${at}`, devices));
        const capacity = sizes.reduce((sum, devices) => sum + Math.min(60, devices * (perDevice as number)), 0);
        const verdict = planGang(boardOf(cluster), gang(many(count, each as ReturnType<typeof fraction>)));
        expect(verdict.kind).toBe(count <= capacity ? 'planned' : 'refused');
      },
    ),
    { numRuns: 200 },
  );
});
