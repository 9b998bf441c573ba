import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hostileVariants } from '../../../test/build/hostile-json.ts';
import type { GangObjectFacts } from '../../core/placement/gang/gang-facts.ts';
import { keepGang } from '../kept/keep-objects.ts';
import { projectGang } from './gang.ts';

const group = (apiVersion: string, spec: object) => ({
  apiVersion,
  kind: 'PodGroup',
  metadata: { uid: 'u', namespace: 'team', name: 'g' },
  spec,
});
const of = (apiVersion: string, spec: object): GangObjectFacts => projectGang(group(apiVersion, spec))!;
const nowhere = { required: null, preferred: null };

describe('what a PodGroup says', () => {
  it.each<[string, string, object, Partial<GangObjectFacts>]>([
    [
      'muster.dev: everything',
      'muster.dev/v1alpha1',
      {
        minMember: 3,
        scheduleTimeoutSeconds: 60,
        queue: 'q',
        priorityClassName: 'high',
        topology: { required: 'block', preferred: 'rack' },
        subGroups: [
          { name: 'all', minMember: 0 },
          { name: 'w', parent: 'all', minMember: 2, topology: { required: 'rack' } },
        ],
        onMemberLoss: 'restart',
      },
      {
        key: 'team/g',
        dialect: 'muster',
        minMember: 3,
        waitSeconds: 60,
        queue: 'q',
        priorityClassName: 'high',
        topology: { required: 'block', preferred: 'rack' },
        subGroups: [
          { name: 'all', parent: null, minMember: 0, topology: nowhere },
          { name: 'w', parent: 'all', minMember: 2, topology: { required: 'rack', preferred: null } },
        ],
        onMemberLoss: 'restart',
        problem: null,
      },
    ],
    [
      'coscheduling',
      'scheduling.x-k8s.io/v1alpha1',
      { minMember: 4, scheduleTimeoutSeconds: 10 },
      { dialect: 'coscheduling', minMember: 4, waitSeconds: 10 },
    ],
    [
      'Koordinator’s',
      'scheduling.sigs.k8s.io/v1alpha1',
      { minMember: 4 },
      { dialect: 'coscheduling-old', minMember: 4 },
    ],
    [
      'Volcano',
      'scheduling.volcano.sh/v1beta1',
      { minMember: 4, queue: 'q' },
      { dialect: 'volcano', minMember: 4, queue: 'q' },
    ],
    ['Volcano without a number', 'scheduling.volcano.sh/v1beta1', {}, { minMember: 1, problem: null }],
    [
      'KAI with a topology',
      'scheduling.run.ai/v2alpha2',
      {
        minMember: 1,
        topologyConstraint: { topology: 't', requiredTopologyLevel: 'rack', preferredTopologyLevel: 'host' },
        subGroups: [
          { name: 'a', minMember: 2 },
          { name: 'b', minMember: 1 },
        ],
      },
      { dialect: 'kai', minMember: 3, topology: { required: 'rack', preferred: 'host' }, problem: null },
    ],
    [
      'native',
      'scheduling.k8s.io/v1beta1',
      { schedulingPolicy: { gang: { minCount: 5 } }, schedulingConstraints: { topology: [{ key: 'rack' }] } },
      { dialect: 'native', minMember: 5, topology: { required: 'rack', preferred: null } },
    ],
    [
      'native without the gang policy',
      'scheduling.k8s.io/v1beta1',
      { schedulingPolicy: { basic: {} } },
      { minMember: 1, problem: null },
    ],
  ])('%s', (_, apiVersion, spec, facts) => {
    expect(of(apiVersion, spec)).toMatchObject(facts);
  });

  it.each<[string, string, object, string]>([
    ['zero', 'scheduling.x-k8s.io/v1alpha1', { minMember: 0 }, 'spec.minMember must be a whole number'],
    ['no number', 'muster.dev/v1alpha1', {}, 'spec.minMember must be a whole number'],
    ['a fraction', 'scheduling.k8s.io/v1beta1', { schedulingPolicy: { gang: { minCount: 1.5 } } }, 'minCount must be'],
    [
      'sub-groups that need more',
      'muster.dev/v1alpha1',
      { minMember: 1, subGroups: [{ name: 'a', minMember: 2 }] },
      'less than the 2',
    ],
    [
      'a parent that is none',
      'muster.dev/v1alpha1',
      { minMember: 1, subGroups: [{ name: 'a', parent: 'b', minMember: 1 }] },
      'which is none',
    ],
    [
      'a ring of three',
      'scheduling.run.ai/v2alpha2',
      {
        subGroups: [
          { name: 'a', parent: 'b' },
          { name: 'b', parent: 'c' },
          { name: 'c', parent: 'a' },
        ],
      },
      'its own ancestor',
    ],
    [
      'more sub-groups than there are',
      'scheduling.run.ai/v2alpha2',
      { minSubGroup: 3, subGroups: [{ name: 'a' }, { name: 'b' }, { name: 'c', parent: 'a' }] },
      'from 1 to the number of sub-groups',
    ],
    [
      'none of its children',
      'muster.dev/v1alpha1',
      {
        minMember: 1,
        subGroups: [
          { name: 'a', minSubGroup: 0 },
          { name: 'b', parent: 'a', minMember: 1 },
        ],
      },
      'sub-group a: minSubGroup',
    ],
  ])('%s can never start', (_, apiVersion, spec, problem) => {
    expect(of(apiVersion, spec).problem).toContain(problem);
  });

  it('is nothing where it is of another group, or has no name', () => {
    expect(projectGang(group('example.com/v1', { minMember: 1 }))).toBeNull();
    expect(projectGang({ apiVersion: 'muster.dev/v1alpha1', metadata: { uid: 'u', name: 'g' } })).toBeNull();
  });
});

describe('whatever it is', () => {
  const whole = group('muster.dev/v1alpha1', {
    minMember: 2,
    scheduleTimeoutSeconds: 5,
    queue: 'q',
    topology: { required: 'a', preferred: 'b' },
    topologyConstraint: { requiredTopologyLevel: 'x' },
    schedulingPolicy: { gang: { minCount: 3 } },
    schedulingConstraints: { topology: [{ key: 'k' }] },
    subGroups: [
      { name: 's', parent: 't', minMember: 1, topology: { required: 'c' } },
      { name: 't', minMember: 1, minSubGroup: 1 },
    ],
    minSubGroup: 1,
    onMemberLoss: 'evict',
  });
  it('nothing throws, and what a recording keeps reads the same', () => {
    for (const apiVersion of ['muster.dev/v1alpha1', 'scheduling.run.ai/v2alpha2', 'scheduling.k8s.io/v1beta1'])
      fc.assert(
        fc.property(hostileVariants({ ...whole, apiVersion }), (hostile) => {
          expect(projectGang(JSON.parse(JSON.stringify(keepGang(hostile))))).toEqual(projectGang(hostile));
        }),
      );
  });
});
