import { describe, expect, it } from 'vitest';
import { container, pod } from '../../test/build/asking-pods.ts';
import { readAsk } from './ask.ts';
import { isEnvSafe, usesGpu } from './env-safe.ts';
import type { ContainerLike, EnvLike, PodLike } from './pod-like.ts';

const VISIBLE = 'NVIDIA_VISIBLE_DEVICES';
const literal = (value: string): EnvLike => ({ name: VISIBLE, value });
const field = (fieldPath: string): EnvLike => ({ name: VISIBLE, valueFrom: { fieldRef: { fieldPath } } });
const slot = (name: string): EnvLike => field(`metadata.annotations['muster.dev/visible-devices.${name}']`);
const fromMap = { name: VISIBLE, valueFrom: { configMapKeyRef: { name: 'm', key: 'k' } } } as EnvLike;

/** `a` has half a device, `b` none; an init container `w` has a quarter. */
function shared(a: EnvLike[], b: EnvLike[], w: EnvLike[], more: NonNullable<PodLike['spec']> = {}): PodLike {
  return pod(
    { 'muster.dev/gpu-fraction': '0.5', 'muster.dev/gpu-fraction.w': '0.25' },
    {
      containers: [container('a', {}, { env: a }), container('b', {}, { env: b })],
      initContainers: [container('w', {}, { env: w })],
      ...more,
    },
  );
}
const good: [EnvLike[], EnvLike[], EnvLike[]] = [[slot('c0')], [literal('void')], [slot('i0')]];
const withEphemeral = (env: EnvLike[]) => shared(...good, { ephemeralContainers: [{ name: 'debug', env }] });

describe('a pod with shares is safe when', () => {
  const cases: [string, PodLike, boolean][] = [
    ['each share takes its own slot and the rest is void', shared(...good), true],
    ['the rest is none', shared([slot('c0')], [literal('none')], [slot('i0')]), true],
    [
      'the last variable of the name is ours',
      shared([literal('all'), slot('c0')], [literal('all'), literal('void')], [slot('i0')]),
      true,
    ],
    ['not: the last variable is another', shared([slot('c0'), literal('all')], [literal('void')], [slot('i0')]), false],
    [
      'not: the last of the rest is another',
      shared([slot('c0')], [literal('void'), literal('0')], [slot('i0')]),
      false,
    ],
    ['not: a share takes another’s slot', shared([slot('i0')], [literal('void')], [slot('c0')]), false],
    ['not: the slot only starts the same', shared([slot('c00')], [literal('void')], [slot('i0')]), false],
    ['not: another annotation', shared([field("metadata.annotations['x']")], [literal('void')], [slot('i0')]), false],
    ['not: a share with a literal', shared([literal('void')], [literal('void')], [slot('i0')]), false],
    [
      'not: a value beside the reference wins nothing for the rest',
      shared([slot('c0')], [{ ...slot('c1'), value: 'void' }], [slot('i0')]),
      false,
    ],
    ['not: the rest has no variable', shared([slot('c0')], [], [slot('i0')]), false],
    ['not: the rest is empty, which images override', shared([slot('c0')], [literal('')], [slot('i0')]), false],
    [
      'not: the variable is spelled otherwise',
      shared([slot('c0')], [{ name: 'nvidia_visible_devices', value: 'void' }], [slot('i0')]),
      false,
    ],
    ['an ephemeral container is void', withEphemeral([literal('void')]), true],
    ['not: an ephemeral container has no variable', withEphemeral([]), false],
    ['an ephemeral container takes the slot of a share', withEphemeral([slot('c0')]), true],
    ['not: an ephemeral container takes a slot that has no share', withEphemeral([slot('c1')]), false],
    ['not: an ephemeral container takes a slot, and then all', withEphemeral([slot('c0'), literal('all')]), false],
  ];
  it.each(cases)('%s', (_title, asked, safe) => {
    const ask = readAsk(asked);
    expect(ask.kind).toBe('request');
    expect(isEnvSafe(asked, ask)).toBe(safe);
  });

  it('not: CDI annotations or device mounts beside it', () => {
    const safe = shared(...good);
    const cdi = pod({ ...safe.metadata?.annotations, 'cdi.k8s.io/x': 'nvidia.com/gpu=all' }, safe.spec);
    expect(isEnvSafe(cdi, readAsk(cdi))).toBe(false);
    const volumeMounts = [{ mountPath: '/var/run/nvidia-container-devices/0' }];
    const mounted = shared(...good, { initContainers: [container('w', {}, { env: [slot('i0')], volumeMounts })] });
    expect(isEnvSafe(mounted, readAsk(mounted))).toBe(false);
  });
});

