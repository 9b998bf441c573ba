/** The resource `muster.dev/gpu-milli` of a whole pod: what kube-scheduler, quotas and autoscalers see of its GPUs. */
import type { ContainerNeed, GpuRequest } from './request.ts';

/**
 * Milli of the pod by Kubernetes' rule for containers (see peak.ts), summed over devices. Compute shares are exact. A share
 * of memory only is a lower bound, so that no pod that would fit is kept away: its memory over `largestDeviceMib` (the
 * largest device in the cluster by configuration, ≥ 1), at least 1 and at most 1000 per device.
 */
export function gpuMilliOf(request: GpuRequest, largestDeviceMib: number): number {
  let sidecars = 0;
  let apps = 0;
  let peak = 0;
  for (const need of request.containers) {
    const milli = need.count * perDevice(need, largestDeviceMib);
    if (need.role === 'init') peak = Math.max(peak, sidecars + milli);
    else if (need.role === 'sidecar') sidecars += milli;
    else apps += milli;
  }
  return Math.max(peak, sidecars + apps);
}

function perDevice({ share }: ContainerNeed, largestDeviceMib: number): number {
  if (share.milli > 0) return share.milli;
  const { memory } = share;
  const milli = 'mib' in memory ? Math.floor((memory.mib * 1000) / largestDeviceMib) : memory.milli;
  return Math.min(1000, Math.max(1, milli));
}
