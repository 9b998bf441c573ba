/**
 * Does a request fit the devices of a node, and on which? `verdict` answers for thousands of nodes without garbage, `place`
 * answers for the chosen one and builds the claim. Both take the same decision.
 *
 * Hot: one container with `pack` or `spread` is answered here in one pass over the ledger; everything else by `search`.
 */
import type { ReasonCode } from '../reasons.ts';
import type { Claim, ContainerClaim } from './claim.ts';
import type { DeviceLedger } from './ledger.ts';
import { isFiltered, matches } from './matching.ts';
import { linkWeight } from './policies/link.ts';
import { packRank } from './policies/pack.ts';
import { spreadRank } from './policies/spread.ts';
import { refusalOf } from './refusal.ts';
import type { DevicePolicy, GpuRequest, ShareNeed } from './request.ts';
import { type Choice, search } from './search.ts';
import { mibOn, shareOn } from './share.ts';
import { ensureRoom, newVerdict, type Verdict } from './verdict.ts';
import { viewOf } from './view.ts';

export type Placement =
  | { readonly fits: true; readonly claim: Claim; readonly verdict: Verdict }
  | { readonly fits: false; readonly reason: ReasonCode };

/**
 * Fills `out` and returns `out.fits`. `policy` is the resolved one (the request's own or the configured default);
 * `required`: `link` and `numa` are demanded; without meaning for the others.
 */
export function verdict(
  ledger: DeviceLedger,
  request: GpuRequest,
  policy: DevicePolicy,
  required: boolean,
  out: Verdict,
): boolean {
  if (fits(ledger, request, policy, required, out)) return accept(ledger, out);
  out.fits = false;
  out.touched = 0;
  out.reason = refusalOf(ledger, request, policy, required, out);
  return false;
}

/** Only whether it fits: a refusal's reason can cost more than the answer. Of `out` the work and the devices are filled. */
export function fits(
  ledger: DeviceLedger,
  request: GpuRequest,
  policy: DevicePolicy,
  required: boolean,
  out: Verdict,
): boolean {
  ensureRoom(out, ledger.devices.length);
  out.work = ledger.devices.length;
  if (request.containers.length === 1 && (policy === 'pack' || policy === 'spread')) {
    return chooseOne(ledger, request, policy, out);
  }
  const choice = search(viewOf(ledger, request, 'now'), request, policy, required, out);
  if (choice === null) return false;
  addUp(ledger, request, choice, out);
  if (policy === 'link') out.linkWeight = linkSum(ledger, choice);
  return true;
}

/** The same decision with the claim. The claim's peak can be taken from the ledger at once. */
export function place(ledger: DeviceLedger, request: GpuRequest, policy: DevicePolicy, required: boolean): Placement {
  const out = newVerdict();
  let choice: Choice | null = null;
  if (request.containers.length === 1 && (policy === 'pack' || policy === 'spread')) {
    if (verdict(ledger, request, policy, required, out)) choice = [Array.from(out.positions.subarray(0, out.touched))];
  } else {
    ensureRoom(out, ledger.devices.length);
    choice = search(viewOf(ledger, request, 'now'), request, policy, required, out);
    if (choice !== null) {
      addUp(ledger, request, choice, out);
      if (policy === 'link') out.linkWeight = linkSum(ledger, choice);
      accept(ledger, out);
    }
  }
  if (choice === null) return { fits: false, reason: refusalOf(ledger, request, policy, required, out) };
  return { fits: true, claim: claimOf(ledger, request, choice), verdict: out };
}

/** Ranks of the best devices so far, best first; grows with the largest count seen. */
let ranks = new Float64Array(16);

/** One container: the `count` best devices by rank, ascending into `out`. False when fewer fit. */
function chooseOne(ledger: DeviceLedger, request: GpuRequest, policy: 'pack' | 'spread', out: Verdict): boolean {
  const { count, share } = request.containers[0]!;
  const { devices, usedMib, usedMilli, awaitedMib, awaitedMilli } = ledger;
  if (count > devices.length) return false;
  if (ranks.length < count) ranks = new Float64Array(count);
  const filtered = isFiltered(request);
  const pack = policy === 'pack';
  const { positions, addMib, addMilli } = out;
  let found = 0;
  for (let position = 0; position < devices.length; position++) {
    const device = devices[position]!;
    if (!device.healthy) continue;
    const freeMilli = 1000 - usedMilli[position]! - awaitedMilli[position]!;
    if (share.milli > freeMilli) continue;
    const deviceMib = device.mib;
    const freeMib = deviceMib - usedMib[position]! - awaitedMib[position]!;
    const mib = mibOn(share, deviceMib);
    if (mib > freeMib || (filtered && !matches(request, device))) continue;
    const rank = pack ? packRank(deviceMib, freeMib, freeMilli, mib) : spreadRank(deviceMib, freeMib, freeMilli, mib);
    if (found === count && rank >= ranks[count - 1]!) continue;
    let at = found < count ? found++ : count - 1;
    for (; at > 0 && ranks[at - 1]! > rank; at--) {
      ranks[at] = ranks[at - 1]!;
      positions[at] = positions[at - 1]!;
    }
    ranks[at] = rank;
    positions[at] = position;
  }
  if (found < count) return false;
  if (count > 1) positions.subarray(0, count).sort();
  for (let at = 0; at < count; at++) {
    addMib[at] = mibOn(share, devices[positions[at]!]!.mib);
    addMilli[at] = share.milli;
  }
  out.touched = count;
  out.linkWeight = 0;
  return true;
}

