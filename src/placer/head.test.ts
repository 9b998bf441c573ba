/** Who is shown without a place: gangs whole or not at all, and nobody whom showing does not help. */
import { beforeEach, expect, it } from 'vitest';
import { gangSaid, need, pod, request, whole } from '../../test/build/facts.ts';
import { Picture } from '../cluster/picture.ts';
import { PLACEMENT_GATE } from '../core/names.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import type { ReasonCode } from '../core/reasons.ts';
import { Head } from './head.ts';
import { Line } from './line.ts';
import { type Known, nothingKnown } from './next-write.ts';

const GATED = { gated: true, gates: [PLACEMENT_GATE] };
const one = request([need(whole)]);
let picture: Picture;
let line: Line;
let known: Map<string, Known>;
let head: Head;
beforeEach(() => {
  picture = new Picture();
  line = new Line(['muster-scheduler']);
  known = new Map();
  head = new Head({ picture, line, known: (uid) => known.get(uid) });
});

const wait = (each: PodFacts): void => {
  picture.upsertPod(each);
  line.update(each.uid, each);
};
const refuse = (uid: string, code: ReasonCode, asGang: boolean): void => {
  known.set(uid, { ...nothingKnown(), code, asGang });
};
const member = (at: number, over: object = GATED): PodFacts =>
  pod(`g${at}`, one, { ...over, gangSaid: gangSaid('g', 3) });
const gang = (code: ReasonCode = 'gang-no-room', asGang = true): void => {
  for (const at of [1, 2, 3]) {
    wait(member(at));
    refuse(`uid-g${at}`, code, asGang);
  }
};
const ALL = ['uid-g1', 'uid-g2', 'uid-g3'];

it('a gang of which one member has not been told yet is not shown at all, then whole', () => {
  gang();
  known.delete('uid-g2');
  expect(head.toExpose(10)).toEqual([]);
  refuse('uid-g2', 'gang-no-room', true);
  expect(head.toExpose(10)).toEqual(ALL);
});

it('a gang that does not go into what is left waits as a whole, and so does who comes after it', () => {
  wait(pod('a', one, { ...GATED, createdMs: -1 }));
  refuse('uid-a', 'gpu-full', false);
  gang();
  wait(pod('z', one, { ...GATED, createdMs: 9_000_000_000_000 }));
  refuse('uid-z', 'gpu-full', false);
  expect(head.toExpose(3)).toEqual(['uid-a']);
});

it('the rest of one that was shown in part follows, whatever there may be', () => {
  gang();
  wait(member(1, { gated: false, gates: [], unplacedReason: 'GangNoRoom' }));
  head.notice('uid-g1');
  expect(head.toExpose(1)).toEqual(['uid-g2', 'uid-g3']);
});

it.each(['gang-late', 'gang-incomplete', 'victims-terminating'] as const)('nobody is shown who was told %s', (code) => {
  gang(code);
  expect(head.toExpose(10)).toEqual([]);
});

it('members of a gang that runs are shown one by one', () => {
  gang('gpu-full', false);
  expect(head.toExpose(2)).toEqual(ALL.slice(0, 2));
});

it('whoever is bound, has a place or is gone is looked at no more', () => {
  gang();
  for (const uid of head.toExpose(10)) known.get(uid)!.through = true;
  expect(head.toExpose(10)).toEqual([]);
  expect(head.shown).toBe(3);
  line.update('uid-g1', undefined);
  line.update('uid-g2', { ...member(2), nodeName: 'n0' });
  known.get('uid-g3')!.code = null;
  head.toExpose(10);
  expect(head.shown).toBe(0);
});
