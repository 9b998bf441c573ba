import { describe, expect, it } from 'vitest';
import { container, half, mib, pod, podWith, told, whole } from '../../test/build/asking-pods.ts';
import type { GpuRequest } from '../core/gpu/request.ts';
import { readAsk } from './ask.ts';
import type { PodLike } from './pod-like.ts';

type Need = { count: number; share: unknown };
type Case = [title: string, pod: PodLike, needs: Record<string, Need> | 'none'];
const one = (share: unknown, count = 1): Record<string, Need> => ({ c0: { count, share } });
const twoContainers = { containers: [container('a'), container('b')], initContainers: [container('warm')] };

const CASES: Record<string, Case[]> = {
  muster: [
    ['a fraction is the first app container’s', pod({ 'muster.dev/gpu-fraction': '0.5' }, twoContainers), one(half)],
    [
      'digits after the third are floored',
      pod({ 'muster.dev/gpu-fraction': '0.2999' }),
      one({ milli: 299, memory: { milli: 299 } }),
    ],
    [
      '0.29 is 290 thousandths, whatever floats say',
      pod({ 'muster.dev/gpu-fraction': '0.29' }),
      one({ milli: 290, memory: { milli: 290 } }),
    ],
    ['a fraction of 1 is a whole device', pod({ 'muster.dev/gpu-fraction': '1.0' }), one(whole)],
    ['memory without a unit is MiB', pod({ 'muster.dev/gpu-memory': '4096' }), one(mib(4096))],
    ['memory as a quantity is rounded up to MiB', pod({ 'muster.dev/gpu-memory': '8G' }), one(mib(7630))],
    ['a count alone is whole devices', pod({ 'muster.dev/gpu-count': '2' }), one(whole, 2)],
    [
      'a count with a fraction is that share of each',
      pod({ 'muster.dev/gpu-count': '2', 'muster.dev/gpu-fraction': '.5' }),
      one(half, 2),
    ],
    [
      'cores add compute to memory',
      pod({ 'muster.dev/gpu-memory': '4096', 'muster.dev/gpu-cores': '30' }),
      one(mib(4096, 300)),
    ],
    [
      'cores replace the compute of a fraction',
      pod({ 'muster.dev/gpu-fraction': '0.5', 'muster.dev/gpu-cores': '20' }),
      one({ milli: 200, memory: { milli: 500 } }),
    ],
    [
      'cores alone leave all the memory',
      pod({ 'muster.dev/gpu-cores': '20' }),
      one({ milli: 200, memory: { milli: 1000 } }),
    ],
    [
      'a container is named behind the key, init containers too',
      pod({ 'muster.dev/gpu-fraction.b': '0.5', 'muster.dev/gpu-memory.warm': '1Gi' }, twoContainers),
      { c1: { count: 1, share: half }, i0: { count: 1, share: mib(1024) } },
    ],
    [
      'the same said with and without the name is said once',
      pod({ 'muster.dev/gpu-fraction': '0.5', 'muster.dev/gpu-fraction.a': '0.5' }),
      one(half),
    ],
    [
      'the JSON form stands alone',
      podWith(
        { 'nvidia.com/gpu': '4' },
        { 'muster.dev/request': '{"containers":{"a":{"fraction":"0.5"}}}', 'gpu-fraction': '0.9' },
      ),
      one(half),
    ],
    [
      'what the binder wrote is no request',
      pod({ 'muster.dev/gpu-memory-limit.c0': '4096m', 'muster.dev/gpu-sm-limit.c0': '0' }),
      'none',
    ],
  ],
  plain: [
    ['whole devices in a limit', podWith({ 'nvidia.com/gpu': '2' }), one(whole, 2)],
    ['0 asks for nothing', podWith({ 'nvidia.com/gpu': '0' }), 'none'],
    [
      'requests count where limits are missing',
      pod({}, { containers: [{ name: 'a', resources: { requests: { 'nvidia.com/gpu': '1' } } }] }),
      one(whole),
    ],
    [
      'app, init and sidecar containers each have their own',
      pod(
        {},
        {
          containers: [container('a', { 'nvidia.com/gpu': '1' }), container('b', { 'nvidia.com/gpu': '2' })],
          initContainers: [
            container('w', { 'nvidia.com/gpu': '3' }),
            container('s', { 'nvidia.com/gpu': '4' }, { restartPolicy: 'Always' }),
          ],
        },
      ),
      {
        i0: { count: 3, share: whole },
        i1: { count: 4, share: whole },
        c0: { count: 1, share: whole },
        c1: { count: 2, share: whole },
      },
    ],
    ['a pod without a word about GPUs', pod({ 'team.example/owner': 'x' }), 'none'],
  ],
  kai: [
    ['a fraction', pod({ 'gpu-fraction': '0.5' }), one(half)],
    ['memory is MiB and stays exactly that', pod({ 'gpu-memory': '4096' }), one(mib(4096))],
    [
      'two devices by memory in the named container',
      pod({ 'gpu-memory': '8000', 'gpu-fraction-num-devices': '2', 'gpu-fraction-container-name': 'b' }),
      { c1: { count: 2, share: mib(8000) } },
    ],
    [
      'v0.18: the request alone',
      pod({ 'nvidia.com/container.b.gpu-memory.request': '8Gi' }),
      { c1: { count: 1, share: mib(8192) } },
    ],
    ['v0.18: bytes are rounded up to MiB', pod({ 'nvidia.com/container.a.gpu-memory.limit': '1048577' }), one(mib(2))],
    [
      'v0.18: the limit is set aside',
      pod({ 'nvidia.com/container.a.gpu-memory.request': '1Gi', 'nvidia.com/container.a.gpu-memory.limit': '2Gi' }),
      one(mib(2048)),
    ],
    ['v0.18: what KAI itself writes asks for nothing', pod({ 'nvidia.com/container.a.gpus.devices': 'GPU-1' }), 'none'],
  ],
  hami: [
    ['memory without a count is one device', podWith({ 'nvidia.com/gpumem': '3000' }), one(mib(3000))],
    [
      'large amounts arrive with a suffix',
      podWith({ 'nvidia.com/gpu': '1', 'nvidia.com/gpumem': '20k' }),
      one(mib(20000)),
    ],
    [
      'cores are thousandths',
      podWith({ 'nvidia.com/gpu': '2', 'nvidia.com/gpumem': '3000', 'nvidia.com/gpucores': '30' }),
      one(mib(3000, 300), 2),
    ],
    [
      'per cent of memory',
      podWith({ 'nvidia.com/gpumem-percentage': '50' }),
      one({ milli: 0, memory: { milli: 500 } }),
    ],
    [
      'cores alone leave all the memory',
      podWith({ 'nvidia.com/gpu': '1', 'nvidia.com/gpucores': '50' }),
      one({ milli: 500, memory: { milli: 1000 } }),
    ],
    ['its priority alone asks for nothing', podWith({ 'nvidia.com/priority': '1' }), 'none'],
  ],
  aliyun: [['GiB of one device', podWith({ 'aliyun.com/gpu-mem': '3' }), one(mib(3072))]],
  volcano: [
    [
      'number, memory and cores',
      podWith({ 'volcano.sh/vgpu-number': '2', 'volcano.sh/vgpu-memory': '3000', 'volcano.sh/vgpu-cores': '10' }),
      one(mib(3000, 100), 2),
    ],
    ['a bare number is whole devices', podWith({ 'volcano.sh/vgpu-number': '2' }), one(whole, 2)],
  ],
  koordinator: [
    [
      'core and memory ratio',
      podWith({ 'koordinator.sh/gpu-core': '50', 'koordinator.sh/gpu-memory-ratio': '30' }),
      one({ milli: 500, memory: { milli: 300 } }),
    ],
    ['gpu is both', podWith({ 'koordinator.sh/gpu': '50' }), one(half)],
    ['memory alone is one card', podWith({ 'koordinator.sh/gpu-memory': '150Mi' }), one(mib(150))],
    ['200 are two whole cards', podWith({ 'koordinator.sh/gpu': '200' }), one(whole, 2)],
    [
      'shared splits the totals',
      podWith({
        'koordinator.sh/gpu-core': '100',
        'koordinator.sh/gpu-memory': '8Gi',
        'koordinator.sh/gpu.shared': '2',
      }),
      one(mib(4096, 500), 2),
    ],
  ],
  agreement: [
    [
      'the same amount in two dialects',
      podWith({ 'nvidia.com/gpu': '2' }, { 'muster.dev/gpu-count': '2' }),
      one(whole, 2),
    ],
    [
      'the same fraction in KAI’s words and ours',
      pod({ 'gpu-fraction': '0.5', 'muster.dev/gpu-fraction': '0.50' }),
      one(half),
    ],
    [
      'different containers in different dialects',
      pod({ 'gpu-fraction': '0.5' }, { containers: [container('a'), container('b', { 'nvidia.com/gpu': '1' })] }),
      { c0: { count: 1, share: half }, c1: { count: 1, share: whole } },
    ],
  ],
};

