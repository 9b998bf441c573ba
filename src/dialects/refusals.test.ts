import { describe, expect, it } from 'vitest';
import { container, pod, podWith } from '../../test/build/asking-pods.ts';
import { readAsk } from './ask.ts';
import type { PodLike } from './pod-like.ts';

const REQUEST = 'muster.dev/request';

/** Each names every text in the list: the lines as written, and what to do. */
const CONTRADICTIONS: [string, PodLike, string[]][] = [
  [
    'a fraction and a whole-GPU limit on one container',
    podWith({ 'nvidia.com/gpu': '1' }, { 'gpu-fraction': '0.5' }),
    ['annotation gpu-fraction: "0.5"', 'container "a" limit nvidia.com/gpu: "1"', 'keep one'],
  ],
  [
    'two dialects with different amounts',
    pod({ 'gpu-memory': '4000', 'muster.dev/gpu-memory': '5000' }),
    ['annotation gpu-memory: "4000"', 'annotation muster.dev/gpu-memory: "5000"'],
  ],
  [
    'HAMi’s memory and Aliyun’s',
    podWith({ 'nvidia.com/gpumem': '1000', 'aliyun.com/gpu-mem': '4' }),
    ['nvidia.com/gpumem: "1000"', 'aliyun.com/gpu-mem: "4"'],
  ],
  [
    'KAI’s fraction and memory',
    pod({ 'gpu-fraction': '0.5', 'gpu-memory': '4000' }),
    ['gpu-fraction: "0.5"', 'gpu-memory: "4000"'],
  ],
  [
    'our fraction and memory',
    pod({ 'muster.dev/gpu-fraction': '0.5', 'muster.dev/gpu-memory.a': '4000' }),
    ['muster.dev/gpu-fraction: "0.5"', 'muster.dev/gpu-memory.a: "4000"'],
  ],
  [
    'the pod’s fraction and its first container’s',
    pod({ 'muster.dev/gpu-fraction': '0.5', 'muster.dev/gpu-fraction.a': '0.4' }),
    ['gpu-fraction: "0.5"', 'gpu-fraction.a: "0.4"'],
  ],
  [
    'limit and request that differ',
    pod(
      {},
      {
        containers: [
          { name: 'a', resources: { limits: { 'nvidia.com/gpu': '2' }, requests: { 'nvidia.com/gpu': '1' } } },
        ],
      },
    ),
    ['limit nvidia.com/gpu: "2"', 'request nvidia.com/gpu: "1"'],
  ],
  [
    'HAMi’s MiB and per cent',
    podWith({ 'nvidia.com/gpumem': '1000', 'nvidia.com/gpumem-percentage': '50' }),
    ['nvidia.com/gpumem: "1000"', 'nvidia.com/gpumem-percentage: "50"'],
  ],
  [
    'HAMi’s share of no device',
    podWith({ 'nvidia.com/gpu': '0', 'nvidia.com/gpumem': '1000' }),
    ['nvidia.com/gpu: "0"', 'nvidia.com/gpumem: "1000"'],
  ],
  [
    'a request above its limit',
    pod({ 'nvidia.com/container.a.gpu-memory.request': '2Gi', 'nvidia.com/container.a.gpu-memory.limit': '1Gi' }),
    ['request: "2Gi"', 'limit: "1Gi"'],
  ],
  [
    'two models',
    podWith({ 'nvidia.com/gpu': '1' }, { 'muster.dev/gpu-model': 'A100', 'nvidia.com/use-gputype': 'H100' }),
    ['muster.dev/gpu-model: "A100"', 'nvidia.com/use-gputype: "H100"'],
  ],
  [
    'two device policies',
    podWith(
      { 'nvidia.com/gpu': '1' },
      { 'muster.dev/device-policy': 'pack', 'hami.io/gpu-scheduler-policy': 'spread' },
    ),
    ['muster.dev/device-policy: "pack"', 'hami.io/gpu-scheduler-policy: "spread"'],
  ],
  [
    'two gangs',
    pod({ 'muster.dev/gpu-count': '1', 'pod-group-name': 'x' }, undefined, { 'scheduling.x-k8s.io/pod-group': 'y' }),
    ['label scheduling.x-k8s.io/pod-group: "y"', 'annotation pod-group-name: "x"'],
  ],
  [
    'a fraction that wants to leave managed nodes',
    pod({ 'gpu-fraction': '0.5', 'muster.dev/managed': 'false' }),
    ['muster.dev/managed: "false"', 'gpu-fraction: "0.5"', 'remove one'],
  ],
  [
    'a normalised pod that wants to leave managed nodes',
    pod({ [REQUEST]: '{"containers":{"a":{"count":1}}}', 'muster.dev/managed': 'false' }),
    ['muster.dev/managed: "false"', REQUEST],
  ],
];

