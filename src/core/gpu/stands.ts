/** May a claim made earlier still be bound? The node may have changed under it. */
import type { Claim } from './claim.ts';
import type { DeviceLedger } from './ledger.ts';
import { matches } from './matching.ts';
import type { GpuRequest } from './request.ts';
import { shareOn } from './share.ts';

/**
 * True while every device of the claim is there, healthy, of the wanted kind and size, and no fuller than 100 % with the claim
 * on it. `claim` was made for `request` and is booked in `ledger` as used. Another process may have bound a pod to the same
 * device meanwhile, an index may stand for another GPU now: such a claim must be made anew.
 */
export function claimStands(ledger: DeviceLedger, request: GpuRequest, claim: Claim): boolean {
  return claim.containers.every((container, at) => {
    const need = request.containers[at];
    return container.devices.every((share) => {
      const position = ledger.positionOf(share);
      const device = ledger.devices[position];
      if (need === undefined || device === undefined) return false;
      return (
        device.healthy &&
        matches(request, device) &&
        shareOn(need.share, device.mib).mib === share.mib &&
        !ledger.isOver(position)
      );
    });
  });
}
