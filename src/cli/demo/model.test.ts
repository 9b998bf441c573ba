import { describe, expect, it } from 'vitest';
import type { DemoEvent, KnownDevice, PodFacts } from './events.ts';
import {
  allocatedOf,
  type DemoState,
  initialState,
  reduce,
  runningOf,
  sharesOf,
  waitingOf,
  waitingRowsOf,
} from './model.ts';
import { progressLine, summaryLine } from './plain.ts';

const DEVICES: readonly KnownDevice[] = [0, 1].map((index) => ({ node: 'n1', index, uuid: `GPU-${index}`, mib: 1000 }));
const BY_INDEX: readonly KnownDevice[] = [{ node: 'n2', index: 0, uuid: null, mib: 1000 }];
const START = initialState([
  { name: 'n1', model: 'T4', devices: DEVICES },
  { name: 'n2', model: 'T4', devices: BY_INDEX },
]);

const POD: PodFacts = {
  uid: 'u1',
  name: 'p1',
  team: 'chat',
  gang: '',
  ask: '0.5 GPU',
  urgent: false,
  createdMs: 1000,
  node: '',
  phase: 'Pending',
  message: '',
  reason: '',
  claim: null,
  deleting: false,
  preempted: false,
};
const share = (uuid: string, mib: number, milli: number, index: number | null = null) => ({ uuid, index, mib, milli });
const pod = (facts: Partial<PodFacts>): DemoEvent => ({ atMs: 0, kind: 'pod', pod: { ...POD, ...facts } });
const bound = (facts: Partial<PodFacts>): DemoEvent =>
  pod({ node: 'n1', phase: 'Running', claim: [share('GPU-0', 500, 500)], ...facts });
const gone = (uid: string): DemoEvent => ({ atMs: 0, kind: 'pod-gone', uid });
const node = (name: string, cordoned: boolean): DemoEvent => ({ atMs: 0, kind: 'node', name, cordoned });

const seen = (state: DemoState) => ({
  placed: state.placed,
  running: runningOf(state),
  waiting: waitingOf(state).map((one) => one.name),
  allocated: allocatedOf(state, state.nodes),
  fullest: state.fullest,
  faults: [...state.faults],
  lines: state.lines.map((line) => `${line.kind} ${line.text}`),
});

