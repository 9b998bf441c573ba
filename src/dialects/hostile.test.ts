import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { container, half, pod, podWith, told } from '../../test/build/asking-pods.ts';
import type { GpuAsk } from '../core/placement/pod-facts.ts';
import { readAsk } from './ask.ts';
import { isEnvSafe, usesGpu } from './env-safe.ts';
import { gangOf } from './gang.ts';
import { normalise } from './normalise.ts';
import type { PodLike } from './pod-like.ts';

/** Nothing here may throw, and a refusal must stay readable. */
function useAll(asked: PodLike): GpuAsk {
  const ask = readAsk(asked);
  expect(typeof isEnvSafe(asked, ask)).toBe('boolean');
  expect(typeof usesGpu(asked, ask)).toBe('boolean');
  gangOf(asked);
  if (ask.kind === 'request') {
    // whatever becomes a request must come back from the annotation the webhook writes
    const { request } = normalise(asked, ask.request, { largestDeviceMib: 81_920 });
    const annotated = { metadata: { annotations: { 'muster.dev/request': request } }, spec: asked.spec };
    expect(readAsk(annotated)).toEqual(ask);
  }
  if (ask.kind === 'invalid') expect(ask.message.length).toBeLessThan(2000);
  return ask;
}
/** As it would come out of a parser: `__proto__` is then an own key. */
const parsed = (json: string): PodLike => JSON.parse(json);

const KEYS = [
  'muster.dev/gpu-fraction',
  'muster.dev/gpu-memory.a',
  'muster.dev/gpu-count',
  'muster.dev/gpu-cores',
  'muster.dev/gpu-model',
  'muster.dev/request',
  'muster.dev/managed',
  'muster.dev/original-resources',
  'gpu-fraction',
  'gpu-memory',
  'gpu-fraction-num-devices',
  'gpu-fraction-container-name',
  'nvidia.com/container.a.gpu-memory.limit',
  'nvidia.com/numa-bind',
  'hami.io/gpu-scheduler-policy',
  '__proto__',
  'constructor',
];
const RESOURCES = [
  'nvidia.com/gpu',
  'nvidia.com/gpumem',
  'nvidia.com/gpumem-percentage',
  'nvidia.com/gpucores',
  'nvidia.com/mig-1g.5gb',
  'aliyun.com/gpu-mem',
  'koordinator.sh/gpu',
  'koordinator.sh/gpu.shared',
  'koordinator.sh/gpu-memory',
  'volcano.sh/vgpu-number',
  'volcano.sh/vgpu-memory',
  '__proto__',
];
const value = fc.oneof(
  fc.constantFrom('0.5', '1', '2', '4096', '8Gi', '0', '-1', 'NaN', 'true', 'false', 'a', '1e99', '9'.repeat(400)),
  fc.string(),
  fc.json(),
  fc.anything(),
);
const bagOf = (keys: string[]) => fc.dictionary(fc.oneof(fc.constantFrom(...keys), fc.string()), value, { maxKeys: 5 });
const anyContainer = fc.oneof(
  fc.record(
    {
      name: fc.oneof(fc.constantFrom('a', 'b', '__proto__', 'constructor'), fc.anything()),
      resources: fc.oneof(fc.record({ limits: bagOf(RESOURCES), requests: bagOf(RESOURCES) }), fc.anything()),
      restartPolicy: fc.oneof(fc.constant('Always'), fc.anything()),
      env: fc.oneof(
        fc.array(fc.record({ name: fc.constant('NVIDIA_VISIBLE_DEVICES'), value, valueFrom: value })),
        fc.anything(),
      ),
    },
    { requiredKeys: [] },
  ),
  fc.anything(),
);
const anyPod = fc.record(
  {
    metadata: fc.oneof(
      fc.record({ annotations: bagOf(KEYS), labels: fc.anything(), name: fc.anything() }),
      fc.anything(),
    ),
    spec: fc.oneof(
      fc.record(
        {
          containers: fc.array(anyContainer, { maxLength: 3 }),
          initContainers: fc.oneof(fc.array(anyContainer, { maxLength: 2 }), fc.anything()),
          ephemeralContainers: fc.anything(),
          schedulingGroup: fc.anything(),
        },
        { requiredKeys: ['containers'] },
      ),
      fc.anything(),
    ),
  },
  { requiredKeys: [] },
);

