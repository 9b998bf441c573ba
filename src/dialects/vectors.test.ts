/** Amounts that other schedulers got wrong, from the text on the pod to the books of a device. */
import { describe, expect, it } from 'vitest';
import { pod, podWith } from '../../test/build/asking-pods.ts';
import { devices, ledgerOf } from '../../test/build/gpu.ts';
import { place } from '../core/gpu/fit.ts';
import { peakOf } from '../core/gpu/peak.ts';
import { readAsk } from './ask.ts';
import type { PodLike } from './pod-like.ts';

/** How many such pods one device takes, and the MiB that the last of them got. */
function fill(deviceMib: number, pods: readonly PodLike[]): { fit: number; mib: number } {
  const ledger = ledgerOf(devices(1, deviceMib));
  let mib = 0;
  for (const [fit, asked] of pods.entries()) {
    const ask = readAsk(asked);
    if (ask.kind !== 'request') throw new Error(JSON.stringify(ask));
    const placed = place(ledger, ask.request, 'pack', false);
    if (!placed.fits) return { fit, mib };
    ledger.take(peakOf(placed.claim));
    mib = placed.claim.containers[0]?.devices[0]?.mib ?? 0;
  }
  return { fit: pods.length, mib };
}
const times = (count: number, asked: PodLike): PodLike[] => Array.from({ length: count }, () => asked);
const fraction = (text: string): PodLike => pod({ 'gpu-fraction': text });

describe('vectors', () => {
  const cases: [string, number, PodLike[], { fit: number; mib?: number }][] = [
    ['23 of 24 pods with 2000 MiB fit 46068 MiB', 46068, times(24, pod({ 'gpu-memory': '2000' })), { fit: 23 }],
    ['4096 MiB of 15360 MiB stay 4096', 15360, [podWith({ 'nvidia.com/gpumem': '4096' })], { fit: 1, mib: 4096 }],
    ['0.1 ten times fills a device, the eleventh is refused', 15109, times(11, fraction('0.1')), { fit: 10 }],
    ['0.3 three times leaves 0.1', 81920, [...times(3, fraction('0.3')), fraction('0.1')], { fit: 4 }],
    ['0.3 three times leaves no more than 0.1', 81920, [...times(3, fraction('0.3')), fraction('0.101')], { fit: 3 }],
  ];
  it.each(cases)('%s', (_title, mib, pods, expected) => {
    expect(fill(mib, pods)).toMatchObject(expected);
  });
});
