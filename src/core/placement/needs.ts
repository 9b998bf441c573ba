/**
 * What a pod needs of its node by Kubernetes' own rule (k8s.io/component-helpers/resource, PodRequests): while an init
 * container runs, itself and the sidecars started before it are there; afterwards all sidecars and all app containers. The
 * largest of these moments counts, per resource. Pod-level amounts replace the sum; overhead comes on top.
 */
import type { ContainerRole } from '../gpu/request.ts';
import { CPU, MEMORY, PODS, type Resources } from './resources.ts';

export type ContainerAmounts = { readonly role: ContainerRole; readonly amounts: Resources };

export type PodAmounts = {
  /** init containers and sidecars in spec order, app containers anywhere */
  readonly containers: readonly ContainerAmounts[];
  /** spec.resources; null when the pod has none */
  readonly podLevel: { readonly requests: Resources; readonly limits: Resources } | null;
  /** spec.overhead */
  readonly overhead: Resources;
};

type Sums = Map<string, number>;

/** Amounts ≥ 0 in the units of Resources; zero amounts are left out, `pods: 1` is in. Sums stop at 2^53 − 1. */
export function effectiveNeeds({ containers, podLevel, overhead }: PodAmounts): Resources {
  const running: Sums = new Map();
  const sidecars: Sums = new Map();
  const starting: Sums = new Map();
  for (const { role, amounts } of containers) {
    if (role === 'app') add(running, amounts);
    else if (role === 'sidecar') {
      add(running, amounts);
      add(sidecars, amounts);
    } else {
      for (const [name, amount] of Object.entries(amounts)) {
        raise(starting, name, sum(amount, sidecars.get(name) ?? 0));
      }
    }
  }
  for (const [name, amount] of starting) raise(running, name, amount);
  if (podLevel !== null) applyPodLevel(running, podLevel);
  add(running, overhead);

  const needs: Record<string, number> = {};
  for (const [name, amount] of running) if (amount > 0) needs[name] = amount;
  needs[PODS] = 1;
  return needs;
}

/** Only CPU, memory and huge pages exist on the level of the pod (KEP-2837). */
const isPodLevel = (name: string): boolean => name === CPU || name === MEMORY || name.startsWith('hugepages-');

/** A request replaces the containers' sum. A limit alone is the request where no container asks (the API server's default). */
function applyPodLevel(running: Sums, { requests, limits }: NonNullable<PodAmounts['podLevel']>): void {
  for (const [name, amount] of Object.entries(limits)) {
    if (isPodLevel(name) && !running.has(name)) running.set(name, amount);
  }
  for (const [name, amount] of Object.entries(requests)) {
    if (isPodLevel(name)) running.set(name, amount);
  }
}

function add(sums: Sums, amounts: Resources): void {
  for (const [name, amount] of Object.entries(amounts)) sums.set(name, sum(sums.get(name) ?? 0, amount));
}

function raise(sums: Sums, name: string, amount: number): void {
  if (amount > (sums.get(name) ?? 0)) sums.set(name, amount);
}

const sum = (a: number, b: number): number => Math.min(a + b, Number.MAX_SAFE_INTEGER);
