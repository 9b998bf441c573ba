import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { admits, type ConstrainedNode, constraintsKey, NO_CONSTRAINTS, preference } from './constraints.ts';
import type { Taint } from './node-facts.ts';
import type { NodeConstraints, NodeRequirement, Toleration } from './pod-facts.ts';

const node = (part: Partial<ConstrainedNode> = {}): ConstrainedNode => ({
  name: 'a',
  labels: {},
  taints: [],
  cordoned: false,
  ready: true,
  ...part,
});
const pod = (part: Partial<NodeConstraints> = {}): NodeConstraints => ({ ...NO_CONSTRAINTS, ...part });
const tolerate = (key: string, part: Partial<Toleration> = {}): Toleration => ({
  key,
  operator: 'Exists',
  value: '',
  effect: '',
  ...part,
});
const needs = (
  key: string,
  operator: NodeRequirement['operator'],
  values: string[] = [],
  field = false,
): NodeRequirement => ({ key, operator, values, field });

describe('taints', () => {
  const gpu: Taint = { key: 'gpu', value: 'yes', effect: 'NoSchedule' };
  const sla: Taint = { key: 'sla', value: '950', effect: 'NoExecute' };
  test.each<[string, Taint, Toleration[], boolean]>([
    ['nothing tolerates it', gpu, [], false],
    ['PreferNoSchedule keeps nobody away', { ...gpu, effect: 'PreferNoSchedule' }, [], true],
    ['NoExecute keeps away too', { ...gpu, effect: 'NoExecute' }, [], false],
    ['Exists takes every value', gpu, [tolerate('gpu')], true],
    ['Exists without key takes everything', gpu, [tolerate('')], true],
    ['another key does not help', gpu, [tolerate('cpu')], false],
    ['Equal wants the value', gpu, [tolerate('gpu', { operator: 'Equal', value: 'yes' })], true],
    ['Equal with another value does not help', gpu, [tolerate('gpu', { operator: 'Equal', value: 'no' })], false],
    ['the effect must be the same', gpu, [tolerate('gpu', { effect: 'NoExecute' })], false],
    ['the same effect helps', gpu, [tolerate('gpu', { effect: 'NoSchedule' })], true],
    ['Gt: the taint is greater', sla, [tolerate('sla', { operator: 'Gt', value: '900' })], true],
    ['Gt: the taint is equal', sla, [tolerate('sla', { operator: 'Gt', value: '950' })], false],
    ['Lt: the taint is less', sla, [tolerate('sla', { operator: 'Lt', value: '1000' })], true],
    [
      'Lt compares numbers, not texts',
      { ...sla, value: '9' },
      [tolerate('sla', { operator: 'Lt', value: '10' })],
      true,
    ],
    ['Lt: the toleration is no number', sla, [tolerate('sla', { operator: 'Lt', value: 'x' })], false],
    ['Gt: the taint is no number', gpu, [tolerate('gpu', { operator: 'Gt', value: '1' })], false],
  ])('%s', (_, taint, tolerations, fits) => {
    expect(admits(node({ taints: [taint] }), pod({ tolerations }))).toBe(fits ? null : 'node-taint');
  });

  test('every taint needs its toleration', () => {
    const taints = [gpu, sla];
    expect(admits(node({ taints }), pod({ tolerations: [tolerate('gpu')] }))).toBe('node-taint');
    expect(admits(node({ taints }), pod({ tolerations: [tolerate('gpu'), tolerate('sla')] }))).toBeNull();
  });
});

describe('cordon and readiness', () => {
  test.each<[string, Partial<ConstrainedNode>, Toleration[], ReturnType<typeof admits>]>([
    ['a cordoned node', { cordoned: true }, [], 'node-cordoned'],
    ['its toleration', { cordoned: true }, [tolerate('node.kubernetes.io/unschedulable')], null],
    [
      'its toleration for another effect',
      { cordoned: true },
      [tolerate('node.kubernetes.io/unschedulable', { effect: 'NoExecute' })],
      'node-cordoned',
    ],
    ['a node that is not ready', { ready: false }, [], 'node-not-ready'],
    ['its toleration', { ready: false }, [tolerate('node.kubernetes.io/not-ready')], null],
    ['the one for unreachable nodes', { ready: false }, [tolerate('node.kubernetes.io/unreachable')], null],
    [
      'the toleration every pod gets by default',
      { ready: false },
      [tolerate('node.kubernetes.io/not-ready', { effect: 'NoExecute' })],
      'node-not-ready',
    ],
    [
      'a tolerated cordon does not excuse unreadiness',
      { cordoned: true, ready: false },
      [tolerate('node.kubernetes.io/unschedulable')],
      'node-not-ready',
    ],
  ])('%s', (_, part, tolerations, code) => {
    expect(admits(node(part), pod({ tolerations }))).toBe(code);
  });
});

