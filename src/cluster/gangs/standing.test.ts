import { describe, expect, it } from 'vitest';
import { fraction, gangSaid, pod, podGroup } from '../../../test/build/facts.ts';
import type { GangObjectFacts, GangSaid } from '../../core/placement/gang/gang-facts.ts';
import type { PodFacts } from '../../core/placement/pod-facts.ts';
import { Gangs } from './gangs.ts';
import { groupToPlan, standingOf } from './standing.ts';

const KEY = 'team/g';
const said = (over: Partial<GangSaid> = {}): GangSaid => gangSaid('g', null, over);
const object = (over: Partial<GangObjectFacts> = {}): GangObjectFacts => podGroup('g', { uid: 'u', ...over });
const member = (name: string, over: Partial<PodFacts> = {}, says: Partial<GangSaid> = {}): PodFacts =>
  pod(name, fraction(500), { gang: KEY, gangSaid: said(says), ...over });

function standing(pods: readonly PodFacts[], of: GangObjectFacts | null = null) {
  const gangs = new Gangs();
  for (const one of pods) gangs.upsertPod(one);
  if (of !== null) gangs.upsertObject(of);
  return standingOf(gangs.get(KEY)!)!;
}
const two = { minMember: 2 };
const sub = (name: string, minMember: number, parent: string | null = null) => ({
  name,
  parent,
  minMember,
  topology: { required: null, preferred: null },
});

describe('who is wrong or missing', () => {
  const cases: [string, PodFacts[], GangObjectFacts | null, string | null, string][] = [
    ['all are there', [member('a', {}, two), member('b', {}, two)], null, null, ''],
    ['one is missing', [member('a', {}, two)], null, 'gang-incomplete', '1 of 2 members are there'],
    [
      'one is on its way out',
      [member('a', {}, two), member('b', { terminating: true }, two)],
      null,
      'gang-incomplete',
      '1 of 2 members are there',
    ],
    [
      'one has failed',
      [member('a', {}, two), member('b', { terminal: true }, two)],
      null,
      'gang-incomplete',
      '1 of 2 members are there',
    ],
    [
      'one has succeeded',
      [member('a', {}, two), member('b', { terminal: true, succeeded: true }, two)],
      null,
      null,
      '',
    ],
    [
      'nobody says how many',
      [member('a')],
      null,
      'gang-incomplete',
      'no PodGroup of this name and no annotation muster.dev/min-member says how many members start together',
    ],
    ['its object says how many', [member('a')], object(), 'gang-incomplete', '1 of 2 members are there'],
    [
      'an object of another CRD says nothing',
      [member('a', {}, two), member('b', {}, two)],
      object({ dialect: 'kai', minMember: 9 }),
      null,
      '',
    ],
    [
      'members disagree',
      [member('a', {}, two), member('b', {}, { minMember: 3 })],
      null,
      'gang-invalid',
      'pod team/a says that 2 members start together, pod team/b says 3; write the same number',
    ],
    [
      'object and pod disagree',
      [member('a', {}, two)],
      object({ minMember: 3 }),
      'gang-invalid',
      'PodGroup team/g has minMember 3, pod team/a says 2; keep one of them',
    ],
    [
      'two schedulers',
      [member('a', {}, two), member('b', { schedulerName: 'other' }, two)],
      null,
      'gang-invalid',
      'pod team/a names the scheduler muster-scheduler, pod team/b names other; members of a gang must name the same one',
    ],
    [
      'a sub-group that is none',
      [member('a', {}, { subGroup: 'x' })],
      object(),
      'gang-invalid',
      'pod team/a is in sub-group x, which PodGroup team/g does not have',
    ],
    [
      'a sub-group is short',
      [member('a', {}, { subGroup: 'w' }), member('b')],
      object({ subGroups: [sub('w', 2)] }),
      'gang-incomplete',
      '1 of 2 members of sub-group w are there',
    ],
    ['a line is malformed', [member('a', {}, { problem: 'annotation x' })], null, 'gang-invalid', 'annotation x'],
  ];
  it.each(cases)('%s', (_, pods, of, code, detail) => {
    expect(standing(pods, of)).toMatchObject({ code, detail });
  });
});

