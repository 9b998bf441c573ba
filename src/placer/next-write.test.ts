import { describe, expect, it } from 'vitest';
import { pod, whole } from '../../test/build/facts.ts';
import type { Hold } from '../cluster/holds.ts';
import type { Plan } from '../core/placement/plan.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import { type Known, nextWrite, nothingKnown } from './next-write.ts';

const CLAIM = {
  containers: [
    {
      name: 'main',
      slot: 'c0' as const,
      sidecar: false,
      devices: [{ uuid: 'GPU-1', index: 0, mib: 80_000, milli: 1000 }],
    },
  ],
};
const hold = (over: Partial<Hold> = {}): Hold => ({
  pod: pod('a', whole),
  node: 'n0',
  claim: CLAIM,
  cause: 'planned',
  gang: null,
  ranked: ['n0'],
  victims: [],
  state: 'open',
  deadline: 1,
  since: 0,
  ...over,
});
const PLAN: Plan = { node: 'n0', claim: CLAIM, gang: null, until: 1 };
const GATED: Partial<PodFacts> = { gated: true, gates: ['muster.dev/placement'] };
const SAID: Partial<PodFacts> = { nominatedNode: 'n0', plan: PLAN };
const mine = hold();

type Case = readonly [
  what: string,
  pod: Partial<PodFacts>,
  hold: Hold | undefined,
  known: Partial<Known>,
  write: string | null,
];
const CASES: readonly Case[] = [
  ['a gated pod with a place lacks its nomination', GATED, mine, {}, 'nominate'],
  ['which was written', GATED, mine, { nominated: mine }, 'lift'],
  ['which it carries, written by an earlier process', { ...GATED, ...SAID }, mine, {}, 'lift'],
  ['and nothing once the gate is off', SAID, mine, {}, null],
  ['or is off as far as is known', { ...GATED, ...SAID }, mine, { lifted: true }, null],
  ['a nomination on another node is written anew', { ...GATED, ...SAID, nominatedNode: 'n1' }, mine, {}, 'nominate'],
  ['so is one with other devices', { ...SAID, plan: { ...PLAN, claim: null } }, mine, {}, 'nominate'],
  ['a pod without a gate needs no nomination', {}, mine, {}, null],
  ['unless it is wanted', {}, mine, { wanted: true }, 'nominate'],
  ['nothing while a Binding is on its way', { ...GATED, ...SAID }, hold({ state: 'binding' }), {}, null],
  ['nor while filter holds another place for it', SAID, hold({ cause: 'tentative', node: 'n1' }), {}, null],
  ['a plan without a hold is withdrawn', SAID, undefined, {}, 'withdraw'],
  ['once', SAID, undefined, { withdrawn: PLAN }, null],
  ['one that cannot be read too', { plan: 'malformed' }, undefined, {}, 'withdraw'],
  ['a nomination of others is left alone', { nominatedNode: 'n0' }, undefined, {}, null],
  ['a reason is written', GATED, undefined, { code: 'gpu-full' }, 'report'],
  ['not if it stands there', { ...GATED, unplacedReason: 'GpuFull' }, undefined, { code: 'gpu-full' }, null],
  ['nor before its time', GATED, undefined, { code: 'gpu-full', reportAt: 1_001 }, null],
  [
    'and then the gate is lifted for those let through',
    { ...GATED, unplacedReason: 'GpuFull' },
    undefined,
    { code: 'gpu-full', through: true },
    'lift',
  ],
  [
    'but not while others hold it back',
    { gated: true, gates: ['muster.dev/placement', 'x'] },
    undefined,
    { through: true },
    null,
  ],
  ['nothing for a bound pod', { ...SAID, nodeName: 'n0' }, undefined, { code: 'gpu-full' }, null],
  ['nothing for one on its way out', { ...SAID, terminating: true }, undefined, {}, null],
];

describe('the next write', () => {
  it.each(CASES)('%s', (_, over, held, known, write) => {
    const next = nextWrite(pod('a', whole, over), held, { ...nothingKnown(), ...known }, 1_000);
    expect(next?.kind ?? null).toBe(write);
  });

  it('takes the nomination away only if it is the plan’s', () => {
    const next = (nominatedNode: string | null) =>
      nextWrite(pod('a', whole, { ...SAID, nominatedNode }), undefined, nothingKnown(), 0);
    expect([next('n0'), next('n1')]).toMatchObject([{ nominated: true }, { nominated: false }]);
  });

  it('leaves the nomination of a preemptor that waits for its victims on the node of an old plan', () => {
    const freed = (node: string) =>
      nextWrite(pod('a', whole, SAID), hold({ cause: 'awaiting', node }), nothingKnown(), 0);
    expect([freed('n0'), freed('n1')]).toMatchObject([
      { kind: 'withdraw', nominated: false },
      { kind: 'withdraw', nominated: true },
    ]);
  });
});
