/** Their GPUs as devices of ours, and what is used of them as pods that stand on the node. */
import type { DeviceShare } from '../../src/core/gpu/claim.ts';
import type { Device } from '../../src/core/gpu/device.ts';
import type { Gpu, Links } from './case-file.ts';

/** Weight of one kind of link; several between one pair add up (the scale that NVIDIA’s and vgpu-manager’s allocators share). */
const LINK_WEIGHTS: Readonly<Record<string, number>> = { SYS: 10, NODE: 20, PHB: 30, PXB: 40, PIX: 50, PSB: 60 };

export function linkWeightOf(types: readonly string[]): number {
  return types.reduce((sum, type) => {
    const nvlink = /^NV(\d+)$/.exec(type);
    return sum + (nvlink === null ? (LINK_WEIGHTS[type] ?? 0) : 100 * Number(nvlink[1]));
  }, 0);
}

/** In the order of the case: a case may number several GPUs alike, so positions are the indices. */
export function devicesOf(gpus: readonly Gpu[], links: Links): readonly Device[] {
  const positionOf = new Map(gpus.map((gpu, position) => [gpu.index, position] as const).reverse());
  return gpus.map((gpu, position): Device => {
    const weights = gpus.map((other) => gpu.linkScores?.[other.id] ?? 0);
    for (const [a, b, types] of links) {
      const one = positionOf.get(a);
      const two = positionOf.get(b);
      if (one === position && two !== undefined) weights[two] = linkWeightOf(types);
      if (two === position && one !== undefined) weights[one] = linkWeightOf(types);
    }
    return {
      uuid: gpu.id === '' ? null : gpu.id,
      index: position,
      mib: Math.max(1, gpu.memMiB),
      model: gpu.model,
      numa: gpu.numa === null || gpu.numa === undefined || gpu.numa < 0 ? null : gpu.numa,
      links: weights.some((weight) => weight !== 0) ? weights : [],
      // a GPU cut by MIG is not one of our devices
      healthy: gpu.healthy && !gpu.cordoned && gpu.mode !== 'mig',
    };
  });
}

/** What is used of the GPU at the start. Whoever shares it holds at least 1 MiB; cores that it does not have count as used. */
export function usedShare(gpu: Gpu, device: Device): DeviceShare | null {
  const milli = 1000 - 10 * (gpu.cores - gpu.usedCores);
  const mib = gpu.usedMiB === 0 && gpu.usedSlots > 0 ? 1 : gpu.usedMiB;
  if (milli <= 0 && mib === 0) return null;
  return { uuid: device.uuid, index: device.index, mib, milli: Math.max(0, milli) };
}
