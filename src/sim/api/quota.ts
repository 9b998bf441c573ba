/**
 * The ResourceQuota admission for pods: how many there may be in a namespace, and what they may ask for in sum. Who writes what is used
 * back down is `controllers/resource-quotas.ts`. Quotas with scopes and counts of other kinds are not enforced.
 */
import { quantityMilli, quantityUnits } from '../../core/quantity.ts';
import { ApiError } from './errors.ts';
import { arrayAt, type JsonObject, type KubeObject, objectAt, textAt } from './object.ts';
import { resourceId } from './resources.ts';
import type { Store } from './store.ts';
import { quantityText, THOUSANDTHS } from './types/quantity-text.ts';

export const QUOTAS = resourceId('v1', 'resourcequotas');
const PODS = new Set(['pods', 'count/pods']);
/** names without `requests.` mean it too */
const BARE = new Set(['cpu', 'memory', 'ephemeral-storage']);

/** Of a quota's names: cpu in thousandths, all else in units. */
function amount(name: string, value: unknown): number {
  return isCpu(name) ? quantityMilli(value) : quantityUnits(value);
}

const isCpu = (name: string) => name === 'cpu' || name.endsWith('.cpu');

/** A quantity in the largest unit that is exact. */
export function amountText(name: string, value: number): string {
  if (isCpu(name)) return value % 1000 === 0 ? String(value / 1000) : `${value}m`;
  if (!/memory|storage|hugepages/.test(name) || value === 0) return quantityText(String(value), THOUSANDTHS) ?? '0';
  for (const [unit, size] of [
    ['Gi', 2 ** 30],
    ['Mi', 2 ** 20],
    ['Ki', 2 ** 10],
  ] as const)
    if (value % size === 0) return `${value / size}${unit}`;
  return String(value);
}

/** What is enforced of a quota. */
export function enforced(quota: KubeObject): JsonObject {
  if (arrayAt(quota.spec, 'scopes').length > 0 || quota.spec?.scopeSelector !== undefined) return {};
  const hard = Object.entries(objectAt(quota.spec, 'hard'));
  return Object.fromEntries(
    hard.filter(([name]) => PODS.has(name) || BARE.has(name) || /^(requests|limits)\./.test(name)),
  );
}

/** `requests.cpu` → what a container has under it. */
function ofContainer(container: unknown, name: string): unknown {
  const side = name.startsWith('limits.') ? 'limits' : 'requests';
  return objectAt(objectAt(container, 'resources'), side)[name.replace(/^(requests|limits)\./, '')];
}

/** What a pod uses of everything that `names` lists: its containers and sidecars together, or its largest init container. */
export function usageOf(pod: KubeObject, names: Iterable<string>): Map<string, number> {
  const inits = arrayAt(pod.spec, 'initContainers');
  const isSidecar = (one: unknown) => textAt(one, 'restartPolicy') === 'Always';
  const lasting = [...arrayAt(pod.spec, 'containers'), ...inits.filter(isSidecar)];
  const used = new Map<string, number>();
  for (const name of names) {
    if (PODS.has(name)) {
      used.set(name, 1);
      continue;
    }
    const of = (container: unknown) => amount(name, ofContainer(container, name) ?? 0);
    const sum = lasting.reduce<number>((total, one) => total + of(one), 0);
    const overhead = name.startsWith('limits.')
      ? 0
      : amount(name, objectAt(pod.spec, 'overhead')[name.replace('requests.', '')] ?? 0);
    used.set(name, Math.max(sum, ...inits.map(of)) + overhead);
  }
  return used;
}

/** Ended pods use nothing. */
export function isCharged(pod: KubeObject): boolean {
  const phase = textAt(pod.status, 'phase');
  return phase !== 'Succeeded' && phase !== 'Failed';
}

export function summed(pods: Iterable<KubeObject>, names: readonly string[]): Map<string, number> {
  const total = new Map<string, number>(names.map((name) => [name, 0]));
  for (const pod of pods) {
    if (!isCharged(pod)) continue;
    for (const [name, value] of usageOf(pod, names)) total.set(name, total.get(name)! + value);
  }
  return total;
}

/** Charges a new pod to all quotas of its namespace, or to none. Throws 403. */
export function chargeQuotas(store: Store, pod: KubeObject, dryRun: boolean): void {
  const table = store.table(QUOTAS);
  if (table.size === 0) return;
  const { namespace = '', name } = pod.metadata;
  const refuse = (why: string) =>
    new ApiError('Forbidden', `pods "${name}" is forbidden: ${why}`, { name, kind: 'pods' });
  const charged: KubeObject[] = [];
  for (const key of table.keys()) {
    if (!key.startsWith(`${namespace}/`)) continue;
    const quota = table.get(key)!.object;
    const names = Object.keys(enforced(quota));
    if (names.length === 0) continue;
    const own = quota.metadata.name;
    const hard = objectAt(quota.status, 'hard');
    const used = objectAt(quota.status, 'used');
    const unknown = names.filter((one) => hard[one] === undefined || used[one] === undefined);
    if (unknown.length > 0) throw refuse(`status unknown for quota: ${own}, resources: ${unknown.sort().join(',')}`);
    const silent = mustSpecify(pod, names);
    if (silent !== '') throw refuse(`failed quota: ${own}: must specify ${silent}`);
    const wanted = usageOf(pod, names);
    const over = names
      .filter((one) => wanted.get(one)! > 0 && amount(one, used[one]) + wanted.get(one)! > amount(one, hard[one]))
      .sort();
    const list = (value: (one: string) => unknown) => over.map((one) => `${one}=${String(value(one))}`).join(',');
    if (over.length > 0)
      throw refuse(
        `exceeded quota: ${own}, requested: ${list((one) => amountText(one, wanted.get(one)!))}, used: ${list((one) => used[one])}, limited: ${list((one) => hard[one])}`,
      );
    const next = names.map((one) => [one, amountText(one, amount(one, used[one]) + wanted.get(one)!)]);
    charged.push({ ...quota, status: { ...quota.status, used: { ...used, ...Object.fromEntries(next) } } });
  }
  if (!dryRun) for (const quota of charged) store.put(QUOTAS, quota);
}

/** `cpu for: main; memory for: main`: what a quota asks every container to say and one does not. */
function mustSpecify(pod: KubeObject, names: readonly string[]): string {
  const containers = [...arrayAt(pod.spec, 'containers'), ...arrayAt(pod.spec, 'initContainers')];
  return names
    .filter((name) => BARE.has(name.replace(/^(requests|limits)\./, '')))
    .sort()
    .map((name) => {
      const silent = containers.filter((one) => ofContainer(one, name) === undefined).map((one) => textAt(one, 'name'));
      return silent.length === 0 ? '' : `${name} for: ${silent.join(',')}`;
    })
    .filter((one) => one !== '')
    .join('; ');
}
