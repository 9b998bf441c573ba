/** No device above 100 % of its memory or compute. */
import { claimOf, type Gpu, positionOf, useOf } from './gpus.ts';
import type { Judge, Law } from './law.ts';

type Claimed = NonNullable<ReturnType<typeof claimOf>>;

/**
 * Only a Binding puts something on a device, so it is looked at there, at the moment it is written. A decision may rest on a
 * picture that is late: the device is over-full only if it is so by every inventory that its node had within the last minute.
 */
export function overAllocated({ facts, check, report }: Judge): Law {
  return {
    invariants: ['over-allocated'],
    bound(pod, node) {
      const claim = claimOf(pod);
      if (claim === null) return;
      check('over-allocated');
      const pods = [...facts.podsOn(node)];
      const over = facts.lateInventories(node).map(({ gpus }) => overOn(gpus, claim, useOf(gpus, pods)));
      const [first] = over;
      if (first && over.every((text) => text !== null))
        report('over-allocated', `${pod.metadata.name} was bound to ${node}: ${first}`);
    },
  };
}

/** A device of `claim` that holds more than it has, in words; null when none does. */
function overOn(gpus: readonly Gpu[], claim: Claimed, use: ReturnType<typeof useOf>): string | null {
  for (const share of claim) {
    const at = positionOf(gpus, share);
    const gpu = gpus[at];
    if (gpu === undefined) continue;
    if (use.milli[at]! > 1000 || use.mib[at]! > gpu.mib)
      return `device #${gpu.index} holds ${use.mib[at]} of ${gpu.mib} MiB and ${use.milli[at]} milli`;
  }
  return null;
}