describe('hostile pods', () => {
  it('nothing throws for pods of any shape', () => {
    fc.assert(
      fc.property(anyPod, (asked) => void useAll(asked as PodLike)),
      { numRuns: 3000 },
    );
  });
  it('nothing throws for anything at all', () => {
    fc.assert(fc.property(fc.anything({ withNullPrototype: true }), (asked) => void useAll(asked as PodLike)));
  });

  it('names of Object’s own are names like any other', () => {
    const json = (name: string) =>
      parsed(`{"metadata":{"annotations":{"__proto__":"0.5","constructor":"1","toString":"x","muster.dev/gpu-fraction.${name}":"0.5"}},
        "spec":{"containers":[{"name":"${name}","resources":{"limits":{"__proto__":"1"}}}]}}`);
    expect(told(useAll(json('constructor')))).toEqual({ c0: { count: 1, share: half } });
    expect(useAll(json('__proto__'))).toMatchObject({ kind: 'invalid' });
    expect(Object.hasOwn(Object.prototype, 'limits')).toBe(false);
  });
  it('what a prototype offers was not written', () => {
    const annotations = Object.create({ 'gpu-fraction': '0.5' });
    expect(useAll(pod(annotations))).toEqual({ kind: 'none' });
    const spec = Object.create({ containers: [container('a', { 'nvidia.com/gpu': '1' })] });
    expect(useAll(pod({}, spec))).toEqual({ kind: 'none' });
  });
  it('a value that is no text is refused, not skipped', () => {
    const asked = parsed(
      '{"metadata":{"annotations":{"gpu-fraction":{"toString":1}}},"spec":{"containers":[{"name":"a"}]}}',
    );
    expect(useAll(asked)).toMatchObject({ kind: 'invalid' });
  });
  it('huge texts give short refusals, fast', () => {
    const huge = '9'.repeat(1_000_000);
    for (const key of KEYS) expect(useAll(pod({ [key]: huge })).kind).toMatch(/invalid|none/);
    for (const key of RESOURCES) expect(useAll(podWith({ [key]: huge })).kind).toMatch(/invalid|none/);
    expect(useAll(pod({ [`muster.dev/gpu-${huge}`]: '1' }))).toMatchObject({ kind: 'invalid' });
    const named = {
      metadata: { name: huge, namespace: huge, annotations: { 'gpu-fraction': 'x' } },
      spec: { containers: [{ name: huge }] },
    };
    expect(useAll(named)).toMatchObject({ kind: 'invalid' });
  });
  it('10,000 annotations and containers are read once each', () => {
    const annotations = Object.fromEntries(
      Array.from({ length: 10_000 }, (_, at) => [`muster.dev/gpu-fraction.c${at}`, '0.5']),
    );
    const containers = Array.from({ length: 10_000 }, (_, at) => container(`c${at}`));
    const started = performance.now();
    useAll(pod(annotations, { containers: containers.slice(0, 1) }));
    useAll(pod(annotations, { containers }));
    expect(performance.now() - started).toBeLessThan(3000);
  });
  it('65 asking containers are more than a claim holds', () => {
    const asking = (count: number) =>
      pod({}, { containers: Array.from({ length: count }, (_, at) => container(`c${at}`, { 'nvidia.com/gpu': '1' })) });
    expect(useAll(asking(64)).kind).toBe('request');
    expect(useAll(asking(65)).kind).toBe('invalid');
  });
  it('a pod without containers that asks is refused', () => {
    expect(useAll(pod({ 'gpu-fraction': '0.5' }, { containers: [] }))).toMatchObject({ kind: 'invalid' });
  });
});
