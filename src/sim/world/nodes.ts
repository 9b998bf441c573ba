/** The nodes of a world, and what happens to them: as API objects, written as an administrator's tools would. */
import { NODE_DEVICES } from '../../core/names.ts';
import type { JsonObject, KubeObject } from '../api/object.ts';
import { GPU_MODELS, gpuNode, type InventorySource, type NodeObjects } from '../nodes.ts';
import type { Chance } from './chance.ts';

const MODELS = [GPU_MODELS.t4, GPU_MODELS.l40s, GPU_MODELS.a100] as const;
const SOURCES: readonly InventorySource[] = ['annotation', 'annotation', 'slices', 'labels'];
export const ZONE = 'topology.kubernetes.io/zone';
export const RACK = 'topology.kubernetes.io/rack';
export const LARGEST_MIB = Math.max(...MODELS.map((model) => model.mib));

/**
 * Small on purpose: devices, CPU and memory are all short in every seed. `life`: how often this name came before; `most`: devices it
 * has at most.
 */
export function drawnNode(chance: Chance, name: string, life: number, most: number): NodeObjects {
  const purpose = `node ${name} ${life}`;
  return gpuNode({
    name,
    model: chance.pick(purpose, MODELS),
    count: chance.whole(purpose, 1, most),
    source: chance.pick(purpose, SOURCES),
    cpu: chance.whole(purpose, 4, 10),
    memoryGib: 64,
    labels: placeOf(Number(name.slice(1))),
  });
}

/** A device's health turned; null for a node whose source does not tell health. */
export function withHealth(node: KubeObject, pick: number, healthy: boolean): JsonObject | null {
  const text = node.metadata.annotations?.[NODE_DEVICES];
  if (text === undefined) return null;
  const devices = JSON.parse(text) as { healthy: boolean }[];
  const at = Math.floor(pick * devices.length);
  if (devices[at]!.healthy === healthy) return null;
  devices[at]!.healthy = healthy;
  return { metadata: { annotations: { [NODE_DEVICES]: JSON.stringify(devices) } } };
}

/** Two zones of two racks each; every seventh machine stands in no rack. The same machine stays where it is, whatever is put into it. */
function placeOf(at: number): Readonly<Record<string, string>> {
  const zone = { [ZONE]: `z${at % 2}` };
  return at % 7 === 6 ? zone : { ...zone, [RACK]: `r${at % 4}` };
}