/** The rest of `out` from its positions and amounts. */
function accept(ledger: DeviceLedger, out: Verdict): true {
  let opened = 0;
  let leftover = 0;
  for (let at = 0; at < out.touched; at++) {
    const position = out.positions[at]!;
    const mib = ledger.freeMib(position) - out.addMib[at]!;
    const milli = ledger.freeMilli(position) - out.addMilli[at]!;
    if (ledger.isIdle(position)) opened++;
    leftover += Math.max(0, Math.min(milli, Math.floor((1000 * mib) / ledger.devices[position]!.mib)));
  }
  out.fits = true;
  out.reason = null;
  out.opened = opened;
  out.leftover = leftover;
  return true;
}

/** The pod's peak per device by the rule of peak.ts, over positions. */
function addUp(ledger: DeviceLedger, request: GpuRequest, choice: Choice, out: Verdict): void {
  const { devices } = ledger;
  const sidecarMib = new Float64Array(devices.length);
  const sidecarMilli = new Float64Array(devices.length);
  const appMib = new Float64Array(devices.length);
  const appMilli = new Float64Array(devices.length);
  const peakMib = new Float64Array(devices.length);
  const peakMilli = new Float64Array(devices.length);
  for (let container = 0; container < choice.length; container++) {
    const { role, share } = request.containers[container]!;
    for (const position of choice[container]!) {
      const mib = mibOn(share, devices[position]!.mib);
      if (role === 'init') {
        peakMib[position] = Math.max(peakMib[position]!, sidecarMib[position]! + mib);
        peakMilli[position] = Math.max(peakMilli[position]!, sidecarMilli[position]! + share.milli);
      } else if (role === 'sidecar') {
        sidecarMib[position]! += mib;
        sidecarMilli[position]! += share.milli;
      } else {
        appMib[position]! += mib;
        appMilli[position]! += share.milli;
      }
    }
  }
  out.touched = 0;
  out.linkWeight = 0;
  for (let position = 0; position < devices.length; position++) {
    const mib = Math.max(peakMib[position]!, sidecarMib[position]! + appMib[position]!);
    if (mib === 0) continue;
    out.positions[out.touched] = position;
    out.addMib[out.touched] = mib;
    out.addMilli[out.touched] = Math.max(peakMilli[position]!, sidecarMilli[position]! + appMilli[position]!);
    out.touched++;
  }
}

function linkSum(ledger: DeviceLedger, choice: Choice): number {
  let sum = 0;
  for (const positions of choice) {
    for (let a = 0; a < positions.length; a++) {
      for (let b = a + 1; b < positions.length; b++) sum += linkWeight(ledger.devices, positions[a]!, positions[b]!);
    }
  }
  return sum;
}

/** Would one share of this container fit the device at `position`? The question that `verdict` asks of every device. */
export function fitsDevice(ledger: DeviceLedger, request: GpuRequest, share: ShareNeed, position: number): boolean {
  const device = ledger.devices[position]!;
  return (
    device.healthy &&
    share.milli <= ledger.freeMilli(position) &&
    mibOn(share, device.mib) <= ledger.freeMib(position) &&
    (!isFiltered(request) || matches(request, device))
  );
}

/** The claim for a choice made elsewhere, positions per container of the request. */
export function claimOf(ledger: DeviceLedger, request: GpuRequest, choice: Choice): Claim {
  return {
    containers: request.containers.map(
      (need, container): ContainerClaim => ({
        name: need.name,
        slot: need.slot,
        sidecar: need.role === 'sidecar',
        devices: choice[container]!.map((position) => {
          const device = ledger.devices[position]!;
          return { uuid: device.uuid, index: device.index, ...shareOn(need.share, device.mib) };
        }),
      }),
    ),
  };
}
