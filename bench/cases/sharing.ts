/** Who takes what of which GPU, compared up to renaming GPUs that the case calls interchangeable. */
import type { Claim } from '../../src/core/gpu/claim.ts';
import type { Device } from '../../src/core/gpu/device.ts';

/** One share: container (by name), GPU, MiB, per cent of its cores. */
export type Taken = {
  readonly container: string;
  readonly gpu: string;
  readonly memMiB: number;
  readonly cores: number;
};

export function takenOf(claim: Claim): readonly Taken[] {
  return claim.containers.flatMap(({ name, devices }) =>
    devices.map(({ uuid, index, mib, milli }) => ({
      container: name,
      gpu: uuid ?? `${index}`,
      memMiB: mib,
      cores: milli / 10,
    })),
  );
}

/** Equal texts: the same shares on the same GPUs, where `classOf` says which GPUs count as the same. */
export function structure(taken: readonly Taken[], classOf: (gpu: string) => string): string {
  const byGpu = new Map<string, string[]>();
  for (const { container, gpu, memMiB, cores } of taken) {
    const shares = byGpu.get(gpu) ?? [];
    byGpu.set(gpu, shares);
    shares.push(`${container} ${memMiB} MiB ${cores} %`);
  }
  return [...byGpu]
    .map(([gpu, shares]) => `${classOf(gpu)}: ${shares.sort().join(' + ')}`)
    .sort()
    .join('; ');
}

export function groupsAsClasses(groups: readonly (readonly string[])[]): (gpu: string) => string {
  const classes = new Map(groups.flatMap((group, at) => group.map((gpu) => [gpu, `any of group ${at}`] as const)));
  return (gpu) => classes.get(gpu) ?? gpu;
}

/** GPUs in the same state are as good as each other: memory, model, NUMA node, links and what is used of them. */
export function statesAsClasses(
  devices: readonly Device[],
  usedOf: (device: Device) => string,
): (gpu: string) => string {
  const classes = new Map(
    devices.map((device) => [
      device.uuid ?? `${device.index}`,
      `${device.model} ${device.mib} MiB numa ${device.numa} links ${[...device.links].sort().join()} used ${usedOf(device)}`,
    ]),
  );
  return (gpu) => classes.get(gpu) ?? gpu;
}