describe('node selector and affinity', () => {
  const labels = { zone: 'x', size: '10', empty: '', word: 'ten' };
  test.each<[NodeRequirement, boolean]>([
    [needs('zone', 'In', ['x', 'y']), true],
    [needs('zone', 'In', ['y']), false],
    [needs('zone', 'In', []), false],
    [needs('none', 'In', ['x']), false],
    [needs('empty', 'In', ['']), true],
    [needs('none', 'In', ['']), false],
    [needs('zone', 'NotIn', ['y']), true],
    [needs('zone', 'NotIn', ['x', 'y']), false],
    [needs('none', 'NotIn', ['x']), true],
    [needs('zone', 'NotIn', []), false],
    [needs('empty', 'Exists'), true],
    [needs('none', 'Exists'), false],
    [needs('zone', 'Exists', ['x']), false],
    [needs('none', 'DoesNotExist'), true],
    [needs('zone', 'DoesNotExist'), false],
    [needs('constructor', 'Exists'), false],
    [needs('constructor', 'DoesNotExist'), true],
    [needs('constructor', 'NotIn', ['a', 'b']), true],
    [needs('__proto__', 'Exists'), false],
    [needs('size', 'Gt', ['9']), true],
    [needs('size', 'Gt', ['10']), false],
    [needs('size', 'Gt', ['-1']), true],
    [needs('size', 'Lt', ['11']), true],
    [needs('size', 'Lt', ['9223372036854775807']), true],
    [needs('size', 'Lt', ['9223372036854775808']), false],
    [needs('size', 'Lt', ['11', '12']), false],
    [needs('size', 'Gt', ['1.5']), false],
    [needs('word', 'Lt', ['11']), false],
    [needs('none', 'Lt', ['11']), false],
    [needs('metadata.name', 'In', ['a'], true), true],
    [needs('metadata.name', 'In', ['b'], true), false],
    [needs('metadata.name', 'In', ['a', 'b'], true), false],
    [needs('metadata.name', 'NotIn', ['b'], true), true],
    [needs('metadata.name', 'Exists', [], true), false],
    [needs('metadata.uid', 'NotIn', ['b'], true), false],
  ])('%j: %s', (requirement, matches) => {
    const requiredTerms = [[requirement]];
    expect(admits(node({ labels }), pod({ requiredTerms }))).toBe(matches ? null : 'node-selector');
    expect(preference(node({ labels }), [{ weight: 7, term: [requirement] }])).toBe(matches ? 7 : 0);
  });

  test.each<[string, Partial<NodeConstraints>, boolean]>([
    ['all labels of the selector are wanted', { nodeSelector: { zone: 'x', size: '11' } }, false],
    ['a matching selector', { nodeSelector: { zone: 'x', empty: '' } }, true],
    ['an empty text is not an absent label', { nodeSelector: { none: '' } }, false],
    ['no required affinity', { requiredTerms: null }, true],
    ['required affinity without terms matches nothing', { requiredTerms: [] }, false],
    ['a term without requirements matches nothing', { requiredTerms: [[]] }, false],
    [
      'one term of several is enough',
      { requiredTerms: [[], [needs('none', 'Exists')], [needs('zone', 'Exists')]] },
      true,
    ],
    [
      'a term wants all its requirements',
      { requiredTerms: [[needs('zone', 'Exists'), needs('none', 'Exists')]] },
      false,
    ],
    [
      'selector and affinity are both wanted',
      { nodeSelector: { zone: 'y' }, requiredTerms: [[needs('zone', 'Exists')]] },
      false,
    ],
  ])('%s', (_, part, fits) => {
    expect(admits(node({ labels }), pod(part))).toBe(fits ? null : 'node-selector');
  });

  test('preference adds the weights of the terms that match', () => {
    const terms = [
      { weight: 5, term: [needs('zone', 'Exists')] },
      { weight: 3, term: [needs('none', 'Exists')] },
      { weight: 2, term: [] },
      { weight: 1, term: [needs('size', 'Gt', ['9']), needs('zone', 'In', ['x'])] },
    ];
    expect(preference(node({ labels }), terms)).toBe(6);
  });
});

