/** The authors' own results, as far as the data directory has them. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NodePolicy } from '../../src/core/gpu/request.ts';

/** The authors' policy that comes nearest to ours; null: they had none like it. */
export const COUNTERPART: Readonly<Record<NodePolicy, string | null>> = {
  pack: 'GpuPacking',
  spread: null,
  fgd: 'FGD',
  muster: 'FGD',
};

/** Mean allocated GPUs in per cent at so many per cent arrived; null when it was not published. */
export function publishedMean(
  directory: string,
  workload: string,
  policy: NodePolicy,
  arrivedPercent: number,
): number | null {
  const path = join(directory, 'fgd_expected_summary.csv');
  const wanted = ['alloc_gpu_pct', workload, COUNTERPART[policy], String(arrivedPercent)];
  if (!existsSync(path)) return null;
  for (const line of readFileSync(path, 'utf8').split(/\r?\n/)) {
    const fields = line.split(',');
    const mean = Number(fields[5] || Number.NaN);
    if (wanted.every((text, at) => fields[at] === text) && Number.isFinite(mean)) return mean;
  }
  return null;
}