const fraction = (text: string): PodLike => pod({ 'gpu-fraction': text });
const MALFORMED: [string, PodLike, string[]][] = [
  ...[
    'NaN',
    '-0.5',
    '0',
    '0.0',
    '',
    ' ',
    'half',
    '1e-1',
    '0x1',
    'Infinity',
    '0,5',
    '0.0009',
    '1.0001',
    '1.5',
    '٠٫٥',
  ].map((text): [string, PodLike, string[]] => [
    `a fraction of ${JSON.stringify(text)}`,
    fraction(text),
    ['gpu-fraction', JSON.stringify(text)],
  ]),
  [
    'more than one device without a count',
    pod({ 'muster.dev/gpu-fraction': '2' }),
    ['gpu-fraction: "2"', 'muster.dev/gpu-count'],
  ],
  ...['0', '-1', '1.5', '8Gi', 'NaN', '99999999'].map((text): [string, PodLike, string[]] => [
    `KAI memory of ${text}`,
    pod({ 'gpu-memory': text }),
    [`gpu-memory: "${text}"`],
  ]),
  ...['0', '-1', '8 GB', '1e3', '17000Gi', '99999999999999999999'].map((text): [string, PodLike, string[]] => [
    `memory of ${text}`,
    pod({ 'muster.dev/gpu-memory': text }),
    [`gpu-memory: "${text}"`],
  ]),
  ...['0', '-1', '1.5', '129', '1Gi', 'two'].map((text): [string, PodLike, string[]] => [
    `a count of ${text}`,
    pod({ 'muster.dev/gpu-count': text }),
    [`gpu-count: "${text}"`],
  ]),
  ...['0', '101', '-5', '50%'].map((text): [string, PodLike, string[]] => [
    `cores of ${text}`,
    pod({ 'muster.dev/gpu-cores': text }),
    [`gpu-cores: "${text}"`],
  ]),
  ...['-1', '0.5', 'one', '100000', '9e99'].map((text): [string, PodLike, string[]] => [
    `a limit of ${text} devices`,
    podWith({ 'nvidia.com/gpu': text }),
    ['"a" limit nvidia.com/gpu', text],
  ]),
  ['HAMi memory in bytes', podWith({ 'nvidia.com/gpumem': '16Gi' }), ['nvidia.com/gpumem: "16Gi"', 'unit']],
  ['Aliyun memory that is no number', podWith({ 'aliyun.com/gpu-mem': 'x' }), ['aliyun.com/gpu-mem: "x"']],
  ['an unknown container', pod({ 'muster.dev/gpu-fraction.c': '0.5' }), ['muster.dev/gpu-fraction.c', 'container']],
  [
    'an unknown container of KAI',
    pod({ 'gpu-fraction': '0.5', 'gpu-fraction-container-name': 'c' }),
    ['gpu-fraction-container-name: "c"'],
  ],
  ['an empty container name', pod({ 'muster.dev/gpu-fraction.': '0.5' }), ['muster.dev/gpu-fraction.']],
  [
    'a key that does not exist',
    pod({ 'muster.dev/gpu-fractions': '0.5' }),
    ['muster.dev/gpu-fractions', 'muster.dev/gpu-fraction,'],
  ],
  ['a model for one container', pod({ 'muster.dev/gpu-model.a': 'A100' }), ['whole pod']],
  [
    'a model without an amount',
    pod({ 'muster.dev/gpu-model': 'A100' }),
    ['muster.dev/gpu-model: "A100"', 'muster.dev/gpu-count'],
  ],
  [
    'devices without a share',
    pod({ 'gpu-fraction-num-devices': '2' }),
    ['gpu-fraction-num-devices: "2"', 'gpu-fraction'],
  ],
  [
    'an unknown device policy',
    podWith({ 'nvidia.com/gpu': '1' }, { 'muster.dev/device-policy': 'best' }),
    ['"best"', 'pack, spread, link, numa'],
  ],
  [
    'HAMi’s mutex',
    podWith({ 'nvidia.com/gpu': '1' }, { 'hami.io/gpu-scheduler-policy': 'mutex' }),
    ['"mutex"', 'whole devices'],
  ],
  [
    'an unknown HAMi policy',
    podWith({ 'nvidia.com/gpu': '1' }, { 'hami.io/gpu-scheduler-policy': 'x' }),
    ['topology-aware'],
  ],
  [
    'managed that is no switch',
    podWith({ 'nvidia.com/gpu': '1' }, { 'muster.dev/managed': 'no' }),
    ['muster.dev/managed: "no"'],
  ],
  ['a request that is not JSON', pod({ [REQUEST]: '{' }), [`annotation ${REQUEST}`, 'JSON']],
  ['a request for a container that is not there', pod({ [REQUEST]: '{"containers":{"c":{"count":1}}}' }), ['"c"']],
  [
    'Koordinator’s compute without memory',
    podWith({ 'koordinator.sh/gpu-core': '50' }),
    ['gpu-core: "50"', 'gpu-memory-ratio'],
  ],
  ['Koordinator’s uneven split', podWith({ 'koordinator.sh/gpu': '150' }), ['koordinator.sh/gpu: "150"']],
  [
    'two containers of one name',
    pod({}, { containers: [container('a', { 'nvidia.com/gpu': '1' }), container('a')] }),
    ['"a"', 'rename'],
  ],
];

