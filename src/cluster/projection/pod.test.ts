import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hostileVariants } from '../../../test/build/hostile-json.ts';
import { CLAIM, GPU_FRACTION, GPU_MILLI, POD_GROUP_LABEL } from '../../core/names.ts';
import { NO_CONSTRAINTS } from '../../core/placement/constraints.ts';
import { projectPod } from './pod.ts';

const pod = (spec: object = {}, status: object = {}, metadata: object = {}) => ({
  metadata: { uid: 'u1', namespace: 'team', name: 'p', ...metadata },
  spec: { containers: [{ name: 'main' }], ...spec },
  status,
});
const needsOf = (spec: object, status: object = {}) => projectPod(pod(spec, status))?.needs;
const constraintsOf = (spec: object) => projectPod(pod(spec))?.constraints;
const container = (resources: object, rest: object = {}) => ({ name: 'main', resources, ...rest });

const REALISTIC = pod(
  {
    schedulerName: 'muster-scheduler',
    priority: 7,
    preemptionPolicy: 'Never',
    terminationGracePeriodSeconds: 5,
    schedulingGates: [{ name: 'muster.dev/placement' }],
    nodeSelector: { zone: 'x' },
    tolerations: [{ key: 'gpu', effect: 'NoSchedule' }, { operator: 'Exists' }, { key: 'k', operator: 'Maybe' }],
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: 'zone', operator: 'In', values: ['x'] }] },
            { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n1'] }] },
            { matchExpressions: [{ key: 'zone', operator: 'Like', values: ['x'] }] },
            {},
          ],
        },
        preferredDuringSchedulingIgnoredDuringExecution: [
          { weight: 3, preference: { matchExpressions: [{ key: 'fast', operator: 'Exists' }] } },
        ],
      },
    },
    initContainers: [{ name: 'log', restartPolicy: 'Always', resources: { requests: { cpu: '100m' } } }],
    containers: [container({ requests: { cpu: '1', memory: '1Gi' }, limits: { memory: '2Gi', [GPU_MILLI]: '500' } })],
    overhead: { cpu: '10m' },
  },
  {
    phase: 'Pending',
    nominatedNodeName: 'n1',
    startTime: '2026-01-01T00:00:01Z',
  },
  {
    labels: { app: 'a', [POD_GROUP_LABEL]: 'g' },
    annotations: { [GPU_FRACTION]: '0.5' },
    creationTimestamp: '2026-01-01T00:00:00Z',
    deletionTimestamp: '2026-01-01T00:00:02Z',
    ownerReferences: [{ uid: 'o1' }, { uid: 'o2', controller: true }],
  },
);

describe('a pod', () => {
  test('reads whole', () => {
    expect(projectPod(REALISTIC)).toMatchObject({
      uid: 'u1',
      namespace: 'team',
      name: 'p',
      labels: { app: 'a', [POD_GROUP_LABEL]: 'g' },
      schedulerName: 'muster-scheduler',
      nodeName: null,
      terminal: false,
      terminating: true,
      gated: true,
      priority: 7,
      neverPreempts: true,
      nominatedNode: 'n1',
      createdMs: Date.parse('2026-01-01T00:00:00Z'),
      startedMs: Date.parse('2026-01-01T00:00:01Z'),
      needs: { cpu: 1110, memory: 2 ** 30, [GPU_MILLI]: 500, pods: 1 },
      constraints: {
        nodeSelector: { zone: 'x' },
        requiredTerms: [
          [{ key: 'zone', operator: 'In', values: ['x'], field: false }],
          [{ key: 'metadata.name', operator: 'In', values: ['n1'], field: true }],
        ],
        preferredTerms: [{ weight: 3, term: [{ key: 'fast', operator: 'Exists', values: [], field: false }] }],
        tolerations: [
          { key: 'gpu', operator: 'Equal', value: '', effect: 'NoSchedule' },
          { key: '', operator: 'Exists', value: '', effect: '' },
        ],
      },
      ask: { kind: 'request' },
      claim: null,
      gang: 'team/g',
    });
  });

  test('with nothing in it has the defaults of Kubernetes', () => {
    expect(projectPod(pod())).toEqual({
      uid: 'u1',
      namespace: 'team',
      name: 'p',
      labels: {},
      schedulerName: 'default-scheduler',
      nodeName: null,
      terminal: false,
      terminating: false,
      gated: false,
      gates: [],
      succeeded: false,
      gangSaid: null,
      plan: null,
      unmodelled: false,
      repels: 'nobody',
      unplacedReason: null,
      priority: 0,
      neverPreempts: false,
      nominatedNode: null,
      createdMs: 0,
      startedMs: 0,
      needs: { pods: 1 },
      constraints: NO_CONSTRAINTS,
      ask: { kind: 'none' },
      claim: null,
      envSafe: false,
      usesGpu: false,
      gang: null,
    });
  });

  test.each(['uid', 'namespace', 'name'])('without %s is none', (field) => {
    expect(projectPod(pod({}, {}, { [field]: undefined }))).toBeNull();
    expect(projectPod(pod({}, {}, { [field]: 7 }))).toBeNull();
  });

  test('that is bound keeps no constraints', () => {
    expect(constraintsOf({ nodeName: 'n1', nodeSelector: { a: 'b' } })).toBe(NO_CONSTRAINTS);
  });

  test.each([
    ['Succeeded', true],
    ['Failed', true],
    ['Running', false],
    ['Unknown', false],
  ])('in phase %s: terminal %s', (phase, terminal) => {
    expect(projectPod(pod({}, { phase }))?.terminal).toBe(terminal);
  });

  test('has the claim that its annotation holds, or a malformed one', () => {
    const claim = {
      containers: [
        { name: 'main', slot: 'c0', sidecar: false, devices: [{ uuid: 'GPU-1', index: 0, mib: 10, milli: 5 }] },
      ],
    };
    const read = (text: unknown) => projectPod(pod({}, {}, { annotations: { [CLAIM]: text } }))?.claim;
    expect(read(JSON.stringify(claim))).toEqual(claim);
    expect(read('{')).toBe('malformed');
    expect(read(7)).toBe('malformed');
  });

  test('required affinity that is there but empty matches nothing', () => {
    const affinity = { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: {} } };
    expect(constraintsOf({ affinity })?.requiredTerms).toEqual([]);
  });
});

