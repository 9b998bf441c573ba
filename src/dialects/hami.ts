/**
 * HAMi: shares as resources of a container (`vgpu.ts`), wishes as annotations of the pod. Its wishes count for every pod
 * that asks for a GPU in any dialect.
 *
 * gpu-scheduler-policy: binpack → pack, spread, topology-aware → link, numa. Of a chain (`numa,binpack`) the first word
 * decides, the others only break ties and are left to ours. `mutex` promises that nobody shares the device, which we would
 * not keep: refused. numa-bind makes `numa` required and wins over the policy beside it, as it does there.
 * `hami.io/device-scoring-weights` and `nvidia.com/priority` only tune HAMi itself: not read. `vgpu-mode: mig` asks for MIG.
 */
import type { DevicePolicy, NodePolicy } from '../core/gpu/request.ts';
import { AskError } from './errors.ts';
import type { PodView } from './pod-like.ts';
import type { DeviceWish, Reading, Wish } from './reading.ts';
import { vgpu } from './vgpu.ts';
import { annotationLine, commaList, oneOf, switchText } from './words.ts';

const KEYS = {
  count: 'nvidia.com/gpu',
  memory: 'nvidia.com/gpumem',
  percentage: 'nvidia.com/gpumem-percentage',
  cores: 'nvidia.com/gpucores',
} as const;

/** Resources that only HAMi's own device plugin knows. */
export const HAMI_RESOURCES = [KEYS.memory, KEYS.percentage, KEYS.cores, 'nvidia.com/priority'] as const;
export const HAMI = vgpu(KEYS);

const USE_TYPE = 'nvidia.com/use-gputype';
const NOUSE_TYPE = 'nvidia.com/nouse-gputype';
const USE_UUID = 'nvidia.com/use-gpuuuid';
const NOUSE_UUID = 'nvidia.com/nouse-gpuuuid';
const NUMA_BIND = 'nvidia.com/numa-bind';
const VGPU_MODE = 'nvidia.com/vgpu-mode';
const NODE_SCHEDULER_POLICY = 'hami.io/node-scheduler-policy';
const GPU_SCHEDULER_POLICY = 'hami.io/gpu-scheduler-policy';

const NODE_WORDS: ReadonlyMap<string, NodePolicy> = new Map([
  ['binpack', 'pack'],
  ['spread', 'spread'],
]);
const GPU_WORDS: ReadonlyMap<string, DevicePolicy> = new Map([
  ['binpack', 'pack'],
  ['spread', 'spread'],
  ['topology-aware', 'link'],
  ['numa', 'numa'],
]);

function listWish(pod: PodView, key: string): Wish<readonly string[]> | null {
  const text = pod.annotations.get(key);
  if (text === undefined) return null;
  const line = annotationLine(key, text);
  const value = commaList(line, text);
  return value.length === 0 ? null : { value, line };
}

function deviceWish(pod: PodView): Wish<DeviceWish> | null {
  const bind = pod.annotations.get(NUMA_BIND);
  if (bind !== undefined) {
    const line = annotationLine(NUMA_BIND, bind);
    if (switchText(line, bind)) return { value: { policy: 'numa', required: true }, line };
  }
  const text = pod.annotations.get(GPU_SCHEDULER_POLICY);
  if (text === undefined) return null;
  const line = annotationLine(GPU_SCHEDULER_POLICY, text);
  const chain = commaList(line, text);
  if (chain[0] === undefined) return null;
  if (chain.includes('mutex')) {
    throw new AskError('unsupported', `${line}: mutex is not served; ask for whole devices instead`);
  }
  for (const word of chain) oneOf(line, word, [...GPU_WORDS.keys()]);
  return { value: { policy: GPU_WORDS.get(chain[0]) ?? 'pack', required: false }, line };
}

function nodeWish(pod: PodView): Wish<NodePolicy> | null {
  const text = pod.annotations.get(NODE_SCHEDULER_POLICY)?.trim();
  if (text === undefined || text === '') return null;
  const line = annotationLine(NODE_SCHEDULER_POLICY, text);
  return { value: NODE_WORDS.get(oneOf(line, text, [...NODE_WORDS.keys()])) ?? 'pack', line };
}

/** The amounts only; wishes are read apart, because they mean nothing on a pod that asks for no GPU. */
export function readHami(pod: PodView): Reading {
  return { needs: HAMI.read(pod) };
}

export function readHamiWishes(pod: PodView): Omit<Reading, 'needs'> {
  const allowModels = listWish(pod, USE_TYPE);
  const denyModels = listWish(pod, NOUSE_TYPE);
  const allowUuids = listWish(pod, USE_UUID);
  const denyUuids = listWish(pod, NOUSE_UUID);
  const devicePolicy = deviceWish(pod);
  const nodePolicy = nodeWish(pod);
  return {
    ...(allowModels && { allowModels }),
    ...(denyModels && { denyModels }),
    ...(allowUuids && { allowUuids }),
    ...(denyUuids && { denyUuids }),
    ...(devicePolicy && { devicePolicy }),
    ...(nodePolicy && { nodePolicy }),
  };
}

/** The line that turns HAMi's shares into MIG instances, or null. */
export function hamiMigLine(pod: PodView): string | null {
  const mode = pod.annotations.get(VGPU_MODE);
  return mode === 'mig' ? annotationLine(VGPU_MODE, mode) : null;
}
