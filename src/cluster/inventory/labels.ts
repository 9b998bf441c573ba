/**
 * GPU-feature-discovery's node labels: one model and memory for all GPUs, no uuids, so devices are addressed by index. What
 * they can't tell (mixed models, health) reads as if it were not so.
 */
import { own } from '../projection/shapes.ts';
import { checkDevices, type ListedDevice, MAX_DEVICES } from './device-list.ts';
import { ABSENT, fault, type SourceReading } from './reading.ts';

export const GFD_COUNT = 'nvidia.com/gpu.count';
export const GFD_MEMORY = 'nvidia.com/gpu.memory';
export const GFD_PRODUCT = 'nvidia.com/gpu.product';

/** GFD's mark on the product of time-sliced GPUs; the GPU is the same */
const SHARED_SUFFIX = /-SHARED$/;
const WHOLE_NUMBER = /^\d{1,9}$/;

export function readLabels(node: string, labels: Readonly<Record<string, string>>): SourceReading {
  const written = own(labels, GFD_COUNT);
  if (written === undefined) return ABSENT;
  const remedy = 'look at gpu-feature-discovery on that node';
  const unusable = (key: string, what: string): SourceReading => ({
    kind: 'unusable',
    fault: fault('inventory-malformed', `label ${key} of node ${node}: ${what}; ${remedy}`),
  });
  const count = wholeNumber(written);
  if (count === null) return unusable(GFD_COUNT, 'not a whole number');
  if (count > MAX_DEVICES) return unusable(GFD_COUNT, `${count} devices, at most ${MAX_DEVICES} are served`);
  if (count === 0) return { kind: 'devices', devices: [] };
  const mib = wholeNumber(own(labels, GFD_MEMORY));
  if (mib === null || mib === 0) return unusable(GFD_MEMORY, 'missing, zero or not a whole number of MiB');
  const product = own(labels, GFD_PRODUCT);
  const model = typeof product === 'string' ? product.replace(SHARED_SUFFIX, '') : '';
  if (model.includes('-MIG-')) {
    return unusable(GFD_PRODUCT, 'counts MIG devices, which Muster does not serve: switch MIG off on the node');
  }
  const devices: ListedDevice[] = [];
  for (let index = 0; index < count; index += 1) {
    devices.push({ at: `device ${index}`, uuid: null, index, mib, model, numa: null, links: [], healthy: true });
  }
  return checkDevices({ where: `labels nvidia.com/gpu.* of node ${node}`, remedy }, devices);
}

const wholeNumber = (value: unknown): number | null =>
  typeof value === 'string' && WHOLE_NUMBER.test(value) ? Number(value) : null;
