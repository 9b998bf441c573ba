/** Whether there is room, as a user with a pencil would say it. */
import { quantityMilli, quantityUnits } from '../../../core/quantity.ts';
import { arrayAt, type KubeObject, objectAt, textAt } from '../../api/object.ts';
import { amount, type Gpu, mibOn, useOf, type Wants } from './gpus.ts';

/** Enough healthy devices with that much free when `pods` are what is on them. */
export function hasRoom(wants: Wants, gpus: readonly Gpu[], pods: Iterable<KubeObject>): boolean {
  const use = useOf(gpus, pods);
  const free = gpus.filter(
    (gpu, at) => gpu.healthy && use.milli[at]! + wants.milli <= 1000 && use.mib[at]! + mibOn(wants, gpu) <= gpu.mib,
  );
  return free.length >= wants.count;
}

export const takesPods = (node: KubeObject): boolean =>
  node.spec?.unschedulable !== true &&
  arrayAt(node.status, 'conditions').some((one) => textAt(one, 'type') === 'Ready' && textAt(one, 'status') === 'True');

/** CPU, memory, extended resources and the number of pods. */
export function hasResources(pod: KubeObject, node: KubeObject, pods: readonly KubeObject[]): boolean {
  const allocatable = objectAt(node.status, 'allocatable');
  for (const [resource, amount] of requestsOf(pod)) {
    const used = pods.reduce((sum, one) => sum + (requestsOf(one).get(resource) ?? 0), 0);
    if (used + amount > amountOf(resource, allocatable[resource] ?? '0')) return false;
  }
  return pods.length + 1 <= amount(String(allocatable.pods));
}

/** the requests of a pod do not change */
const KNOWN = new WeakMap<KubeObject, ReadonlyMap<string, number>>();

function requestsOf(pod: KubeObject): ReadonlyMap<string, number> {
  const known = KNOWN.get(pod);
  if (known !== undefined) return known;
  const sums = new Map<string, number>();
  for (const container of arrayAt(pod.spec, 'containers')) {
    for (const [name, value] of Object.entries(objectAt(objectAt(container, 'resources'), 'requests')))
      sums.set(name, (sums.get(name) ?? 0) + amountOf(name, value));
  }
  KNOWN.set(pod, sums);
  return sums;
}

const amountOf = (resource: string, value: unknown): number =>
  resource === 'cpu' ? quantityMilli(value) : quantityUnits(value);