describe('needs of a pod', () => {
  test.each<[string, object, object]>([
    ['CPU is rounded up to milli-cores', { requests: { cpu: '1.0001' } }, { cpu: 1001 }],
    ['memory is bytes', { requests: { memory: '1.5Gi' } }, { memory: 1.5 * 2 ** 30 }],
    ['a limit is the request where none is written', { limits: { 'nvidia.com/gpu': '2' } }, { 'nvidia.com/gpu': 2 }],
    ['a request goes before its limit', { limits: { cpu: '4' }, requests: { cpu: '1' } }, { cpu: 1000 }],
    [
      'huge pages and ephemeral storage keep their names',
      { requests: { 'hugepages-2Mi': '4Mi', 'ephemeral-storage': '1k' } },
      { 'hugepages-2Mi': 2 ** 22, 'ephemeral-storage': 1000 },
    ],
    ['what is no amount is left out', { requests: { cpu: 'much', memory: null, 'a/b': '-3', pods: {} } }, {}],
    ['names that Kubernetes does not account for are left out', { requests: { constructor: '1', storage: '2' } }, {}],
  ])('%s', (_, resources, expected) => {
    expect(needsOf({ containers: [container(resources)] })).toEqual({ ...expected, pods: 1 });
  });

  test('pod-level resources replace the sum', () => {
    const spec = {
      resources: { requests: { cpu: '3' } },
      containers: [container({ requests: { cpu: '1', 'a/b': '1' } })],
    };
    expect(needsOf(spec)).toEqual({ cpu: 3000, 'a/b': 1, pods: 1 });
  });

  test.each<[string, object, number]>([
    ['what the kubelet granted counts until it gives it back', { allocatedResources: { cpu: '3' } }, 3000],
    ['what the container really has counts too', { resources: { requests: { cpu: '4' } } }, 4000],
    ['the spec counts when it is larger', { allocatedResources: { cpu: '1' } }, 2000],
  ])('in-place resize: %s', (_, status, cpu) => {
    const spec = { nodeName: 'n', containers: [container({ requests: { cpu: '2' } })] };
    expect(needsOf(spec, { containerStatuses: [{ name: 'main', ...status }] })?.cpu).toBe(cpu);
  });

  test('in-place resize: an infeasible wish does not count', () => {
    const spec = { nodeName: 'n', containers: [container({ requests: { cpu: '64', 'a/b': '1' } })] };
    const status = {
      conditions: [{ type: 'PodResizePending', reason: 'Infeasible', status: 'True' }],
      containerStatuses: [{ name: 'main', allocatedResources: { cpu: '1' } }],
    };
    expect(needsOf(spec, status)).toEqual({ cpu: 1000, 'a/b': 1, pods: 1 });
  });
});

describe('a hostile pod', () => {
  test('of any shape never throws, and the facts cross threads', () => {
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), hostileVariants(REALISTIC)), (object) => {
        const facts = projectPod(object);
        if (facts === null) return;
        expect(structuredClone(facts)).toEqual(facts);
        for (const amount of Object.values(facts.needs)) expect(Number.isSafeInteger(amount) && amount > 0).toBe(true);
        expect(Object.values(facts.labels).every((label) => typeof label === 'string')).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  test('nested 100,000 deep does not end the process', () => {
    const deep: unknown = JSON.parse(`${'{"spec":'.repeat(100_000)}1${'}'.repeat(100_000)}`);
    const spec = { affinity: deep, containers: [deep], tolerations: [deep], resources: deep, overhead: deep };
    expect(projectPod(pod(spec, { conditions: deep }, { labels: deep, annotations: deep }))?.needs).toEqual({
      pods: 1,
    });
  });

  test('that sets the prototype changes nothing', () => {
    const polluted = JSON.parse(
      '{"__proto__":{"uid":"x"},"metadata":{"__proto__":{"uid":"u","namespace":"n","name":"p"}}}',
    );
    expect(projectPod(polluted)).toBeNull();
    const labels = JSON.parse('{"__proto__":"x","a":"b"}');
    expect(projectPod(pod({}, {}, { labels }))?.labels).toEqual({ a: 'b' });
  });
});
