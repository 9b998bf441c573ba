/**
 * HAMi's words for a share, as resources of a container: how many devices, and of each so much memory (MiB, or per cent)
 * and so many per cent of its cores. Volcano's vGPU plugin is the same code under other names.
 *
 * As HAMi reads it: without a count one device; without memory all of it; without cores none are set aside (milli 0); an
 * amount of 0 is not asked; more than 100 per cent is 100. By design: MiB and per cent both given is a contradiction, and a
 * bare count is whole devices (`plain.ts`), which HAMi would let memory-only pods share.
 */
import { deviceCount, mibOfUnits } from './amounts.ts';
import { contradiction } from './errors.ts';
import type { ContainerView, PodView } from './pod-like.ts';
import type { Stated } from './reading.ts';
import { amountOf, positiveAmountOf } from './resources.ts';

export type VgpuKeys = {
  readonly count: string;
  readonly memory: string;
  readonly percentage: string;
  readonly cores: string;
};

const mib = (line: string, text: string): number => mibOfUnits(line, text, 1);

export function vgpu(keys: VgpuKeys): {
  speaksOf(container: ContainerView): boolean;
  read(pod: PodView): readonly Stated[];
} {
  const shareKeys = [keys.memory, keys.percentage, keys.cores];
  const speaksOf = (container: ContainerView): boolean =>
    shareKeys.some((key) => positiveAmountOf(container, key) !== null);

  function readContainer(container: ContainerView): Stated {
    const count = amountOf(container, keys.count, deviceCount);
    const memory = positiveAmountOf(container, keys.memory, mib);
    const percentage = positiveAmountOf(container, keys.percentage);
    const cores = positiveAmountOf(container, keys.cores);
    const said = [count, memory, percentage, cores].filter((amount) => amount !== null);
    if (count !== null && count.value === 0) {
      throw contradiction(count.line, said[1]?.line ?? '', 'write a count of at least 1 or remove the share');
    }
    if (memory !== null && percentage !== null) {
      throw contradiction(memory.line, percentage.line, 'keep one of them');
    }
    return {
      container,
      count: count?.value ?? 1,
      share: {
        milli: 10 * Math.min(cores?.value ?? 0, 100),
        memory: memory !== null ? { mib: memory.value } : { milli: 10 * Math.min(percentage?.value ?? 100, 100) },
      },
      line: said.map((amount) => amount.line).join(' with '),
      vendors: false,
    };
  }

  return {
    speaksOf,
    read: (pod) =>
      pod.containers.filter((container) => container.slot !== null && speaksOf(container)).map(readContainer),
  };
}