describe('a pod without a share', () => {
  const bare = (env: EnvLike[], more: ContainerLike = {}): PodLike =>
    pod({}, { containers: [container('a', {}, { env, ...more })] });
  const cases: [string, PodLike, { safe: boolean; uses: boolean }][] = [
    ['void', bare([literal('void')]), { safe: true, uses: false }],
    ['no variable: the image may hold one', bare([]), { safe: false, uses: false }],
    ['all', bare([literal('all')]), { safe: false, uses: true }],
    ['an index', bare([literal('0')]), { safe: false, uses: true }],
    ['all, then void', bare([literal('all'), literal('void')]), { safe: true, uses: false }],
    ['from a ConfigMap', bare([fromMap]), { safe: false, uses: true }],
    [
      'HAMi’s priority is no device',
      bare([literal('void')], { resources: { limits: { 'nvidia.com/priority': '1' } } }),
      { safe: true, uses: false },
    ],
    [
      'a CDI annotation',
      pod({ 'cdi.k8s.io/x': 'nvidia.com/gpu=0' }, { containers: [container('a', {}, { env: [literal('void')] })] }),
      { safe: false, uses: true },
    ],
  ];
  it.each(cases)('%s', (_title, asked, { safe, uses }) => {
    const ask = readAsk(asked);
    expect(ask.kind).toBe('none');
    expect({ safe: isEnvSafe(asked, ask), uses: usesGpu(asked, ask) }).toEqual({ safe, uses });
  });
});

describe('a pod uses GPUs without a claim when', () => {
  const cases: [string, PodLike][] = [
    ['it has a limit', pod({}, { containers: [container('a', { 'nvidia.com/gpu': '1' })] })],
    ['it has MIG', pod({}, { containers: [container('a', { 'nvidia.com/mig-1g.5gb': '1' })] })],
    [
      'it opted out',
      pod({ 'muster.dev/managed': 'false' }, { containers: [container('a', { 'nvidia.com/gpu': '1' })] }),
    ],
    ['it asks by annotation', pod({ 'gpu-fraction': '0.5' })],
    ['its request cannot be read', pod({ 'gpu-fraction': 'x' })],
  ];
  it.each(cases)('%s', (_title, asked) => expect(usesGpu(asked, readAsk(asked))).toBe(true));
});

describe('a pod of a DaemonSet', () => {
  const agent = (more: NonNullable<PodLike['spec']>, annotations: Record<string, string> = {}): PodLike => {
    const asked = pod(annotations, more);
    return { ...asked, metadata: { ...asked.metadata, ownerReferences: [{ kind: 'DaemonSet' }] } };
  };
  const cases: [string, PodLike, boolean][] = [
    [
      'that only looks at all devices uses none',
      agent({ containers: [container('exporter', {}, { env: [literal('all')] })] }),
      false,
    ],
    [
      'that asks the vendor for one uses it',
      agent({ containers: [container('train', { 'nvidia.com/gpu': '1' })] }),
      true,
    ],
    [
      'that asks us for a share uses it',
      agent({ containers: [container('train')] }, { 'muster.dev/gpu-fraction': '0.5' }),
      true,
    ],
  ];
  it.each(cases)('%s', (_title, asked, uses) => expect(usesGpu(asked, readAsk(asked))).toBe(uses));
});
