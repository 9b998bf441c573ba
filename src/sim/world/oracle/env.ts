/** What runs sees the devices of its claim and no others: no pod without our env on a managed node, and its env resolves. */
import { textAt } from '../../api/object.ts';
import { hasEnv, NODES } from './facts.ts';
import { isManaged } from './gpus.ts';
import type { Judge, Law } from './law.ts';

export function env({ facts, check, report }: Judge): Law {
  return {
    invariants: ['env-missing', 'env-unresolved'],
    bound(pod, node) {
      const object = facts.object(NODES, '', node);
      if (object === undefined || !isManaged(object)) return;
      check('env-missing');
      if (!hasEnv(pod)) report('env-missing', `${pod.metadata.name} would see every device of ${node}`);
    },
    written(pod) {
      check('env-unresolved');
      if (textAt(pod.status, 'reason') === 'EnvUnresolved')
        report('env-unresolved', `${pod.metadata.name}: ${textAt(pod.status, 'message')}`);
    },
  };
}
