/** What is missing on a node and how much, for people. Amounts change all the time, so they are here and never in a reason's text. */
import type { NodeInfo } from '../core/placement/node-info.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import { REASONS, type ReasonCode } from '../core/reasons.ts';

export function explainNode(pod: PodFacts, node: NodeInfo, code: ReasonCode | null): string {
  if (code === 'resources-full' || code === 'resources-too-small')
    return `${REASONS[code].text}: ${shortages(pod, node)}`;
  const text = code === null ? 'fits' : REASONS[code].text;
  if (code === 'request-invalid' && pod.ask.kind === 'invalid') return `${text}: ${pod.ask.message}`;
  if (pod.ask.kind !== 'request' || node.facts === null || !node.facts.managed) return text;
  return `${text}; wanted ${wanted(pod)}; free ${freeDevices(node)}`;
}

function wanted(pod: PodFacts): string {
  if (pod.ask.kind !== 'request') return 'nothing';
  return pod.ask.request.containers
    .map((need) => {
      const memory =
        'mib' in need.share.memory ? `${need.share.memory.mib} MiB` : `${need.share.memory.milli / 10} % memory`;
      return `${need.count} × (${need.share.milli} milli, ${memory}) in ${need.name}`;
    })
    .join(', ');
}

function freeDevices(node: NodeInfo): string {
  const { ledger } = node;
  if (ledger.devices.length === 0) return 'nothing';
  return ledger.devices
    .map((device, at) => {
      const health = device.healthy ? '' : ' unhealthy';
      return `#${device.index} ${ledger.freeMilli(at)} milli ${ledger.freeMib(at)}/${device.mib} MiB${health}`;
    })
    .join(', ');
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
