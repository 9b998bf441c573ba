/**
 * Nanoseconds per operation of the device arithmetic, on one node with 8 devices; medians, which a core taken away does not blur.
 * Hot is `verdict` with one container: a filter call asks it of every node that changed.
 */
import { Bench } from 'tinybench';
import type { Device } from '../src/core/gpu/device.ts';
import { place, verdict } from '../src/core/gpu/fit.ts';
import { DeviceLedger } from '../src/core/gpu/ledger.ts';
import { peakOf } from '../src/core/gpu/peak.ts';
import type { ContainerNeed, DevicePolicy, GpuRequest, ShareNeed } from '../src/core/gpu/request.ts';
import { newVerdict } from '../src/core/gpu/verdict.ts';
import type { Measured } from './row.ts';

const DEVICES = 8;
const MIB = 81_559;
const devices: readonly Device[] = Array.from({ length: DEVICES }, (_, index) => ({
  uuid: `GPU-00000000-0000-0000-0000-00000000000${index}`,
  index,
  mib: MIB,
  model: 'NVIDIA-A100-SXM4-80GB',
  numa: index >> 2,
  links: Array.from({ length: DEVICES }, (_, other) => (other === index ? 0 : other >> 2 === index >> 2 ? 200 : 10)),
  healthy: true,
}));

/** Every device used to `milli` plus its position, so that no two are alike. */
function ledgerAt(milli: number): DeviceLedger {
  const ledger = new DeviceLedger(devices);
  for (const { uuid, index } of devices) {
    if (milli > 0)
      ledger.take([{ uuid, index, mib: Math.floor((MIB * (milli + index)) / 1000), milli: milli + index }]);
  }
  return ledger;
}

const fraction = (milli: number): ShareNeed => ({ milli, memory: { milli } });
function request(count: number, share: ShareNeed, containers = 1, models: readonly string[] = []): GpuRequest {
  return {
    containers: Array.from(
      { length: containers },
      (_, at): ContainerNeed => ({ name: `c${at}`, slot: `c${at}`, role: 'app', count, share }),
    ),
    models: { allow: models, deny: [] },
    uuids: { allow: [], deny: [] },
    devicePolicy: null,
    devicePolicyRequired: false,
    nodePolicy: null,
  };
}

export async function fit(): Promise<Measured[]> {
  const idle = ledgerAt(0);
  const half = ledgerAt(500);
  const full = ledgerAt(990);
  const out = newVerdict();
  const bench = new Bench({ time: 200, warmupTime: 100 });

  const cases: [string, DeviceLedger, GpuRequest, DevicePolicy][] = [
    ['a fraction, half full, pack', half, request(1, fraction(300)), 'pack'],
    ['a fraction, half full, spread', half, request(1, fraction(300)), 'spread'],
    ['a fraction, half full, pack, by model', half, request(1, fraction(300), 1, ['a100']), 'pack'],
    ['memory only, half full, pack', half, request(1, { milli: 0, memory: { mib: 8192 } }), 'pack'],
    ['a whole device, idle, pack', idle, request(1, fraction(1000)), 'pack'],
    ['8 whole devices, idle, pack', idle, request(8, fraction(1000)), 'pack'],
    ['4 whole devices, idle, link', idle, request(4, fraction(1000)), 'link'],
    ['4 whole devices, idle, numa', idle, request(4, fraction(1000)), 'numa'],
    ['4 containers with a fraction, half full, pack', half, request(1, fraction(200), 4), 'pack'],
    ['refused: a fraction, full', full, request(1, fraction(300)), 'pack'],
    ['refused: a whole device, half full', half, request(1, fraction(1000)), 'pack'],
  ];
  for (const [name, ledger, asked, policy] of cases) {
    bench.add(`verdict: ${name}`, () => {
      verdict(ledger, asked, policy, false, out);
    });
  }
  const asked = request(1, fraction(300));
  bench.add('place: a fraction, half full, pack', () => {
    place(half, asked, 'pack', false);
  });
  const placed = place(half, asked, 'pack', false);
  if (!placed.fits) throw new Error(placed.reason);
  const peak = peakOf(placed.claim);
  bench.add('take and give', () => {
    half.take(peak);
    half.give(peak);
  });

  await bench.run();
  const rows: Measured[] = [];
  for (const task of bench.tasks) {
    if (!('latency' in task.result)) throw new Error(`${task.name} did not run`);
    rows.push({ name: task.name, value: 1e6 * task.result.latency.p50, unit: 'ns' });
  }
  return rows;
}