describe('a pod that contradicts itself is refused with both lines', () => {
  it.each(CONTRADICTIONS)('%s', (_title, asked, texts) => {
    const ask = readAsk(asked);
    if (ask.kind !== 'invalid') throw new Error(JSON.stringify(ask));
    expect(ask.mig).toBe(false);
    for (const text of ['pod lab/train: ', ...texts]) expect(ask.message).toContain(text);
  });
});

describe('a malformed line is refused by name', () => {
  it.each(MALFORMED)('%s', (_title, asked, texts) => {
    const ask = readAsk(asked);
    if (ask.kind !== 'invalid') throw new Error(JSON.stringify(ask));
    for (const text of ['pod lab/train: ', ...texts]) expect(ask.message).toContain(text);
  });
});

describe('MIG and other nodes', () => {
  const mig = { 'nvidia.com/mig-1g.5gb': '1' };
  it('MIG is refused on managed nodes and says so', () => {
    expect(readAsk(podWith(mig))).toMatchObject({
      kind: 'invalid',
      mig: true,
      message: expect.stringContaining('mig-1g.5gb'),
    });
  });
  it('MIG is refused whatever else the pod says', () => {
    const request = { [REQUEST]: '{"containers":{"a":{"count":1}}}' };
    expect(readAsk(podWith(mig, request))).toMatchObject({ kind: 'invalid', mig: true });
  });
  it('MIG on other nodes is left alone', () => {
    expect(readAsk(podWith(mig, { 'muster.dev/managed': 'false' }))).toEqual({ kind: 'unmanaged' });
  });
  it('an amount of 0 asks for no MIG', () => {
    expect(readAsk(podWith({ 'nvidia.com/mig-1g.5gb': '0' }))).toEqual({ kind: 'none' });
  });
  it('HAMi’s MIG mode is MIG', () => {
    expect(readAsk(podWith({ 'nvidia.com/gpu': '1' }, { 'nvidia.com/vgpu-mode': 'mig' }))).toMatchObject({ mig: true });
  });
  it('HAMi’s MIG mode on other nodes is left alone', () => {
    const annotations = { 'nvidia.com/vgpu-mode': 'mig', 'muster.dev/managed': 'false' };
    expect(readAsk(podWith({ 'nvidia.com/gpu': '1' }, annotations))).toEqual({ kind: 'unmanaged' });
  });
  it('whole GPUs may leave for other nodes, also when our count says the same', () => {
    const limits = { 'nvidia.com/gpu': '1' };
    expect(readAsk(podWith(limits, { 'muster.dev/managed': 'false' }))).toEqual({ kind: 'unmanaged' });
    const both = { 'muster.dev/managed': 'false', 'muster.dev/gpu-count': '1' };
    expect(readAsk(podWith(limits, both))).toEqual({ kind: 'unmanaged' });
  });
  it('a count in our words only cannot leave: no plugin would serve it', () => {
    expect(readAsk(pod({ 'muster.dev/managed': 'false', 'muster.dev/gpu-count': '1' }))).toMatchObject({
      kind: 'invalid',
    });
  });
});