describe('what is to be planned', () => {
  const none = () => null;
  it('is the minimum, with all who wait as candidates, oldest first', () => {
    const group = groupToPlan(
      standing([
        member('b', { createdMs: 2 }, two),
        member('c', { createdMs: 3 }, two),
        member('a', { createdMs: 4 }, two),
      ]),
      none,
    );
    expect(group).toMatchObject({ needed: 2, members: [{ name: 'b' }, { name: 'c' }, { name: 'a' }], settled: [] });
  });
  it('is what is missing beside those that run or are held', () => {
    const three = { minMember: 3 };
    const of = standing([member('a', { nodeName: 'n1' }, three), member('b', {}, three), member('c', {}, three)]);
    expect(groupToPlan(of, (uid) => (uid === 'uid-b' ? 'n2' : null))).toMatchObject({
      needed: 1,
      members: [{ name: 'c' }],
      settled: ['n1', 'n2'],
    });
  });
  it('is nothing when the minimum runs: further members are placed one by one', () => {
    expect(
      groupToPlan(
        standing([member('a', { nodeName: 'n1' }, two), member('b', { nodeName: 'n1' }, two), member('c', {}, two)]),
        none,
      ),
    ).toBeNull();
  });
  it('is each sub-group’s minimum, and the rest of the gang’s from members of none', () => {
    const of = standing(
      [
        member('a', {}, { subGroup: 'w' }),
        member('b', {}, { subGroup: 'w' }),
        member('c', {}, { subGroup: 'p' }),
        member('d'),
      ],
      object({ minMember: 4, subGroups: [sub('w', 2), sub('p', 1)] }),
    );
    expect(groupToPlan(of, none)).toMatchObject({
      needed: 1,
      members: [{ name: 'd' }],
      neededGroups: 2,
      children: [
        { name: 'w', needed: 2 },
        { name: 'p', needed: 1 },
      ],
    });
  });
  it('leaves out a sub-group that is complete', () => {
    const of = standing(
      [member('a', { nodeName: 'n' }, { subGroup: 'w' }), member('c', {}, { subGroup: 'p' })],
      object({ minMember: 2, subGroups: [sub('w', 1), sub('p', 1)] }),
    );
    expect(groupToPlan(of, none)).toMatchObject({
      needed: 0,
      settled: ['n'],
      neededGroups: 1,
      children: [{ name: 'p' }],
    });
  });
});

describe('sub-groups of which fewer than all are needed', () => {
  const none = () => null;
  const inGroup = (group: string, count: number, over: Partial<PodFacts> = {}): PodFacts[] =>
    Array.from({ length: count }, (_, at) => member(`${group}-${at}`, over, { subGroup: group }));
  const oneOf = object({ minMember: 2, minSubGroup: 1, subGroups: [sub('a', 2), sub('b', 2)] });

  it('are enough when so many of them are whole, and not when their members are spread', () => {
    expect(standing(inGroup('b', 2), oneOf)).toMatchObject({ code: null });
    expect(standing([...inGroup('a', 1), ...inGroup('b', 1)], oneOf)).toMatchObject({
      code: 'gang-incomplete',
      detail: '0 of 1 sub-groups are there',
    });
    expect(standing([...inGroup('a', 1), ...inGroup('b', 1)], { ...oneOf, minSubGroup: 2 }).code).toBe(
      'gang-incomplete',
    );
  });

  it('are all offered to the planner, which places as many as are needed', () => {
    const group = groupToPlan(standing([...inGroup('a', 2), ...inGroup('b', 2)], oneOf), none);
    expect(group).toMatchObject({
      needed: 0,
      neededGroups: 1,
      children: [
        { name: 'a', needed: 2 },
        { name: 'b', needed: 2 },
      ],
    });
  });

  it('come first where members of them have a place already, and nothing is missing once enough are whole', () => {
    const begun = [
      ...inGroup('a', 2),
      member('b-0', { nodeName: 'n' }, { subGroup: 'b' }),
      member('b-1', {}, { subGroup: 'b' }),
    ];
    expect(groupToPlan(standing(begun, oneOf), none)).toMatchObject({
      neededGroups: 1,
      children: [{ name: 'b', needed: 1 }, { name: 'a' }],
    });
    expect(groupToPlan(standing([...inGroup('a', 2), ...inGroup('b', 2, { nodeName: 'n' })], oneOf), none)).toBeNull();
  });

  it('leave the rest of the minimum to members of none', () => {
    const group = groupToPlan(standing([...inGroup('a', 2), member('c')], { ...oneOf, minMember: 3 }), none);
    expect(group).toMatchObject({ needed: 1, members: [{ name: 'c' }], neededGroups: 1 });
  });

  it('may be below a sub-group of their own', () => {
    const nested = object({
      minMember: 1,
      subGroups: [{ ...sub('top', 0), minSubGroup: 1 }, sub('left', 1, 'top'), sub('right', 1, 'top')],
    });
    expect(standing(inGroup('right', 1), nested)).toMatchObject({ code: null });
    expect(groupToPlan(standing(inGroup('right', 1), nested), none)).toMatchObject({
      neededGroups: 1,
      children: [{ name: 'top', neededGroups: 1, children: [{ name: 'left' }, { name: 'right' }] }],
    });
  });
});

it('forgets a gang when its last member and its object are gone', () => {
  const gangs = new Gangs();
  gangs.upsertPod(member('a'));
  gangs.upsertObject(object());
  gangs.removePod('uid-a');
  expect(gangs.get(KEY)).toBeDefined();
  gangs.removeObject(KEY, 'muster');
  expect(gangs.get(KEY)).toBeUndefined();
  expect([...gangs.takeChanged()]).toEqual([KEY]);
});

it('moves a pod that names another gang now', () => {
  const gangs = new Gangs();
  gangs.upsertPod(member('a'));
  gangs.upsertPod(member('a', { gang: 'team/h' }, { key: 'team/h' }));
  expect(gangs.get(KEY)).toBeUndefined();
  expect(gangs.of('uid-a')?.key).toBe('team/h');
});
