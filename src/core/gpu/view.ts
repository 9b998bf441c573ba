/** What a search sees of a node: the devices a request may use, and what is free on each. */
import type { Device } from './device.ts';
import type { DeviceLedger } from './ledger.ts';
import { isFiltered, matches } from './matching.ts';
import type { GpuRequest } from './request.ts';

/** `now`: what nobody uses or awaits. `unawaited`: as if nobody awaited anything. `empty`: as if the node were empty. */
export type ViewMode = 'now' | 'unawaited' | 'empty';

export type View = {
  readonly devices: readonly Device[];
  /** healthy devices that pass the request's filters, ascending */
  readonly positions: readonly number[];
  /** by position in `devices`; a search lowers them while it tries and restores them */
  readonly freeMib: Float64Array;
  readonly freeMilli: Float64Array;
};

export function viewOf(ledger: DeviceLedger, request: GpuRequest, mode: ViewMode): View {
  const { devices } = ledger;
  const positions: number[] = [];
  const freeMib = new Float64Array(devices.length);
  const freeMilli = new Float64Array(devices.length);
  const filtered = isFiltered(request);
  for (let position = 0; position < devices.length; position++) {
    const device = devices[position]!;
    if (!device.healthy || (filtered && !matches(request, device))) continue;
    positions.push(position);
    freeMib[position] = device.mib;
    freeMilli[position] = 1000;
    if (mode === 'empty') continue;
    freeMib[position]! -= ledger.usedMib[position]!;
    freeMilli[position]! -= ledger.usedMilli[position]!;
    if (mode === 'unawaited') continue;
    freeMib[position]! -= ledger.awaitedMib[position]!;
    freeMilli[position]! -= ledger.awaitedMilli[position]!;
  }
  return { devices, positions, freeMib, freeMilli };
}

/** The same books, restricted to some of its positions. */
export const within = (view: View, positions: readonly number[]): View => ({ ...view, positions });
