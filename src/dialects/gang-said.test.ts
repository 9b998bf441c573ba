import fc from 'fast-check';
import { expect, it } from 'vitest';
import { pod } from '../../test/build/asking-pods.ts';
import { gangOf } from './gang.ts';
import { gangSaid } from './gang-said.ts';

type Said = { native?: string; labels?: Record<string, string>; annotations?: Record<string, string> };
const of = ({ native = '', labels = {}, annotations = {} }: Said) =>
  pod(annotations, native === '' ? {} : { schedulingGroup: { podGroupName: native } }, labels);

const koordinator = (more: Record<string, string>): Said => ({
  annotations: { 'gang.scheduling.koordinator.sh/name': 'g', ...more },
});

const cases: [string, Said, object | null][] = [
  ['a pod alone', {}, null],
  ['a native group', { native: 'g' }, { dialect: 'native', minMember: null }],
  [
    'the label and the annotation of Muster',
    {
      labels: { 'muster.dev/pod-group': 'g', 'muster.dev/sub-group': 'workers' },
      annotations: { 'muster.dev/min-member': '4' },
    },
    { dialect: 'muster', minMember: 4, subGroup: 'workers', problem: null },
  ],
  ['coscheduling', { labels: { 'scheduling.x-k8s.io/pod-group': 'g' } }, { dialect: 'coscheduling', minMember: null }],
  ['its older label', { labels: { 'pod-group.scheduling.sigs.k8s.io': 'g' } }, { dialect: 'coscheduling-old' }],
  [
    'its light form',
    { labels: { 'pod-group.scheduling.sigs.k8s.io/name': 'g', 'pod-group.scheduling.sigs.k8s.io/min-available': '3' } },
    { dialect: 'coscheduling-light', minMember: 3 },
  ],
  [
    'KAI',
    {
      labels: { 'kai.scheduler/subgroup-name': 'a' },
      annotations: { 'pod-group-name': 'g', 'kai.scheduler/batch-min-member': '2' },
    },
    { dialect: 'kai', minMember: 2, subGroup: 'a' },
  ],
  [
    'Volcano',
    { annotations: { 'scheduling.k8s.io/group-name': 'g', 'scheduling.volcano.sh/group-min-member': '5' } },
    { dialect: 'volcano', minMember: 5 },
  ],
  [
    'Kueue',
    { labels: { 'kueue.x-k8s.io/pod-group-name': 'g' }, annotations: { 'kueue.x-k8s.io/pod-group-total-count': '6' } },
    { dialect: 'kueue', minMember: 6, total: 6 },
  ],
  [
    'Koordinator',
    koordinator({
      'gang.scheduling.koordinator.sh/min-available': '2',
      'gang.scheduling.koordinator.sh/total-number': '3',
      'gang.scheduling.koordinator.sh/waiting-time': '1h1m0.5s',
      'gang.scheduling.koordinator.sh/mode': 'NonStrict',
      'gang.scheduling.koordinator.sh/groups': '["lab/g", "lab/b", "lab/a", "lab/b"]',
    }),
    { dialect: 'koordinator', minMember: 2, total: 3, waitSeconds: 3661, strict: false, together: ['lab/a', 'lab/b'] },
  ],
  [
    'a minimum of zero',
    { labels: { 'muster.dev/pod-group': 'g' }, annotations: { 'muster.dev/min-member': '0' } },
    { minMember: null, problem: 'annotation muster.dev/min-member: "0": write a whole number from 1 to 100000' },
  ],
  [
    'a minimum that the group can never reach',
    koordinator({
      'gang.scheduling.koordinator.sh/min-available': '4',
      'gang.scheduling.koordinator.sh/total-number': '3',
    }),
    {
      problem:
        'annotation gang.scheduling.koordinator.sh/min-available: "4": larger than annotation gang.scheduling.koordinator.sh/total-number: "3"; the gang can never be complete',
    },
  ],
  [
    'a list of gangs that is none',
    koordinator({ 'gang.scheduling.koordinator.sh/groups': 'lab/b' }),
    {
      together: [],
      problem:
        'annotation gang.scheduling.koordinator.sh/groups: "lab/b": write a JSON list of at most 64 namespace/gang',
    },
  ],
  [
    'a waiting time that is none',
    koordinator({ 'gang.scheduling.koordinator.sh/waiting-time': 'soon' }),
    { waitSeconds: null },
  ],
];

it.each(cases)('%s', (_, said, expected) => {
  const read = gangSaid(of(said));
  if (expected === null) expect(read).toBeNull();
  else expect(read).toMatchObject({ key: 'lab/g', ...expected });
});

it('names the same gang as the identity does, whatever lines a pod carries', () => {
  const keys = fc.constantFrom(
    'muster.dev/pod-group',
    'scheduling.x-k8s.io/pod-group',
    'pod-group.scheduling.sigs.k8s.io',
    'pod-group.scheduling.sigs.k8s.io/name',
    'pod-group-name',
    'scheduling.k8s.io/group-name',
    'scheduling.volcano.sh/group-name',
    'gang.scheduling.koordinator.sh/name',
    'kueue.x-k8s.io/pod-group-name',
  );
  const lines = fc.dictionary(keys, fc.constantFrom('', 'a', 'b'));
  fc.assert(
    fc.property(fc.constantFrom('', 'n'), lines, lines, (native, labels, annotations) => {
      const said = of({ native, labels, annotations });
      expect(gangSaid(said)?.key ?? null).toBe(gangOf(said));
    }),
  );
});
