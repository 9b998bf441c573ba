/** The amounts written in a pod's spec (and, while it is being resized, in its status) → its effective needs. */
import type { ContainerRole } from '../../core/gpu/request.ts';
import { type ContainerAmounts, effectiveNeeds } from '../../core/placement/needs.ts';
import type { Resources } from '../../core/placement/resources.ts';
import { hasConditionReason } from './conditions.ts';
import { amountsOf, listOf, own, textOf } from './shapes.ts';

export function needsOf(spec: unknown, status: unknown): Resources {
  const infeasible = hasConditionReason(status, 'PodResizePending', 'Infeasible');
  const containers: ContainerAmounts[] = [];
  const read = (list: unknown, statuses: unknown, roleOf: (container: unknown) => ContainerRole): void => {
    const granted = grantedByName(statuses);
    for (const container of listOf(list)) {
      const asked = requestsOf(own(container, 'resources'));
      const grant = granted.get(textOf(own(container, 'name')));
      const amounts = grant === undefined ? asked : infeasible ? { ...asked, ...grant } : larger(asked, grant);
      containers.push({ role: roleOf(container), amounts });
    }
  };
  read(own(spec, 'initContainers'), own(status, 'initContainerStatuses'), (container) =>
    own(container, 'restartPolicy') === 'Always' ? 'sidecar' : 'init',
  );
  read(own(spec, 'containers'), own(status, 'containerStatuses'), () => 'app');
  const podLevel = own(spec, 'resources');
  return effectiveNeeds({
    containers,
    podLevel:
      podLevel === undefined || podLevel === null
        ? null
        : { requests: amountsOf(own(podLevel, 'requests')), limits: amountsOf(own(podLevel, 'limits')) },
    overhead: amountsOf(own(spec, 'overhead')),
  });
}

/** A limit without a request is the request: the API server's own default. */
function requestsOf(resources: unknown): Resources {
  return { ...amountsOf(own(resources, 'limits')), ...amountsOf(own(resources, 'requests')) };
}

/**
 * In-place resize (KEP-1287): what the kubelet granted, and what the container really has, may still be more than the spec asks,
 * and counts. By container name; only containers whose status tells.
 */
function grantedByName(statuses: unknown): ReadonlyMap<string, Resources> {
  const granted = new Map<string, Resources>();
  for (const status of listOf(statuses)) {
    const allocated = own(status, 'allocatedResources');
    const actual = own(own(status, 'resources'), 'requests');
    if (allocated === undefined && actual === undefined) continue;
    granted.set(textOf(own(status, 'name')), larger(amountsOf(allocated), amountsOf(actual)));
  }
  return granted;
}

function larger(a: Resources, b: Resources): Resources {
  const both: Record<string, number> = { ...a };
  for (const [name, amount] of Object.entries(b)) both[name] = Math.max(both[name] ?? 0, amount);
  return both;
}
