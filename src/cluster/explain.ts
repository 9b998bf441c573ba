/** How much is missing or free on a node, for people. Amounts change all the time, so they are here and never in a reason's text. */
import type { NodeInfo } from '../core/placement/node-info.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import type { ReasonCode } from '../core/reasons.ts';

/** '' where the reason says all there is. */
export function explainNode(pod: PodFacts, node: NodeInfo, code: ReasonCode | null): string {
  if (code === 'resources-full' || code === 'resources-too-small') return shortages(pod, node);
  if (pod.ask.kind !== 'request' || node.facts === null || !node.facts.managed) return '';
  return freeDevices(node);
}

function freeDevices(node: NodeInfo): string {
  const { ledger } = node;
  if (ledger.devices.length === 0) return 'no devices';
  const devices = ledger.devices.map((device, at) => {
    const health = device.healthy ? '' : ' unhealthy';
    return `#${device.index} ${ledger.freeMilli(at) / 10} % ${ledger.freeMib(at)}/${device.mib} MiB${health}`;
  });
  return `free ${devices.join(', ')}`;
}

function shortages(pod: PodFacts, node: NodeInfo): string {
  return Object.entries(pod.needs)
    .filter(([name, need]) => need > node.capacity(name) - node.used(name))
    .map(
      ([name, need]) =>
        `${name}: wanted ${need}, free ${node.capacity(name) - node.used(name)} of ${node.capacity(name)}`,
    )
    .join('; ');
}
