/** Why a request does not fit a node. Called only after it did not. */
import type { ReasonCode } from '../reasons.ts';
import type { DeviceLedger } from './ledger.ts';
import { isFiltered, matches } from './matching.ts';
import type { DevicePolicy, GpuRequest } from './request.ts';
import { search } from './search.ts';
import { mibOn } from './share.ts';
import { type ViewMode, viewOf } from './view.ts';
import type { Work } from './work.ts';

/** The first that holds, from what no pod that ends can change to what changes all the time. */
export function refusalOf(
  ledger: DeviceLedger,
  request: GpuRequest,
  policy: DevicePolicy,
  required: boolean,
  spent: Work,
): ReasonCode {
  const { devices } = ledger;
  if (devices.length === 0) return 'gpu-none';
  const filtered = isFiltered(request);
  if (filtered && !devices.some((device) => matches(request, device))) return 'gpu-model';

  const usable: number[] = [];
  let awaited = false;
  for (let position = 0; position < devices.length; position++) {
    const device = devices[position]!;
    if (!device.healthy || (filtered && !matches(request, device))) continue;
    usable.push(position);
    if (ledger.awaitedMib[position] !== 0 || ledger.awaitedMilli[position] !== 0) awaited = true;
  }
  let tooFew = false;
  let tooSmall = false;
  for (const { count, share } of request.containers) {
    let large = 0;
    for (const position of usable) {
      const deviceMib = devices[position]!.mib;
      if (mibOn(share, deviceMib) <= deviceMib) large++;
    }
    if (usable.length < count) tooFew = true;
    else if (large === 0) tooSmall = true;
    else if (large < count) tooFew = true;
  }
  if (tooSmall) return 'gpu-too-small';
  if (tooFew) return 'gpu-too-few';

  const finds = (mode: ViewMode, strict: boolean): boolean =>
    search(viewOf(ledger, request, mode), request, policy, strict, spent) !== null;
  // one container that passed the checks above fits an empty node; several may still be too much for it
  if (request.containers.length > 1 && !finds('empty', false)) return 'gpu-too-few';
  if (awaited && finds('unawaited', required)) return 'gpu-awaited';
  if (required && (policy === 'link' || policy === 'numa') && finds('now', false)) return 'gpu-topology';
  return freeSumSuffices(ledger, request, usable) ? 'gpu-fragmented' : 'gpu-full';
}

/**
 * Would the free shares be enough if they were on one device? Thousandths of memory are counted at the smallest usable
 * device, so the answer errs towards `gpu-fragmented`. The pod's worst moment counts (see peak.ts).
 */
function freeSumSuffices(ledger: DeviceLedger, request: GpuRequest, usable: readonly number[]): boolean {
  let freeMib = 0;
  let freeMilli = 0;
  let smallest = Number.POSITIVE_INFINITY;
  for (const position of usable) {
    freeMib += Math.max(0, ledger.freeMib(position));
    freeMilli += Math.max(0, ledger.freeMilli(position));
    smallest = Math.min(smallest, ledger.devices[position]!.mib);
  }
  let sidecarMib = 0;
  let sidecarMilli = 0;
  let appMib = 0;
  let appMilli = 0;
  let peakMib = 0;
  let peakMilli = 0;
  for (const { count, role, share } of request.containers) {
    const mib = count * mibOn(share, smallest);
    const milli = count * share.milli;
    if (role === 'init') {
      peakMib = Math.max(peakMib, sidecarMib + mib);
      peakMilli = Math.max(peakMilli, sidecarMilli + milli);
    } else if (role === 'sidecar') {
      sidecarMib += mib;
      sidecarMilli += milli;
    } else {
      appMib += mib;
      appMilli += milli;
    }
  }
  return Math.max(peakMib, sidecarMib + appMib) <= freeMib && Math.max(peakMilli, sidecarMilli + appMilli) <= freeMilli;
}
