/**
 * What the oracle reads of nodes, pods and slices: devices and claims straight from the API objects, in code of its own. It must not
 * share a line with what it judges.
 */
import { arrayAt, isObject, type KubeObject, objectAt, textAt } from '../../api/object.ts';

export type Gpu = {
  readonly uuid: string | null;
  readonly index: number;
  readonly mib: number;
  readonly healthy: boolean;
};
export type Share = {
  readonly uuid: string | null;
  readonly index: number;
  readonly mib: number;
  readonly milli: number;
};

/** What a pod of the world wants: `count` devices, of each `milli` thousandths, or `mib` MiB of memory alone. */
export type Wants = { readonly count: number; readonly milli: number; readonly mib: number | null };

/** annotation of the world's pods: their `Wants`, for the oracle */
export const WANTS = 'sim.muster.dev/wants';

export const isManaged = (node: KubeObject): boolean => node.metadata.labels?.['muster.dev/managed'] === 'true';

const SUFFIXES: Readonly<Record<string, number>> = { k: 1e3, M: 1e6, G: 1e9, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 };

/** A quantity as the API server writes it: `80Gi`, `3k`, `8500`. */
export function amount(text: string): number {
  return Number.parseInt(text, 10) * (SUFFIXES[text.replace(/^\d+/, '')] ?? 1);
}

/** The GPUs of a node by the most trusted source that speaks of it. */
export function gpusOf(node: KubeObject, slices: readonly KubeObject[]): readonly Gpu[] {
  const annotation = node.metadata.annotations?.['muster.dev/devices'];
  if (annotation !== undefined) return (JSON.parse(annotation) as Gpu[]).toSorted((a, b) => a.index - b.index);
  const own = slices.filter((slice) => textAt(slice.spec, 'nodeName') === node.metadata.name);
  if (own.length > 0) {
    return arrayAt(own[0]!.spec, 'devices').map((device, index) => {
      const memory = textAt(objectAt(objectAt(device, 'capacity'), 'memory'), 'value');
      const uuid = textAt(objectAt(objectAt(device, 'attributes'), 'uuid'), 'string');
      return { uuid, index, mib: amount(memory) / 2 ** 20, healthy: true };
    });
  }
  const labels = node.metadata.labels ?? {};
  const count = Number(labels['nvidia.com/gpu.count'] ?? 0);
  const mib = Number(labels['nvidia.com/gpu.memory'] ?? 0);
  return Array.from({ length: count }, (_, index) => ({ uuid: null, index, mib, healthy: true }));
}

/** Position of the device that a share names, -1 without one. A uuid that nobody has means the device of that index, if it has none. */
export function positionOf(gpus: readonly Gpu[], { uuid, index }: Pick<Share, 'uuid' | 'index'>): number {
  const named = uuid === null ? -1 : gpus.findIndex((gpu) => gpu.uuid === uuid);
  if (named >= 0) return named;
  return gpus.findIndex((gpu) => gpu.index === index && (uuid === null || gpu.uuid === null));
}

/** null: the pod has no claim. Throws on a claim that is not JSON. */
export function claimOf(pod: KubeObject): readonly Share[] | null {
  const text = pod.metadata.annotations?.['muster.dev/claim'];
  if (text === undefined) return null;
  const claim: unknown = JSON.parse(text);
  return arrayAt(claim, 'containers').flatMap((container) => arrayAt(container, 'devices').filter(isObject)) as Share[];
}

export function wantsOf(pod: KubeObject): Wants | null {
  const text = pod.metadata.annotations?.[WANTS];
  return text === undefined ? null : (JSON.parse(text) as Wants);
}

export const mibOn = (wants: Wants, gpu: Gpu): number => wants.mib ?? Math.floor((gpu.mib * wants.milli) / 1000);

/** Bound and not ended: it holds what it claims until its object is gone. */
export function holdsDevices(pod: KubeObject): boolean {
  const phase = textAt(pod.status, 'phase');
  return textAt(pod.spec, 'nodeName') !== '' && phase !== 'Succeeded' && phase !== 'Failed';
}

export type Use = { readonly mib: number[]; readonly milli: number[] };

/** What `pods` take of `gpus`, per device. */
export function useOf(gpus: readonly Gpu[], pods: Iterable<KubeObject>): Use {
  const mib = gpus.map(() => 0);
  const milli = gpus.map(() => 0);
  for (const pod of pods) {
    for (const share of claimOf(pod) ?? []) {
      const at = positionOf(gpus, share);
      if (at < 0) continue;
      mib[at]! += share.mib;
      milli[at]! += share.milli;
    }
  }
  return { mib, milli };
}
