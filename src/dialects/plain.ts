/**
 * Plain Kubernetes: `nvidia.com/gpu: N` is N whole devices. Where HAMi's words stand beside it in one container, it is
 * HAMi's count instead. `nvidia.com/mig-*` is recognised, to be refused on managed nodes.
 */
import { deviceCount } from './amounts.ts';
import { HAMI } from './hami.ts';
import type { PodView } from './pod-like.ts';
import { NOTHING, type Reading, type Stated, WHOLE_SHARE } from './reading.ts';
import { positiveAmountOf } from './resources.ts';
import { quote } from './words.ts';

export const PLAIN_GPU = 'nvidia.com/gpu';
const MIG_PREFIX = 'nvidia.com/mig-';

export function readPlain(pod: PodView): Reading {
  const needs: Stated[] = [];
  for (const container of pod.containers) {
    if (container.slot === null) continue;
    const count = positiveAmountOf(container, PLAIN_GPU, deviceCount);
    if (count === null || HAMI.speaksOf(container)) continue;
    needs.push({ container, count: count.value, share: WHOLE_SHARE, line: count.line, vendors: true });
  }
  return needs.length === 0 ? NOTHING : { needs };
}

/** The first line that asks for MIG instances, or null. Amounts that cannot be read count as asked. */
export function migLine(pod: PodView): string | null {
  for (const container of pod.containers) {
    for (const amounts of [container.limits, container.requests]) {
      for (const [key, amount] of amounts) {
        if (key.startsWith(MIG_PREFIX) && amount !== '0') {
          return `container ${quote(container.name)} resource ${quote(key)}: ${quote(amount)}`;
        }
      }
    }
  }
  return null;
}
