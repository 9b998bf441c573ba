/** A policy with foresight on one node: what the node is worth before and after, on the device where that is best. Hot. */
import { fitsDevice } from '../gpu/fit.ts';
import { WHOLE_MILLI } from '../gpu/request.ts';
import { mibOn } from '../gpu/share.ts';
import type { Verdict } from '../gpu/verdict.ts';
import type { Work } from '../gpu/work.ts';
import type { NodeInfo } from './node-info.ts';
import type { Outlook } from './outlook.ts';
import type { Change, Foresight } from './policies/foresight.ts';
import { fillRoom, newRoom, type Room } from './policies/room.ts';
import type { Lens } from './policies/typical.ts';
import type { Shape } from './shape.ts';

// one buffer each for all calls
const room = newRoom();
const change: Change = { before: 0, after: 0, taken: 0, residue: 0 };

/**
 * Score ≥ 0 of the devices in `chosen` (what `verdict` said; touched 0 for a pod without GPUs). Where the policy picks the
 * device itself, every device with room for the one share is tried, and the first best one replaces the choice. What it cost is
 * added to `spent`.
 */
export function weigh(
  policy: Foresight,
  shape: Shape,
  node: NodeInfo,
  outlook: Outlook,
  chosen: Verdict,
  spent: Work,
): number {
  const lens = outlook.lens(node.ledger);
  spent.work += lens.groups;
  fillRoom(node, room);
  change.before = worthBefore(policy, node, outlook, lens);
  room.cpu -= shape.cpu;
  const one = shape.deviceByNodePolicy && chosen.touched === 1 && shape.request!.containers.length === 1;
  return one ? bestDevice(policy, shape, node, outlook, lens, chosen) : asChosen(policy, node, outlook, lens, chosen);
}

function worthBefore(policy: Foresight, node: NodeInfo, outlook: Outlook, lens: Lens): number {
  const { worth } = node;
  const basis = policy.basis(outlook);
  if (worth.basis !== basis || worth.policy !== policy) {
    worth.value = policy.worth(room, lens);
    worth.basis = basis;
    worth.policy = policy;
  }
  return worth.value;
}

function asChosen(policy: Foresight, node: NodeInfo, outlook: Outlook, lens: Lens, chosen: Verdict): number {
  change.taken = 0;
  change.residue = 0;
  for (let at = 0; at < chosen.touched; at++) {
    const position = chosen.positions[at]!;
    take(node, outlook, position, chosen.addMib[at]!, chosen.addMilli[at]!);
  }
  change.after = policy.worth(room, lens);
  return policy.score(change, lens);
}

function bestDevice(
  policy: Foresight,
  shape: Shape,
  node: NodeInfo,
  outlook: Outlook,
  lens: Lens,
  chosen: Verdict,
): number {
  const { devices } = node.ledger;
  const request = shape.request!;
  const { share } = request.containers[0]!;
  let best = -1;
  for (let position = 0; position < devices.length; position++) {
    if (triedBefore(room, node, position) || !fitsDevice(node.ledger, request, share, position)) continue;
    const mib = mibOn(share, devices[position]!.mib);
    const before = room.free[position]!;
    change.taken = 0;
    change.residue = 0;
    take(node, outlook, position, mib, share.milli);
    change.after = policy.worth(room, lens);
    room.free[position] = before;
    const score = policy.score(change, lens);
    if (score <= best) continue;
    best = score;
    chosen.positions[0] = position;
    chosen.addMib[0] = mib;
    chosen.addMilli[0] = share.milli;
  }
  return best;
}

/** A device like an earlier one cannot be better. */
function triedBefore({ free }: Room, node: NodeInfo, position: number): boolean {
  const { devices, usedMib, awaitedMib } = node.ledger;
  for (let other = 0; other < position; other++) {
    if (
      free[other] === free[position] &&
      usedMib[other] === usedMib[position] &&
      awaitedMib[other] === awaitedMib[position] &&
      devices[other]!.mib === devices[position]!.mib &&
      devices[other]!.model === devices[position]!.model
    )
      return true;
  }
  return false;
}

/** Takes from the room, and notes what that is. */
function take(node: NodeInfo, outlook: Outlook, position: number, mib: number, milli: number): void {
  const { ledger } = node;
  const size = ledger.devices[position]!.mib;
  const byMemory = Math.floor((WHOLE_MILLI * (ledger.freeMib(position) - mib)) / size);
  const before = room.free[position]!;
  const after = Math.max(0, Math.min(before, ledger.freeMilli(position) - milli, byMemory));
  room.free[position] = after;
  change.taken += before - after;
  change.residue += outlook.residue[after]! - outlook.residue[before]!;
}