for (const [dialect, cases] of Object.entries(CASES)) {
  describe(`${dialect}: a pod that asks`, () => {
    it.each(cases)('%s', (_title, asked, needs) => {
      expect(told(readAsk(asked))).toEqual(needs);
    });
  });
}

it('aliyun: the unit is MiB where it was installed so', () => {
  expect(told(readAsk(podWith({ 'aliyun.com/gpu-mem': '3000' }), { aliyunUnit: 'MiB' }))).toEqual(one(mib(3000)));
});

describe('wishes of a pod', () => {
  const none = {
    models: { allow: [], deny: [] },
    uuids: { allow: [], deny: [] },
    devicePolicy: null,
    devicePolicyRequired: false,
    nodePolicy: null,
  };
  const cases: [Record<string, string>, Partial<Omit<GpuRequest, 'containers'>>][] = [
    [{}, {}],
    [{ 'muster.dev/gpu-model': 'A100, H100,' }, { models: { allow: ['A100', 'H100'], deny: [] } }],
    [
      { 'muster.dev/device-policy': 'link', 'muster.dev/node-policy': 'spread' },
      { devicePolicy: 'link', nodePolicy: 'spread' },
    ],
    [
      { 'nvidia.com/use-gputype': 'A100', 'nvidia.com/nouse-gputype': '1080, 2080' },
      { models: { allow: ['A100'], deny: ['1080', '2080'] } },
    ],
    [
      { 'nvidia.com/use-gpuuuid': 'GPU-1', 'nvidia.com/nouse-gpuuuid': 'GPU-2' },
      { uuids: { allow: ['GPU-1'], deny: ['GPU-2'] } },
    ],
    [
      { 'nvidia.com/numa-bind': 'true', 'hami.io/gpu-scheduler-policy': 'spread' },
      { devicePolicy: 'numa', devicePolicyRequired: true },
    ],
    [{ 'nvidia.com/numa-bind': 'false', 'hami.io/gpu-scheduler-policy': 'spread' }, { devicePolicy: 'spread' }],
    [{ 'hami.io/gpu-scheduler-policy': 'topology-aware' }, { devicePolicy: 'link' }],
    [{ 'hami.io/gpu-scheduler-policy': 'numa,binpack' }, { devicePolicy: 'numa' }],
    [
      { 'hami.io/node-scheduler-policy': 'binpack', 'hami.io/gpu-scheduler-policy': 'binpack' },
      { nodePolicy: 'pack', devicePolicy: 'pack' },
    ],
    [{ 'muster.dev/gpu-model': 'A100', 'nvidia.com/use-gputype': 'A100' }, { models: { allow: ['A100'], deny: [] } }],
  ];
  it.each(cases)('%j', (annotations, expected) => {
    const ask = readAsk(podWith({ 'nvidia.com/gpu': '1' }, annotations));
    if (ask.kind !== 'request') throw new Error(JSON.stringify(ask));
    const { containers: _, ...wishes } = ask.request;
    expect(wishes).toEqual({ ...none, ...expected });
  });

  it('mean nothing where nothing asks for a GPU', () => {
    expect(readAsk(pod({ 'nvidia.com/numa-bind': 'maybe', 'hami.io/gpu-scheduler-policy': 'mutex' }))).toEqual({
      kind: 'none',
    });
  });
});
