/** Pods for the tests of this room: what a case is about, without the noise of a manifest. */
import type { ShareNeed } from '../../src/core/gpu/request.ts';
import type { GpuAsk } from '../../src/core/placement/pod-facts.ts';
import type { ContainerLike, PodLike } from '../../src/dialects/pod-like.ts';

export const half: ShareNeed = { milli: 500, memory: { milli: 500 } };
export const whole: ShareNeed = { milli: 1000, memory: { milli: 1000 } };
export const mib = (amount: number, milli = 0): ShareNeed => ({ milli, memory: { mib: amount } });

export function container(name: string, limits: Record<string, string> = {}, more: ContainerLike = {}): ContainerLike {
  return { name, resources: { limits, requests: limits }, ...more };
}

/** Containers are `a`, `b` without resources unless given. */
export function pod(
  annotations: Record<string, string>,
  spec: NonNullable<PodLike['spec']> = { containers: [container('a'), container('b')] },
  labels: Record<string, string> = {},
): PodLike {
  return { metadata: { namespace: 'lab', name: 'train', uid: 'u1', labels, annotations }, spec };
}

/** A pod with one container `a` that has these limits. */
export function podWith(limits: Record<string, string>, annotations: Record<string, string> = {}): PodLike {
  return pod(annotations, { containers: [container('a', limits)] });
}

/** `c0 2 × {milli, memory}` per container of the request, or the refusal's text; short enough for a table. */
export function told(ask: GpuAsk): unknown {
  if (ask.kind === 'invalid') return ask.message;
  if (ask.kind !== 'request') return ask.kind;
  return Object.fromEntries(ask.request.containers.map(({ slot, count, share }) => [slot, { count, share }]));
}
