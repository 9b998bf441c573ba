import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { container, pod, podWith } from '../../test/build/asking-pods.ts';
import type { GpuRequest } from '../core/gpu/request.ts';
import { readAsk } from './ask.ts';
import { DIALECT_RESOURCES, type Normalisation, normalise } from './normalise.ts';
import type { ContainerLike, PodLike } from './pod-like.ts';

const OPTIONS = { largestDeviceMib: 81_920 };

function requestOf(asked: PodLike): GpuRequest {
  const ask = readAsk(asked);
  if (ask.kind !== 'request') throw new Error(JSON.stringify(ask));
  return ask.request;
}
const normalised = (asked: PodLike): Normalisation => normalise(asked, requestOf(asked), OPTIONS);

/** The pod as the webhook's patch leaves it. */
function applied(asked: PodLike, change: Normalisation): PodLike {
  const without = (
    amounts: Readonly<Record<string, string>> | undefined,
    keys: readonly string[],
    milli: number | null,
  ) => ({
    ...Object.fromEntries(Object.entries(amounts ?? {}).filter(([key]) => !keys.includes(key))),
    ...(milli === null ? {} : { 'muster.dev/gpu-milli': String(milli) }),
  });
  const patched =
    (prefix: 'c' | 'i') =>
    (old: ContainerLike, at: number): ContainerLike => {
      const found = change.containers.find(({ slot }) => slot === `${prefix}${at}`);
      if (found === undefined) throw new Error(`no change for ${prefix}${at}`);
      const limits = without(old.resources?.limits, found.removeLimits, found.gpuMilli);
      const requests = without(old.resources?.requests, found.removeRequests, found.gpuMilli);
      return { ...old, resources: { limits, requests } };
    };
  const annotations = {
    ...asked.metadata?.annotations,
    'muster.dev/request': change.request,
    ...(change.original === null ? {} : { 'muster.dev/original-resources': change.original }),
  };
  return {
    metadata: { ...asked.metadata, annotations },
    spec: {
      ...asked.spec,
      containers: (asked.spec?.containers ?? []).map(patched('c')),
      initContainers: (asked.spec?.initContainers ?? []).map(patched('i')),
    },
  };
}

describe('what the webhook changes', () => {
  const cases: [string, PodLike, number][] = [
    ['a fraction', pod({ 'gpu-fraction': '0.5' }), 500],
    ['k devices with a share each', pod({ 'gpu-fraction': '0.3', 'gpu-fraction-num-devices': '3' }), 900],
    ['whole devices', podWith({ 'nvidia.com/gpu': '2' }), 2000],
    [
      'memory: a lower bound over the largest device',
      pod({ 'gpu-memory': '40960', 'gpu-fraction-num-devices': '2' }),
      1000,
    ],
    ['little memory counts at least 1', pod({ 'gpu-memory': '1' }), 1],
    [
      'memory with cores counts the cores',
      pod({ 'muster.dev/gpu-memory': '40960', 'muster.dev/gpu-cores': '10' }),
      100,
    ],
    ['per cent of memory only', podWith({ 'nvidia.com/gpumem-percentage': '25' }), 250],
  ];
  it.each(cases)('gpu-milli of %s', (_title, asked, milli) => {
    expect(normalised(asked).containers[0]?.gpuMilli).toBe(milli);
  });

  it('takes away what other plugins serve, keeps what it took, leaves the rest', () => {
    const limits = { 'nvidia.com/gpu': '1', 'nvidia.com/gpumem': '3000', 'nvidia.com/priority': '1', cpu: '2' };
    const asked = pod(
      {},
      { containers: [container('a', limits), container('b', { 'nvidia.com/gpu': '0', 'muster.dev/gpu-milli': '9' })] },
    );
    const change = normalised(asked);
    expect(change.containers).toEqual([
      {
        name: 'a',
        slot: 'c0',
        removeLimits: ['nvidia.com/gpu', 'nvidia.com/gpumem', 'nvidia.com/priority'],
        removeRequests: ['nvidia.com/gpu', 'nvidia.com/gpumem', 'nvidia.com/priority'],
        gpuMilli: 36,
      },
      {
        name: 'b',
        slot: 'c1',
        removeLimits: ['nvidia.com/gpu', 'muster.dev/gpu-milli'],
        removeRequests: ['nvidia.com/gpu', 'muster.dev/gpu-milli'],
        gpuMilli: null,
      },
    ]);
    const { cpu: _, ...taken } = limits;
    expect(JSON.parse(change.original ?? '')).toMatchObject({ a: { limits: taken, requests: taken } });
  });

  it('init containers and sidecars carry their own amounts', () => {
    const asked = pod(
      { 'muster.dev/gpu-fraction': '0.5', 'muster.dev/gpu-fraction.w': '0.2', 'muster.dev/gpu-count.s': '1' },
      {
        containers: [container('a')],
        initContainers: [container('w'), container('s', {}, { restartPolicy: 'Always' })],
      },
    );
    expect(normalised(asked).containers.map(({ slot, gpuMilli }) => [slot, gpuMilli])).toEqual([
      ['i0', 200],
      ['i1', 1000],
      ['c0', 500],
    ]);
  });

  it('a resource that another webhook adds later is taken too, and the first original is kept', () => {
    const once = podWith({ 'nvidia.com/gpu': '1' });
    const first = applied(once, normalised(once));
    const late = {
      ...first,
      spec: { containers: [...(first.spec?.containers ?? []), container('late', { 'nvidia.com/gpu': '1' })] },
    };
    expect(JSON.parse(normalised(late).original ?? '')).toMatchObject({
      a: { limits: { 'nvidia.com/gpu': '1' } },
      late: { limits: { 'nvidia.com/gpu': '1' } },
    });
  });

  it('a container that another webhook puts in front moves the share’s slot with it', () => {
    const asked = pod({ 'gpu-fraction': '0.5' });
    const first = applied(asked, normalised(asked));
    const moved = { ...first, spec: { containers: [container('mesh'), ...(first.spec?.containers ?? [])] } };
    expect(requestOf(moved).containers.map(({ name, slot }) => [name, slot])).toEqual([['a', 'c1']]);
  });
});

