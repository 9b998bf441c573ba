import fc from 'fast-check';
import { applyPatch } from 'rfc6902';
import { describe, expect, it } from 'vitest';
import { gpuMilliOf } from '../core/gpu/gpu-milli.ts';
import { GPU_MILLI } from '../core/names.ts';
import { readAsk } from '../dialects/ask.ts';
import { isEnvSafe } from '../dialects/env-safe.ts';
import type { PodLike } from '../dialects/pod-like.ts';
import { DEFAULT_DIALECT_OPTIONS } from '../dialects/reading.ts';
import { type MutateOptions, type Mutation, mutatePod } from './mutate.ts';

const OPTIONS: MutateOptions = {
  schedulerNames: ['muster-scheduler', 'kai-scheduler'],
  runtimeClassName: 'nvidia',
  runtimeClassExists: (name) => name === 'nvidia',
  largestDeviceMib: 81_920,
  dialects: DEFAULT_DIALECT_OPTIONS,
};

type Env = {
  name: string;
  value?: string;
  valueFrom?: { fieldRef?: { apiVersion?: string; fieldPath: string }; configMapKeyRef?: object };
};
type Container = {
  name: string;
  image?: string;
  restartPolicy?: string;
  env?: Env[];
  resources?: { limits?: Record<string, string>; requests?: Record<string, string> };
  volumeMounts?: { name: string; mountPath: string }[];
};
type Pod = {
  metadata: {
    name?: string;
    namespace?: string;
    annotations?: Record<string, string>;
    labels?: Record<string, string>;
  };
  spec: Record<string, unknown> & { containers: Container[]; initContainers?: Container[] };
};

const pod = (annotations: Record<string, string>, spec: Record<string, unknown> = {}): Pod => ({
  metadata: { name: 'train', annotations },
  spec: { schedulerName: 'muster-scheduler', containers: [{ name: 'main', image: 'x' }], ...spec },
});

const mutate = (before: unknown, options: Partial<MutateOptions> = {}): Mutation =>
  mutatePod(before, 'team-a', { ...OPTIONS, ...options });

/** The pod after the patch, applied by an implementation that is not ours. */
function patched<T>(before: T, mutation: Mutation): T {
  if (mutation.kind === 'refused') throw new Error(mutation.message);
  const after = JSON.parse(JSON.stringify(before)) as T;
  if (mutation.kind === 'untouched') return after;
  const failures = applyPatch(after, structuredClone([...mutation.patch])).filter((failure) => failure !== null);
  expect(failures).toEqual([]);
  return after;
}
const after = <T>(before: T, options: Partial<MutateOptions> = {}): T => patched(before, mutate(before, options));

const fromAnnotation = (name: string, key: string): Env => ({
  name,
  valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: `metadata.annotations['muster.dev/${key}']` } },
});
const share = (slot: string): Env[] => [
  fromAnnotation('NVIDIA_VISIBLE_DEVICES', `visible-devices.${slot}`),
  fromAnnotation('CUDA_DEVICE_MEMORY_LIMIT_0', `gpu-memory-limit.${slot}`),
  fromAnnotation('CUDA_DEVICE_SM_LIMIT', `gpu-sm-limit.${slot}`),
];
const VOID: Env = { name: 'NVIDIA_VISIBLE_DEVICES', value: 'void' };
const milli = (amount: number) => ({
  limits: { [GPU_MILLI]: String(amount) },
  requests: { [GPU_MILLI]: String(amount) },
});
const onManaged = { key: 'muster.dev/managed', operator: 'In', values: ['true'] };
const affinity = (nodeSelectorTerms: object[]) => ({
  nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } },
});

