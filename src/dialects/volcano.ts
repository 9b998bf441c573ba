/** Volcano's vGPU plugin: HAMi's words under `volcano.sh/vgpu-*` (`vgpu.ts`); here a bare count is read as well. */
import { deviceCount } from './amounts.ts';
import type { PodView } from './pod-like.ts';
import { type Reading, type Stated, WHOLE_SHARE } from './reading.ts';
import { positiveAmountOf } from './resources.ts';
import { vgpu } from './vgpu.ts';

const KEYS = {
  count: 'volcano.sh/vgpu-number',
  memory: 'volcano.sh/vgpu-memory',
  percentage: 'volcano.sh/vgpu-memory-percentage',
  cores: 'volcano.sh/vgpu-cores',
} as const;
export const VOLCANO_RESOURCES: readonly string[] = Object.values(KEYS);
const VOLCANO = vgpu(KEYS);

export function readVolcano(pod: PodView): Reading {
  const bare: Stated[] = [];
  for (const container of pod.containers) {
    if (container.slot === null || VOLCANO.speaksOf(container)) continue;
    const count = positiveAmountOf(container, KEYS.count, deviceCount);
    if (count === null) continue;
    bare.push({ container, count: count.value, share: WHOLE_SHARE, line: count.line, vendors: false });
  }
  return { needs: [...VOLCANO.read(pod), ...bare] };
}
