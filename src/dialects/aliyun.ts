/**
 * Aliyun gpushare: `aliyun.com/gpu-mem: N` is N GiB of one device (MiB where its device plugin was installed with
 * `--memory-unit=MiB`: option `aliyunUnit`). Memory only: it sets no compute aside.
 */
import { mibOfUnits } from './amounts.ts';
import type { PodView } from './pod-like.ts';
import type { DialectOptions, Reading, Stated } from './reading.ts';
import { positiveAmountOf } from './resources.ts';

export const ALIYUN_MEMORY = 'aliyun.com/gpu-mem';

export function readAliyun(pod: PodView, options: DialectOptions): Reading {
  const unit = options.aliyunUnit === 'GiB' ? 1024 : 1;
  const mib = (line: string, text: string): number => mibOfUnits(line, text, unit);
  const needs: Stated[] = [];
  for (const container of pod.containers) {
    const memory = container.slot === null ? null : positiveAmountOf(container, ALIYUN_MEMORY, mib);
    if (memory === null) continue;
    const share = { milli: 0, memory: { mib: memory.value } };
    needs.push({ container, count: 1, share, line: memory.line, vendors: false });
  }
  return { needs };
}
