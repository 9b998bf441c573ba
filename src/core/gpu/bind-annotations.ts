/** What a Binding carries of a claim: the claim itself, and per container what its environment takes by fieldRef. */
import { CLAIM, gpuMemoryLimit, gpuSmLimit, visibleDevices } from '../names.ts';
import type { Claim, DeviceShare } from './claim.ts';
import { encodeClaim } from './claim-json.ts';
import type { Device } from './device.ts';
import { WHOLE_MILLI } from './request.ts';

/**
 * `devices`: those of the node, if known: a share of all memory of its device then gets no memory limit.
 *
 * HAMi-core's rules (its `multiprocess_memory_limit.c` and rate limiter): a memory limit is `<MiB>m`; unset or empty means no
 * limit, and a limit equal to the card would still count its own bookkeeping against it, so for whole devices it is
 * empty: written all the same, so that every variable that the webhook set resolves. An SM limit of 0, 100 or more never throttles; unset counts as 100.
 * Both hold one value for all devices of a container: where shares differ (mixed models), the smallest.
 */
export function bindAnnotations(claim: Claim, devices: readonly Device[] = []): Record<string, string> {
  const annotations: Record<string, string> = { [CLAIM]: encodeClaim(claim) };
  for (const container of claim.containers) {
    annotations[visibleDevices(container.slot)] = container.devices
      .map(({ uuid, index }) => uuid ?? String(index))
      .join(',');
    const limited = container.devices.filter((share) => !takesAllMemory(share, devices));
    const least = limited.reduce((mib, share) => Math.min(mib, share.mib), Number.POSITIVE_INFINITY);
    annotations[gpuMemoryLimit(container.slot)] = limited.length > 0 ? `${least}m` : '';
    annotations[gpuSmLimit(container.slot)] = smLimit(container.devices);
  }
  return annotations;
}

/** Per cent, rounded up so that a share of 1 milli is not 0. '0': no limit, for whole devices and shares without compute. */
function smLimit(shares: readonly DeviceShare[]): string {
  const milli = shares.reduce(
    (least, share) => (share.milli === 0 ? least : Math.min(least, share.milli)),
    WHOLE_MILLI,
  );
  return milli === WHOLE_MILLI ? '0' : String(Math.ceil(milli / 10));
}

function takesAllMemory(share: DeviceShare, devices: readonly Device[]): boolean {
  const device = devices.find(({ uuid, index }) => (share.uuid === null ? index === share.index : uuid === share.uuid));
  return device !== undefined && share.mib >= device.mib;
}