describe('laws', () => {
  const thousandth = fc.integer({ min: 1, max: 1000 }).map((milli) => (milli / 1000).toFixed(3));
  const amount = fc.integer({ min: 1, max: 100_000 }).map(String);
  const count = fc.integer({ min: 1, max: 16 }).map(String);
  /** how one container asks: limits of its own, or annotations of ours with its name */
  const words = fc.oneof(
    fc.record({ 'nvidia.com/gpu': count }).map((limits) => ({ limits, keys: {} })),
    fc
      .record(
        {
          'nvidia.com/gpu': count,
          'nvidia.com/gpumem': amount,
          'nvidia.com/gpucores': fc.integer({ min: 0, max: 120 }).map(String),
        },
        { requiredKeys: ['nvidia.com/gpumem'] },
      )
      .map((limits) => ({ limits, keys: {} })),
    fc.record({ 'aliyun.com/gpu-mem': count }).map((limits) => ({ limits, keys: {} })),
    fc
      .record({ 'gpu-fraction': thousandth, 'gpu-count': count }, { requiredKeys: ['gpu-fraction'] })
      .map((keys) => ({ limits: {}, keys })),
    fc
      .record(
        { 'gpu-memory': amount, 'gpu-cores': fc.integer({ min: 1, max: 100 }).map(String), 'gpu-count': count },
        { requiredKeys: ['gpu-memory'] },
      )
      .map((keys) => ({ limits: {}, keys })),
    fc.constant({ limits: {}, keys: {} }),
  );
  const wishes = fc.record(
    {
      'muster.dev/device-policy': fc.constantFrom('pack', 'link'),
      'nvidia.com/use-gputype': fc.string(),
      'nvidia.com/nouse-gpuuuid': fc.array(fc.stringMatching(/^GPU-[0-9a-f"\\]{1,6}$/), { maxLength: 4 }).map(String),
      'hami.io/node-scheduler-policy': fc.constantFrom('binpack', 'spread'),
      'unrelated.example/key': fc.string(),
    },
    { requiredKeys: [] },
  );
  const anyAsking = fc.tuple(words, words, words, words, wishes).map(([a, b, w, s, extra]) => {
    const said = { a, b, w, s };
    const keys = Object.entries(said).flatMap(([name, { keys }]) =>
      Object.entries(keys).map(([key, text]) => [`muster.dev/${key}.${name}`, String(text)]),
    );
    const of = (name: keyof typeof said, more: ContainerLike = {}) =>
      container(name, { cpu: '1', ...said[name].limits } as Record<string, string>, more);
    return pod({ ...extra, ...Object.fromEntries(keys) } as Record<string, string>, {
      containers: [of('a'), of('b')],
      initContainers: [of('w'), of('s', { restartPolicy: 'Always' })],
    });
  });

  it('normalising keeps the meaning, leaves no foreign resource, and once more changes nothing', () => {
    let asked = 0;
    fc.assert(
      fc.property(anyAsking, (original) => {
        const ask = readAsk(original);
        if (ask.kind !== 'request') return;
        asked += 1;
        const first = normalise(original, ask.request, OPTIONS);
        const after = applied(original, first);
        expect(readAsk(after)).toEqual(ask);
        const left = [...(after.spec?.containers ?? []), ...(after.spec?.initContainers ?? [])];
        for (const { resources } of left) {
          for (const key of DIALECT_RESOURCES) {
            expect(resources?.limits).not.toHaveProperty([key]);
            expect(resources?.requests).not.toHaveProperty([key]);
          }
          expect(resources?.limits).toHaveProperty('cpu');
        }
        const second = normalise(after, requestOf(after), OPTIONS);
        expect(second.request).toBe(first.request);
        expect(second.original).toBeNull();
        expect(applied(after, second)).toEqual(after);
      }),
      { numRuns: 400 },
    );
    expect(asked).toBeGreaterThan(200);
  });
});
