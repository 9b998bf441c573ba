/**
 * What kube-scheduler's own filters look at and our model does not know, as two words about a pod: whether its spec asks for something
 * of that kind, and whom its anti-affinity keeps away. Only who binds without asking kube-scheduler must know.
 */
import type { PodFacts } from '../../core/placement/pod-facts.ts';
import { integerOf, listOf, own } from './shapes.ts';

const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution';
/** Volumes that every node has, or reaches alike; nothing is bound, attached or counted for them. */
const ANYWHERE = ['configMap', 'secret', 'emptyDir', 'projected', 'downwardAPI', 'hostPath', 'nfs', 'image'];

/** Volumes that must be bound or attached, claims of devices, (anti-)affinity to pods, spreading that must be, ports of the host. */
export function isUnmodelled(spec: unknown): boolean {
  const affinity = own(spec, 'affinity');
  return (
    listOf(own(spec, 'resourceClaims')).length > 0 ||
    listOf(own(own(affinity, 'podAffinity'), REQUIRED)).length > 0 ||
    listOf(own(own(affinity, 'podAntiAffinity'), REQUIRED)).length > 0 ||
    listOf(own(spec, 'topologySpreadConstraints')).some((one) => own(one, 'whenUnsatisfiable') !== 'ScheduleAnyway') ||
    listOf(own(spec, 'volumes')).some((one) => !ANYWHERE.some((kind) => own(one, kind) !== undefined)) ||
    ['initContainers', 'containers'].some((list) => listOf(own(spec, list)).some(usesHostPort))
  );
}

const usesHostPort = (container: unknown): boolean =>
  listOf(own(container, 'ports')).some((port) => integerOf(own(port, 'hostPort'), 0) > 0);

/** By required anti-affinity, which holds against those that come later too. */
export function repelsOf(spec: unknown): PodFacts['repels'] {
  const terms = listOf(own(own(own(spec, 'affinity'), 'podAntiAffinity'), REQUIRED));
  if (terms.length === 0) return 'nobody';
  const far = (term: unknown): boolean =>
    listOf(own(term, 'namespaces')).length > 0 || (own(term, 'namespaceSelector') ?? null) !== null;
  return terms.some(far) ? 'anybody' : 'neighbours';
}
