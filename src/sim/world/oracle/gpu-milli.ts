/** Once quiet, the status of every managed node says 1000 × its healthy devices. */
import { GPU_MILLI } from '../../../core/names.ts';
import { objectAt, textAt } from '../../api/object.ts';
import { NODES } from './facts.ts';
import { amount, isManaged } from './gpus.ts';
import type { Judge, Law } from './law.ts';

export function gpuMilli({ facts, check, report }: Judge): Law {
  return {
    invariants: ['gpu-milli-wrong'],
    quiet() {
      for (const node of facts.objects(NODES)) {
        if (!isManaged(node)) continue;
        check('gpu-milli-wrong');
        const right = 1000 * facts.gpus(node).filter((gpu) => gpu.healthy).length;
        const said = textAt(objectAt(node.status, 'allocatable'), GPU_MILLI);
        if (amount(said) !== right)
          report('gpu-milli-wrong', `${node.metadata.name}: ${said}, ${right} would be right`);
      }
    },
  };
}
