/** What the scheduler model reads of a pod: parsed once per version of the object. */
import { quantityMilli, quantityUnits } from '../../core/quantity.ts';
import { arrayAt, isObject, type JsonObject, type KubeObject, numberAt, objectAt, textAt } from '../api/object.ts';

/** cpu in milli-cores, everything else in units */
export type Amounts = Map<string, number>;

export type PodInfo = {
  readonly pod: KubeObject;
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly node: string;
  readonly nominated: string;
  readonly priority: number;
  /** `spec.schedulingGroup.podGroupName`: a native pod group of its namespace; '' without one */
  readonly group: string;
  readonly requests: Amounts;
  readonly gated: boolean;
  readonly terminal: boolean;
  readonly terminating: boolean;
};

function add(sum: Amounts, more: Amounts): void {
  for (const [name, amount] of more) sum.set(name, (sum.get(name) ?? 0) + amount);
}

function raise(most: Amounts, other: Amounts): void {
  for (const [name, amount] of other) most.set(name, Math.max(most.get(name) ?? 0, amount));
}

export function amountsOf(quantities: unknown): Amounts {
  const amounts: Amounts = new Map();
  for (const [name, value] of Object.entries(isObject(quantities) ? quantities : {})) {
    amounts.set(name, name === 'cpu' ? quantityMilli(value) : quantityUnits(value));
  }
  return amounts;
}

/** Kubernetes' effective request: containers and sidecars together, or the hungriest step of the init phase; plus overhead. */
function effectiveRequests(spec: JsonObject): Amounts {
  const requestsOf = (container: unknown) => amountsOf(objectAt(container, 'resources').requests);
  const running: Amounts = new Map();
  const peak: Amounts = new Map();
  for (const container of arrayAt(spec, 'initContainers')) {
    const wanted = requestsOf(container);
    if (textAt(container, 'restartPolicy') === 'Always') {
      add(running, wanted);
      raise(peak, running);
    } else {
      const step = new Map(running);
      add(step, wanted);
      raise(peak, step);
    }
  }
  for (const container of arrayAt(spec, 'containers')) add(running, requestsOf(container));
  raise(peak, running);
  add(peak, amountsOf(spec.overhead));
  peak.set('pods', 1);
  return peak;
}

/** Throws QuantityError for a request that cannot be read; the API server would not have taken it. */
export function readPodInfo(pod: KubeObject): PodInfo {
  const spec = pod.spec ?? {};
  const phase = textAt(pod.status, 'phase');
  return {
    pod,
    uid: pod.metadata.uid,
    namespace: pod.metadata.namespace ?? '',
    name: pod.metadata.name,
    node: textAt(spec, 'nodeName'),
    nominated: textAt(pod.status, 'nominatedNodeName'),
    priority: numberAt(spec, 'priority') ?? 0,
    group: textAt(objectAt(spec, 'schedulingGroup'), 'podGroupName'),
    requests: effectiveRequests(spec),
    gated: arrayAt(spec, 'schedulingGates').length > 0,
    terminal: phase === 'Succeeded' || phase === 'Failed',
    terminating: pod.metadata.deletionTimestamp !== undefined,
  };
}