describe('the key of constraints', () => {
  const requirement = fc.record<NodeRequirement>({
    key: fc.constantFrom('zone', 'size'),
    operator: fc.constantFrom('In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt'),
    values: fc.array(fc.constantFrom('1', '2', 'x'), { maxLength: 2 }),
    field: fc.boolean(),
  });
  const term = fc.array(requirement, { maxLength: 2 });
  const toleration = fc.record<Toleration>({
    key: fc.constantFrom('', 'a'),
    operator: fc.constantFrom('Exists', 'Equal', 'Lt', 'Gt'),
    value: fc.constantFrom('', '1', '2'),
    effect: fc.constantFrom('', 'NoSchedule'),
  });
  const constraints = fc.record<NodeConstraints>({
    nodeSelector: fc.dictionary(fc.constantFrom('zone', 'size'), fc.constantFrom('1', '2')),
    requiredTerms: fc.option(fc.array(term, { maxLength: 2 }), { nil: null }),
    preferredTerms: fc.array(fc.record({ weight: fc.nat(3), term }), { maxLength: 2 }),
    tolerations: fc.array(toleration, { maxLength: 2 }),
  });
  const someNode = fc.record<ConstrainedNode>({
    name: fc.constantFrom('1', 'x'),
    labels: fc.dictionary(fc.constantFrom('zone', 'size'), fc.constantFrom('1', '2', 'x')),
    taints: fc.array(
      fc.record({ key: fc.constantFrom('a', 'b'), value: fc.constantFrom('', '1'), effect: fc.constant('NoSchedule') }),
      { maxLength: 1 },
    ),
    cordoned: fc.boolean(),
    ready: fc.boolean(),
  });
  const reversed = (c: NodeConstraints): NodeConstraints => ({
    nodeSelector: Object.fromEntries(Object.entries(c.nodeSelector).reverse()),
    requiredTerms: c.requiredTerms?.map((t) => t.toReversed()).reverse() ?? null,
    preferredTerms: c.preferredTerms.toReversed(),
    tolerations: c.tolerations.toReversed(),
  });

  test('does not depend on order, and equal keys mean equal answers', () => {
    fc.assert(
      fc.property(constraints, constraints, someNode, (one, other, where) => {
        expect(constraintsKey(reversed(one))).toBe(constraintsKey(one));
        for (const twin of constraintsKey(one) === constraintsKey(other) ? [reversed(one), other] : [reversed(one)]) {
          expect(admits(where, twin)).toBe(admits(where, one));
          expect(preference(where, twin.preferredTerms)).toBe(preference(where, one.preferredTerms));
        }
      }),
    );
  });

  test.each<[string, Partial<NodeConstraints>, Partial<NodeConstraints>]>([
    ['no affinity and affinity without terms', { requiredTerms: null }, { requiredTerms: [] }],
    ['values and the keys around them', { nodeSelector: { a: 'b,c' } }, { nodeSelector: { a: 'b', c: '' } }],
    [
      'a preferred term once and twice',
      { preferredTerms: [{ weight: 1, term: [] }] },
      {
        preferredTerms: [
          { weight: 1, term: [] },
          { weight: 1, term: [] },
        ],
      },
    ],
    [
      'labels and fields',
      { requiredTerms: [[needs('metadata.name', 'In', ['a'])]] },
      { requiredTerms: [[needs('metadata.name', 'In', ['a'], true)]] },
    ],
  ])('tells %s apart', (_, one, other) => {
    expect(constraintsKey(pod(one))).not.toBe(constraintsKey(pod(other)));
  });

  test('is empty for a pod that goes anywhere', () => expect(constraintsKey(NO_CONSTRAINTS)).toBe(''));
});