describe('a pod with half a GPU', () => {
  it('comes out with request, resource, environment, affinity and runtime class, and nothing else', () => {
    const before = pod({ 'muster.dev/gpu-fraction': '0.5', keep: 'me' });
    expect(after(before)).toEqual({
      metadata: {
        name: 'train',
        annotations: {
          'muster.dev/gpu-fraction': '0.5',
          keep: 'me',
          'muster.dev/request': '{"containers":{"main":{"count":1,"fraction":"0.5"}}}',
        },
      },
      spec: {
        schedulerName: 'muster-scheduler',
        runtimeClassName: 'nvidia',
        affinity: affinity([{ matchExpressions: [onManaged] }]),
        containers: [{ name: 'main', image: 'x', env: share('c0'), resources: milli(500) }],
      },
    });
  });

  it('loses the resources of its dialect, which are kept in an annotation', () => {
    const resources = {
      limits: { cpu: '2', 'nvidia.com/gpu': '2', 'nvidia.com/gpumem': '8192' },
      requests: { cpu: '1' },
    };
    const result = after(pod({}, { containers: [{ name: 'main', resources }] }));
    expect(result.spec.containers[0]?.resources?.limits).toEqual({ cpu: '2', [GPU_MILLI]: '200' });
    expect(result.spec.containers[0]?.resources?.requests).toEqual({ cpu: '1', [GPU_MILLI]: '200' });
    expect(JSON.parse(result.metadata.annotations?.['muster.dev/original-resources'] ?? '')).toEqual({
      main: { limits: { 'nvidia.com/gpu': '2', 'nvidia.com/gpumem': '8192' } },
    });
    expect(result.spec.containers[0]?.env?.map(({ name }) => name)).toEqual([
      'NVIDIA_VISIBLE_DEVICES',
      'CUDA_DEVICE_MEMORY_LIMIT_0',
      'CUDA_DEVICE_MEMORY_LIMIT_1',
      'CUDA_DEVICE_SM_LIMIT',
    ]);
  });

  it('keeps every container without a share away from the devices, init containers and sidecars too', () => {
    const result = after(
      pod(
        { 'muster.dev/gpu-fraction.main': '0.25', 'muster.dev/gpu-fraction.warm': '0.5' },
        {
          initContainers: [{ name: 'fetch' }, { name: 'warm' }, { name: 'proxy', restartPolicy: 'Always' }],
          containers: [{ name: 'web', env: [{ name: 'NVIDIA_VISIBLE_DEVICES', value: 'all' }] }, { name: 'main' }],
        },
      ),
    );
    expect(result.spec.initContainers?.map(({ env }) => env)).toEqual([[VOID], share('i1'), [VOID]]);
    expect(result.spec.containers.map(({ env }) => env)).toEqual([[VOID], share('c1')]);
  });

  const POSSIBLE_ENV: { name: string; env: Env[]; left: Env[] }[] = [
    { name: 'what the user set', env: [{ name: 'NVIDIA_VISIBLE_DEVICES', value: 'all' }], left: [] },
    {
      name: 'limits the user set',
      env: [
        { name: 'CUDA_DEVICE_SM_LIMIT', value: '100' },
        { name: 'CUDA_DEVICE_MEMORY_LIMIT_0', value: '0' },
      ],
      left: [],
    },
    {
      name: 'what the user took from elsewhere',
      env: [
        { name: 'NVIDIA_VISIBLE_DEVICES', valueFrom: { configMapKeyRef: { name: 'a', key: 'b' } } },
        { name: 'A', value: 'a' },
      ],
      left: [{ name: 'A', value: 'a' }],
    },
    {
      name: 'a right one followed by a wrong one, which would win',
      env: [...share('c0'), { name: 'NVIDIA_VISIBLE_DEVICES', value: 'all' }],
      left: share('c0').slice(1),
    },
  ];
  for (const { name, env, left } of POSSIBLE_ENV) {
    it(`has its variables replaced: ${name}`, () => {
      const result = after(pod({ 'muster.dev/gpu-fraction': '0.5' }, { containers: [{ name: 'main', env }] }));
      const wanted = share('c0');
      const added = wanted.filter((variable) => !left.some((kept) => kept.name === variable.name));
      expect(result.spec.containers[0]?.env).toEqual([...added, ...left]);
    });
  }

  it('is kept on managed nodes in every term it requires, but a term that matches nothing stays that', () => {
    const zone = { key: 'zone', operator: 'In', values: ['a'] };
    const required = affinity([
      { matchExpressions: [zone] },
      { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n1'] }] },
      {},
      { matchExpressions: [onManaged] },
    ]);
    const result = after(pod({ 'muster.dev/gpu-fraction': '0.5' }, { affinity: { ...required, podAffinity: {} } }));
    expect(result.spec.affinity).toEqual({
      podAffinity: {},
      ...affinity([
        { matchExpressions: [zone, onManaged] },
        { matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n1'] }], matchExpressions: [onManaged] },
        {},
        { matchExpressions: [onManaged] },
      ]),
    });
  });

  const CLASSES: { name: string; own?: string; options: Partial<MutateOptions>; want: string | undefined }[] = [
    { name: 'set where the class exists', options: {}, want: 'nvidia' },
    { name: 'not set where it does not exist', options: { runtimeClassExists: () => false }, want: undefined },
    { name: 'not set when configured off', options: { runtimeClassName: null }, want: undefined },
    { name: 'left as the pod has it', own: 'kata', options: {}, want: 'kata' },
  ];
  for (const { name, own, options, want } of CLASSES) {
    it(`has its runtime class ${name}`, () => {
      const spec = own === undefined ? {} : { runtimeClassName: own };
      expect(after(pod({ 'muster.dev/gpu-fraction': '0.5' }, spec), options).spec.runtimeClassName).toBe(want);
    });
  }
});

it('a pod without GPUs only gets its images kept from showing all devices', () => {
  const before = pod({}, { initContainers: [{ name: 'fetch' }] });
  const result = after(before);
  expect(result).toEqual({
    ...before,
    spec: {
      ...before.spec,
      initContainers: [{ name: 'fetch', env: [VOID] }],
      containers: [{ name: 'main', image: 'x', env: [VOID] }],
    },
  });
});

describe('left exactly as it is', () => {
  const wholeGpu = { containers: [{ name: 'main', resources: { limits: { 'nvidia.com/gpu': '1' } } }] };
  const mig = { containers: [{ name: 'main', resources: { limits: { 'nvidia.com/mig-1g.10gb': '1' } } }] };
  const half = { 'muster.dev/gpu-fraction': '0.5' };
  const CASES: [string, unknown][] = [
    ['a pod of another scheduler', pod(half, { schedulerName: 'default-scheduler' })],
    ['a pod that has a node', pod(half, { nodeName: 'n1' })],
    ['a mirror pod', pod({ ...half, 'kubernetes.io/config.mirror': 'abc' })],
    ['a whole-GPU pod that opted out', pod({ 'muster.dev/managed': 'false' }, wholeGpu)],
    ['a MIG pod', pod({}, mig)],
    ['a MIG pod that opted out', pod({ 'muster.dev/managed': 'false' }, mig)],
    ['no object', null],
    ['a list', [pod(half)]],
    ['a pod without spec', { metadata: {} }],
    ['a scheduler name that is no text', pod(half, { schedulerName: ['muster-scheduler'] })],
  ];
  for (const [name, before] of CASES) it(name, () => expect(mutate(before)).toEqual({ kind: 'untouched' }));
});

describe('refused with what is wrong and what to do', () => {
  const CASES: { name: string; before: Pod; says: RegExp }[] = [
    {
      name: 'a fraction and whole GPUs on one container',
      before: pod(
        { 'muster.dev/gpu-fraction': '0.5' },
        { containers: [{ name: 'main', resources: { limits: { 'nvidia.com/gpu': '1' } } }] },
      ),
      says: /team-a\/train.*muster\.dev\/gpu-fraction.*nvidia\.com\/gpu.*"main"/,
    },
    {
      name: 'a fraction that is no number',
      before: pod({ 'muster.dev/gpu-fraction': 'half' }),
      says: /gpu-fraction: "half"/,
    },
    {
      name: 'a container that does not exist',
      before: pod({ 'muster.dev/request': '{"containers":{"other":{"count":1}}}' }),
      says: /"other".*name one of its containers/,
    },
    {
      name: 'devices chosen by CDI annotation',
      before: pod({ 'muster.dev/gpu-fraction': '0.5', 'cdi.k8s.io/x': 'nvidia.com/gpu=all' }),
      says: /annotation cdi\.k8s\.io.*remove it/,
    },
    {
      name: 'devices chosen by mount',
      before: pod(
        { 'muster.dev/gpu-fraction': '0.5' },
        {
          containers: [
            { name: 'main', volumeMounts: [{ name: 'v', mountPath: '/var/run/nvidia-container-devices/all' }] },
          ],
        },
      ),
      says: /container "main" volumeMount.*remove it/,
    },
  ];
  for (const { name, before, says } of CASES) {
    it(name, () => {
      const mutation = mutate(before);
      expect(mutation.kind).toBe('refused');
      expect(mutation.kind === 'refused' && mutation.message).toMatch(says);
    });
  }
});

describe('laws', () => {
  const envs = fc.array(
    fc.oneof(
      fc.record({
        name: fc.constantFrom('A', 'NVIDIA_VISIBLE_DEVICES', 'CUDA_DEVICE_SM_LIMIT'),
        value: fc.constantFrom('all', 'void', '', '0'),
      }),
      fc.constantFrom<Env>(...share('c0'), ...share('c1'), ...share('i0')),
    ),
    { maxLength: 4 },
  );
  const resources = fc.record(
    {
      'nvidia.com/gpu': fc.constantFrom('0', '1', '2', '-1', 'x'),
      'nvidia.com/gpumem': fc.constantFrom('1000', '8192'),
      'nvidia.com/gpucores': fc.constantFrom('10', '100'),
      'aliyun.com/gpu-mem': fc.constantFrom('2', '4'),
      'muster.dev/gpu-milli': fc.constantFrom('1', '700'),
      cpu: fc.constant('1'),
    },
    { requiredKeys: [] },
  );
  const container = (name: string) =>
    fc.record(
      { name: fc.constant(name), env: envs, resources: fc.record({ limits: resources }, { requiredKeys: [] }) },
      { requiredKeys: ['name'] },
    );
  const annotations = fc.record(
    {
      'muster.dev/gpu-fraction': fc.constantFrom('0.5', '0.001', '1', '2', 'x'),
      'muster.dev/gpu-memory.b': fc.constantFrom('4096', '8Gi'),
      'muster.dev/gpu-count.i': fc.constantFrom('1', '3'),
      'gpu-fraction': fc.constantFrom('0.5', '0.25'),
      'muster.dev/managed': fc.constantFrom('true', 'false'),
      'muster.dev/original-resources': fc.constantFrom('{}', 'x'),
      'muster.dev/request': fc.constantFrom(
        '{"containers":{"a":{"fraction":"0.500"}}}',
        '{"containers":{"i":{"count":2,"memory":"8Gi"}}}',
        '{',
      ),
    },
    { requiredKeys: [] },
  );
  const pods = fc.record({
    metadata: fc.record({ annotations }, { requiredKeys: [] }),
    spec: fc.record({
      schedulerName: fc.constantFrom('muster-scheduler', 'kai-scheduler'),
      initContainers: fc.tuple(container('i')),
      containers: fc.tuple(container('a'), container('b')),
    }),
  });

  const amount = (of: Container): number => Number(of.resources?.limits?.[GPU_MILLI] ?? 0);

  it('a patched pod is safe, carries exactly the milli it needs, and a second pass changes nothing', () => {
    fc.assert(
      fc.property(pods, (before) => {
        const frozen = JSON.stringify(before);
        const mutation = mutate(before);
        expect(JSON.stringify(before)).toBe(frozen);
        if (mutation.kind !== 'patched') return;
        const result = patched<unknown>(before, mutation) as Pod;
        const ask = readAsk(result as PodLike);
        expect(isEnvSafe(result as PodLike, ask)).toBe(true);
        expect(mutate(result)).toEqual({ kind: 'untouched' });
        if (ask.kind !== 'request') return;
        expect(ask).toEqual(readAsk(before as PodLike));
        const init = amount(result.spec.initContainers?.[0] ?? { name: '' });
        const apps = result.spec.containers.reduce((sum, each) => sum + amount(each), 0);
        expect(Math.max(init, apps)).toBe(gpuMilliOf(ask.request, OPTIONS.largestDeviceMib));
        for (const each of [...(result.spec.initContainers ?? []), ...result.spec.containers]) {
          expect(each.resources?.requests?.[GPU_MILLI]).toBe(each.resources?.limits?.[GPU_MILLI]);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('another webhook that adds a container in front is caught up with in the second pass', () => {
    const first = after(pod({ 'muster.dev/gpu-fraction': '0.5' }));
    const injected = {
      ...first,
      spec: { ...first.spec, containers: [{ name: 'mesh', image: 'y' }, ...first.spec.containers] },
    };
    const second = after(injected);
    expect(second.spec.containers.map(({ env }) => env)).toEqual([[VOID], share('c1')]);
  });

  it('whatever JSON stands in for a pod, nothing throws and patches apply', () => {
    const hostile = fc.record(
      {
        metadata: fc.oneof(
          fc.jsonValue(),
          fc.record({ annotations: fc.oneof(fc.jsonValue(), fc.constant({ 'muster.dev/gpu-fraction': '0.5' })) }),
        ),
        spec: fc.record(
          {
            schedulerName: fc.constant('muster-scheduler'),
            containers: fc.oneof(
              fc.jsonValue(),
              fc.array(
                fc.oneof(
                  fc.jsonValue(),
                  fc.record({
                    name: fc.constantFrom('a', '__proto__', ''),
                    env: fc.jsonValue(),
                    resources: fc.jsonValue(),
                  }),
                ),
              ),
            ),
            initContainers: fc.jsonValue(),
            affinity: fc.jsonValue(),
          },
          { requiredKeys: ['schedulerName'] },
        ),
      },
      { requiredKeys: ['spec'] },
    );
    fc.assert(
      fc.property(hostile, (before) => {
        const mutation = mutate(before);
        if (mutation.kind === 'patched') patched(before, mutation);
      }),
      { numRuns: 500 },
    );
  });
});

describe('the gate of the placer', () => {
  const OURS = { name: 'muster.dev/placement' };
  const SHARE = { 'muster.dev/gpu-fraction': '0.5' };
  const gangPod = (annotations: Record<string, string>, spec: Record<string, unknown> = {}): Pod => ({
    ...pod({ 'muster.dev/min-member': '2', ...annotations }, spec),
    metadata: {
      name: 'train',
      labels: { 'muster.dev/pod-group': 'g' },
      annotations: { 'muster.dev/min-member': '2', ...annotations },
    },
  });
  const gatesOf = (before: Pod, gate = true): unknown => after(before, { gate }).spec.schedulingGates;

  it.each([
    ['a member of a gang', gangPod(SHARE), [OURS]],
    ['a member without GPUs', gangPod({}), [OURS]],
    ['a pod that asked to wait', pod({ ...SHARE, 'muster.dev/wait': 'true' }), [OURS]],
    [
      'one with the gate of another tool, behind that',
      gangPod(SHARE, { schedulingGates: [{ name: 'example.org/quota' }] }),
      [{ name: 'example.org/quota' }, OURS],
    ],
    ['one that has it already, once', gangPod(SHARE, { schedulingGates: [OURS] }), [OURS]],
    ['nobody else', pod(SHARE), undefined],
    ['nobody who asked for something else', pod({ ...SHARE, 'muster.dev/wait': 'false' }), undefined],
    ['no member of a native group', pod(SHARE, { schedulingGroup: { podGroupName: 'g' } }), undefined],
    ['no pod of another scheduler', gangPod(SHARE, { schedulerName: 'default-scheduler' }), undefined],
  ])('is put on %s', (_, before, gates) => {
    expect(gatesOf(before)).toEqual(gates);
    const once = after(before, { gate: true });
    expect(mutate(once, { gate: true }).kind).toBe('untouched');
  });

  it('is never put where no placer would lift it', () => {
    expect(gatesOf(gangPod({ ...SHARE, 'muster.dev/wait': 'true' }), false)).toBeUndefined();
  });
});
