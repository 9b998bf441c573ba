/**
 * What the webhook must change on a pod so that kube-scheduler and kubelet let it onto managed nodes: the request in our one
 * form, the resources that only other device plugins know taken away (and kept in an annotation), `muster.dev/gpu-milli` on
 * every container with a share. A pod that was normalised needs no change: normalising is idempotent.
 */
import { gpuMilliOf } from '../core/gpu/gpu-milli.ts';
import type { ContainerNeed, ContainerSlot, GpuRequest } from '../core/gpu/request.ts';
import { encodeRequest } from '../core/gpu/request-json.ts';
import { GPU_MILLI, ORIGINAL } from '../core/names.ts';
import { ALIYUN_MEMORY } from './aliyun.ts';
import { HAMI_RESOURCES } from './hami.ts';
import { KOORDINATOR_RESOURCES } from './koordinator.ts';
import { PLAIN_GPU } from './plain.ts';
import { type ContainerView, type PodLike, viewPod } from './pod-like.ts';
import { VOLCANO_RESOURCES } from './volcano.ts';

/** Resources of every dialect: no node without that dialect's device plugin has them. */
export const DIALECT_RESOURCES: readonly string[] = [
  PLAIN_GPU,
  ...HAMI_RESOURCES,
  ALIYUN_MEMORY,
  ...VOLCANO_RESOURCES,
  ...KOORDINATOR_RESOURCES,
];

export type ContainerChange = {
  readonly name: string;
  readonly slot: ContainerSlot;
  /** resource keys to take out of `resources.limits` and `resources.requests` */
  readonly removeLimits: readonly string[];
  readonly removeRequests: readonly string[];
  /** `muster.dev/gpu-milli` as limit and request; null: the container has no share and must not have the key */
  readonly gpuMilli: number | null;
};

export type Normalisation = {
  /** value of the annotation `muster.dev/request` */
  readonly request: string;
  /** value of the annotation `muster.dev/original-resources`; null: leave it as it is */
  readonly original: string | null;
  /** all containers and init containers of the pod, in spec order, init containers first; amounts that stand already included */
  readonly containers: readonly ContainerChange[];
};

export type NormaliseOptions = {
  /** MiB of the largest device in the cluster, ≥ 1: the lower bound of memory-only shares */
  readonly largestDeviceMib: number;
};

/** `request`: what `readAsk` answered for this pod. */
export function normalise(pod: PodLike, request: GpuRequest, options: NormaliseOptions): Normalisation {
  const view = viewPod(pod);
  const needs = new Map(request.containers.map((need) => [need.slot, need]));
  const changes: ContainerChange[] = [];
  const taken = new Map<string, Taken>();
  for (const container of view.containers) {
    if (container.slot === null) continue;
    const need = needs.get(container.slot);
    const spare = need === undefined ? [...DIALECT_RESOURCES, GPU_MILLI] : DIALECT_RESOURCES;
    const removeLimits = spare.filter((key) => container.limits.has(key));
    const removeRequests = spare.filter((key) => container.requests.has(key));
    if (removeLimits.length + removeRequests.length > 0) {
      taken.set(container.name, takenFrom(container, removeLimits, removeRequests));
    }
    changes.push({
      name: container.name,
      slot: container.slot,
      removeLimits,
      removeRequests,
      gpuMilli: need === undefined ? null : milliOf(need, request, options),
    });
  }
  return {
    request: encodeRequest(request),
    original: taken.size === 0 ? null : originalText(view.annotations.get(ORIGINAL), taken),
    containers: changes,
  };
}

/**
 * Milli on this container alone. The API server applies its own rule over containers (sidecars, the largest init container)
 * to these amounts, so they are not summed up here.
 */
function milliOf(need: ContainerNeed, request: GpuRequest, options: NormaliseOptions): number {
  return gpuMilliOf({ ...request, containers: [need] }, options.largestDeviceMib);
}

type Taken = {
  readonly limits?: Readonly<Record<string, string>>;
  readonly requests?: Readonly<Record<string, string>>;
};

function takenFrom(container: ContainerView, limits: readonly string[], requests: readonly string[]): Taken {
  const pick = (keys: readonly string[], from: ReadonlyMap<string, string>) =>
    Object.fromEntries(keys.map((key) => [key, from.get(key) ?? '']));
  return {
    ...(limits.length > 0 && { limits: pick(limits, container.limits) }),
    ...(requests.length > 0 && { requests: pick(requests, container.requests) }),
  };
}

/** What was taken in an earlier pass stays, unless that text is not ours. */
function originalText(earlier: string | undefined, taken: ReadonlyMap<string, Taken>): string {
  const kept = new Map<string, unknown>();
  try {
    const parsed: unknown = JSON.parse(earlier ?? '{}');
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) {
      for (const [name, value] of Object.entries(parsed)) kept.set(name, value);
    }
  } catch {
    // not JSON: nothing of ours to keep
  }
  for (const [name, value] of taken) kept.set(name, value);
  return JSON.stringify(Object.fromEntries(kept));
}
