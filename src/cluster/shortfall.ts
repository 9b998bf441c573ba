/** How much is missing or free on a node, for people. Amounts change all the time, so they are here and never in a reason's text. */
import { gpuMilliOf } from '../core/gpu/gpu-milli.ts';
import type { DeviceLedger } from '../core/gpu/ledger.ts';
import { GPU_MILLI } from '../core/names.ts';
import type { NodeInfo } from '../core/placement/node-info.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import { CPU } from '../core/placement/resources.ts';
import type { ReasonCode } from '../core/reasons.ts';

const MIB = 1024 ** 2;

/** '' where the reason says all there is. `nameOf`: a pod's uid → what people call it. */
export function shortfall(
  pod: PodFacts,
  node: NodeInfo,
  code: ReasonCode | null,
  nameOf: (uid: string) => string,
): string {
  switch (code) {
    case 'resources-full':
    case 'resources-too-small':
      return shortages(pod, node);
    case 'gpu-unknown-use':
      return [...node.occupants()]
        .filter((occupant) => occupant.unclaimed)
        .map((occupant) => nameOf(occupant.uid))
        .sort()
        .join(', ');
    case 'gpu-milli-short':
      return pod.ask.kind === 'request'
        ? `says ${pod.needs[GPU_MILLI] ?? 0}, asks for ${gpuMilliOf(pod.ask.request, Number.MAX_SAFE_INTEGER)}`
        : '';
    default:
      if (pod.ask.kind !== 'request' || node.facts === null || !node.facts.managed) return '';
      return freeDevices(node.ledger);
  }
}

function freeDevices(ledger: DeviceLedger): string {
  if (ledger.devices.length === 0) return 'no devices';
  const devices = ledger.devices.map((device, at) => {
    const free = `${Math.max(0, ledger.freeMilli(at)) / 10} % ${Math.max(0, ledger.freeMib(at))}/${device.mib} MiB`;
    const awaited = ledger.awaitedMib[at]! > 0 ? ' kept for a pod that preempted' : '';
    return `#${device.index} ${free}${awaited}${ledger.isOver(at) ? ' over-allocated' : ''}${device.healthy ? '' : ' unhealthy'}`;
  });
  return `free ${devices.join(', ')}`;
}

function shortages(pod: PodFacts, node: NodeInfo): string {
  const short: string[] = [];
  for (const [name, need] of Object.entries(pod.needs)) {
    const capacity = node.capacity(name);
    const free = Math.max(0, capacity - node.used(name));
    if (need > free)
      short.push(`${name}: wanted ${amount(name, need)}, free ${amount(name, free)} of ${amount(name, capacity)}`);
  }
  return short.join('; ');
}

/** Cores and MiB read better than milli-cores and bytes. Wanted amounts are never rounded down to what is free. */
function amount(name: string, value: number): string {
  if (name === CPU) return String(value / 1000);
  if (!/^(memory|ephemeral-storage|hugepages-.*)$/.test(name)) return String(value);
  return value % MIB === 0 ? `${value / MIB} MiB` : `${(value / MIB).toFixed(3)} MiB`;
}