describe('the model', () => {
  it.each<[string, DemoEvent[], Partial<ReturnType<typeof seen>>]>([
    ['a pod that arrived waits', [pod({})], { placed: 0, waiting: ['p1'], allocated: 0, lines: [] }],
    [
      'a bound pod holds what its claim says',
      [pod({}), bound({})],
      { placed: 1, running: 1, waiting: [], allocated: 167, fullest: 500, lines: ['bound p1 (0.5 GPU) → n1 GPU 0'] },
    ],
    [
      'a pod that is seen again is placed once and holds once',
      [bound({}), bound({ reason: 'x' })],
      { placed: 1, allocated: 167 },
    ],
    [
      'a claim by index is found on a node without uuids',
      [bound({ node: 'n2', claim: [share('', 1000, 1000, 0)] })],
      { allocated: 333, faults: [] },
    ],
    [
      'a claim that comes after the node counts',
      [bound({ claim: null }), bound({})],
      { placed: 1, allocated: 167, fullest: 500 },
    ],
    [
      'an ended pod holds nothing',
      [bound({}), bound({ phase: 'Succeeded' })],
      { running: 0, allocated: 0, fullest: 500 },
    ],
    ['a pod that is gone holds nothing', [bound({}), gone('u1')], { running: 0, allocated: 0, placed: 1 }],
    ['one that nobody knew may be gone', [gone('u9')], { placed: 0 }],
    [
      'compute given away twice is a fault, also after it is over',
      [bound({ claim: [share('GPU-0', 1, 600)] }), bound({ uid: 'u2', claim: [share('GPU-0', 1, 600)] }), gone('u2')],
      { fullest: 1200, faults: ['GPU 0 of n1 is 120.0 % full'] },
    ],
    [
      'one MiB too much is a fault',
      [bound({ claim: [share('GPU-0', 501, 0)] }), bound({ uid: 'u2', claim: [share('GPU-0', 500, 0)] })],
      { fullest: 1001, faults: ['GPU 0 of n1 is 100.1 % full'] },
    ],
    [
      'a device that the node does not have is a fault',
      [bound({ claim: [share('GPU-9', 1, 1)] })],
      { allocated: 0, faults: ['pod p1 claims a device that n1 does not have: GPU-9'] },
    ],
    [
      'a claim that cannot be read is a fault',
      [bound({ claim: 'is not JSON' })],
      { faults: ['the claim of pod p1 is not JSON'] },
    ],
    [
      'a failed pod is a fault, once',
      [bound({}), bound({ phase: 'Failed', message: 'no env' }), bound({ phase: 'Failed', message: 'no env' })],
      { faults: ['pod p1 failed: no env'], allocated: 0 },
    ],
    [
      'urgent pods wait before older ones',
      [pod({}), pod({ uid: 'u2', name: 'p2', urgent: true, createdMs: 2000 })],
      { waiting: ['p2', 'p1'] },
    ],
    [
      'a gang that has started is told when its last pod is bound',
      [pod({ gang: 'g' }), bound({ uid: 'u2', name: 'p2', gang: 'g', claim: null }), bound({ gang: 'g' })],
      {
        lines: ['bound p2 (0.5 GPU) → n1', 'bound p1 (0.5 GPU) → n1 GPU 0', 'bound gang g: all 2 pods, together'],
      },
    ],
    ['a pod that is deleted while it waits waits no more', [pod({}), pod({ deleting: true })], { waiting: [] }],
    [
      'a preempted pod is told once',
      [bound({}), bound({ preempted: true }), bound({ preempted: true, deleting: true })],
      { lines: ['bound p1 (0.5 GPU) → n1 GPU 0', 'preempted p1 on n1 makes room for a pod of higher priority'] },
    ],
    [
      'a drained node tells of its evictions and of its last pod',
      [bound({}), node('n1', true), bound({ deleting: true }), gone('u1'), node('n1', false)],
      {
        lines: [
          'bound p1 (0.5 GPU) → n1 GPU 0',
          'cordoned n1 takes no new pods',
          'evicted p1 (0.5 GPU) from n1, which is drained',
          'drained n1 is empty',
          'uncordoned n1 takes pods again',
        ],
      },
    ],
    [
      'an empty node is drained at once',
      [node('n2', true)],
      { lines: ['cordoned n2 takes no new pods', 'drained n2 is empty'] },
    ],
    ['a node that is as it was is no news', [node('n1', false)], { lines: [] }],
    [
      'what the user did is told',
      [{ atMs: 0, kind: 'said', what: 'load', text: '30 pods more' }],
      { lines: ['load 30 pods more'] },
    ],
  ])('%s', (_what, events, expected) => {
    expect(seen(reduce(START, events))).toMatchObject(expected);
    // one by one or all at once, it is the same
    expect(seen(events.reduce((state, event) => reduce(state, [event]), START))).toMatchObject(expected);
  });

  it('leaves the state that it was given alone', () => {
    const before = reduce(START, [bound({})]);
    reduce(before, [gone('u1'), node('n1', true), bound({ uid: 'u2', claim: [share('GPU-0', 900, 900)] })]);
    expect(seen(before)).toEqual(seen(reduce(START, [bound({})])));
    expect(sharesOf(before, DEVICES[0]!)).toHaveLength(1);
  });

  it('keeps a bounded number of lines, and rare ones longer than frequent ones', () => {
    const many = Array.from({ length: 500 }, (_, at) => bound({ uid: `u${at}`, claim: null }));
    const state = reduce(START, [node('n2', true), ...many]);
    expect(state.lines).toHaveLength(102);
    expect(state.lines[0]?.kind).toBe('cordoned');
  });

  it('follows the extender through its death', () => {
    const change = (one: Extract<DemoEvent, { kind: 'extender' }>['change']): DemoEvent => ({
      atMs: 0,
      kind: 'extender',
      change: one,
    });
    const up = reduce(START, [
      change({ state: 'started', pid: 7 }),
      change({ state: 'rebuilt', pid: 7, devices: 3, ms: 900 }),
      change({ state: 'deciding', pid: 7, leadership: 'host holds the Lease' }),
      bound({}),
    ]);
    expect(up.extender).toEqual({ state: 'deciding', pid: 7, kills: 0 });
    const down = reduce(up, [change({ state: 'ended', pid: 7, how: 'SIGKILL' })]);
    expect(down.extender).toEqual({ state: 'down', pid: 7, kills: 1 });
    const again = reduce({ ...down, lines: [] }, [
      change({ state: 'started', pid: 8 }),
      change({ state: 'rebuilt', pid: 8, devices: 3, ms: 900 }),
      change({ state: 'deciding', pid: 8, leadership: 'host holds the Lease' }),
    ]);
    expect(again.extender).toEqual({ state: 'deciding', pid: 8, kills: 1 });
    expect(seen(again).lines).toEqual([
      'started a new extender, pid 8, reads the cluster from the API',
      'rebuilt its books, from the API alone, after 0.9 s: 3 GPUs; 1 pods there hold claims',
      'leader extender pid 8 decides: host holds the Lease',
    ]);
  });
});

describe('the plain lines', () => {
  it('say how it goes, and how it went', () => {
    const state = reduce(START, [bound({}), pod({ uid: 'u2', name: 'p2', reason: '2 GPU devices are full.' })]);
    expect(progressLine(state, 1000, 1)).toBe(
      '  1 s  placed 1  1.0 pods/s  running 1  GPUs 16 % full  waiting 1 (p2: GPU devices are full (2 nodes))',
    );
    expect(summaryLine(state, 1000)).toBe(
      'placed 1 pods on 1 devices (1.0 pods/s), 1 waiting, max device 50 %, none ever over 100 %',
    );
  });
});

it('a gang that waits is one line, with the reason that one of its pods was given', () => {
  const member = (at: number, reason: string) =>
    pod({ uid: `u${at}`, name: `g-${at}`, gang: 'g', createdMs: at, reason });
  const state = reduce(initialState([]), [member(1, ''), pod({ uid: 'x', name: 'x', createdMs: 2 }), member(3, 'why')]);
  expect(waitingRowsOf(state).map(({ name, ask, reason }) => `${name} ${ask} ${reason}`)).toEqual([
    'g 2 × 0.5 GPU why',
    'x 0.5 GPU ',
  ]);
});
