/**
 * Which devices a pod's containers see, judged by what decides it on the node: the variable NVIDIA_VISIBLE_DEVICES, which the
 * NVIDIA runtime obeys and which images set to `all`. The last variable of a name wins, and `envFrom` never overrides `env`
 * (Kubernetes' rules). The runtime also obeys CDI annotations and mounts below its volume-mount directory.
 */

import type { ContainerSlot } from '../core/gpu/request.ts';
import { DEVICE_MOUNTS, ENV_NONE, ENV_VISIBLE, ENV_VOID, visibleDevices } from '../core/names.ts';
import type { GpuAsk } from '../core/placement/pod-facts.ts';
import { HAMI_RESOURCES } from './hami.ts';
import { DIALECT_RESOURCES } from './normalise.ts';
import { migLine } from './plain.ts';
import { type ContainerView, type EnvView, type PodLike, type PodView, viewPod } from './pod-like.ts';
import { annotationLine, quote } from './words.ts';

const SEES_NOTHING: readonly string[] = [ENV_VOID, ENV_NONE];

const CDI_PREFIX = 'cdi.k8s.io/';

/** Resources that bring no device with them. */
const TUNING: readonly string[] = [HAMI_RESOURCES[3]];

/**
 * Every container with a share takes its devices from its own slot's annotation, every other one is `void` (an ephemeral one may
 * also take those of one of the pod's shares: who debugs the pod sees what the pod sees), and nothing else of the pod brings NVIDIA devices in. What the webhook writes passes.
 */
export const isEnvSafe = (pod: PodLike, ask: GpuAsk): boolean => isViewEnvSafe(viewPod(pod), ask);

/** The same for a pod that was viewed already. */
export function isViewEnvSafe(view: PodView, ask: GpuAsk): boolean {
  const shares = new Set<ContainerSlot>(ask.kind === 'request' ? ask.request.containers.map((need) => need.slot) : []);
  if (namesDevices(view)) return false;
  const ownPaths = new Set([...shares].map((slot) => fieldPathOf(slot)));
  return view.containers.every((container) => {
    const visible = visibleEnv(container);
    if (visible === null) return false;
    if (container.slot !== null && shares.has(container.slot)) {
      return visible.fieldPath === fieldPathOf(container.slot);
    }
    if (container.role === 'ephemeral' && ownPaths.has(visible.fieldPath)) return true;
    return visible.value !== null && SEES_NOTHING.includes(visible.value);
  });
}

/**
 * Without a claim the pod may see GPUs of its node: it has GPU resources, asks for GPUs in any dialect, or names devices by
 * variable, CDI annotation or mount. An image that itself sets the variable is not seen here. The pods of DaemonSets that only
 * look at devices (metric exporters, validators of the GPU operator: they show themselves all of them) use none of their memory
 * or compute: there only resources and requests count.
 */
export const usesGpu = (pod: PodLike, ask: GpuAsk): boolean => viewUsesGpu(viewPod(pod), ask);

/** The same for a pod that was viewed already. */
export function viewUsesGpu(view: PodView, ask: GpuAsk): boolean {
  if (ask.kind !== 'none') return true;
  if (migLine(view) !== null || view.containers.some(holdsDevice)) return true;
  if (view.ofDaemonSet) return false;
  return namesDevices(view) || view.containers.some((container) => showsDevice(visibleEnv(container)));
}

function holdsDevice(container: ContainerView): boolean {
  return DIALECT_RESOURCES.some((key) => {
    const amount = container.limits.get(key) ?? container.requests.get(key) ?? '0';
    return amount !== '0' && !TUNING.includes(key);
  });
}

/** Empty counts as unset for the runtime: no device. */
function showsDevice(visible: EnvView | null): boolean {
  if (visible === null) return false;
  return visible.value === null || (visible.value !== '' && !SEES_NOTHING.includes(visible.value));
}

function visibleEnv(container: ContainerView): EnvView | null {
  return container.env.findLast((variable) => variable.name === ENV_VISIBLE) ?? null;
}

function fieldPathOf(slot: ContainerSlot): string {
  return `metadata.annotations['${visibleDevices(slot)}']`;
}

const namesDevices = (pod: PodView): boolean => deviceLine(pod) !== null;

/** The first line of the pod that chooses GPUs past Muster by the other two doors of the NVIDIA runtime; null without one. */
export function pastMusterLine(pod: PodLike): string | null {
  return deviceLine(viewPod(pod));
}

function deviceLine(pod: PodView): string | null {
  for (const [key, value] of pod.annotations) {
    if (key.startsWith(CDI_PREFIX) && value.includes('nvidia.com/')) return annotationLine(key, value);
  }
  for (const container of pod.containers) {
    const path = container.mountPaths.find((mount) => mount.startsWith(DEVICE_MOUNTS));
    if (path !== undefined) return `container ${quote(container.name)} volumeMount: ${quote(path)}`;
  }
  return null;
}
