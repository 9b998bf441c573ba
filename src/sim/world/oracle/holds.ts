/** No hold without an owner, and none past its deadline. */
import type { Hold } from '../../../cluster/holds.ts';
import { type KubeObject, textAt } from '../../api/object.ts';
import { PODS, waits } from './facts.ts';
import { gangOf } from './gang-of.ts';
import type { Judge, Law } from './law.ts';

/** holds are swept once a second; a paused process sweeps when it goes on */
const SWEEP_SLACK_MS = 3_000;

export function holds({ facts, now, seats, check, report }: Judge): Law {
  /** made for pods that were known to exist: kube-scheduler, which is late too, may ask for one that is gone already */
  const owned = new WeakSet<Hold>();
  return {
    invariants: ['hold-overdue', 'hold-orphaned', 'hold-ownerless'],
    second() {
      for (const { name, extender } of seats()) {
        if (extender === null || extender.process.dead || extender.process.pausedUntil > now() - SWEEP_SLACK_MS)
          continue;
        check('hold-overdue');
        check('hold-ownerless');
        const { picture } = extender.core.parts;
        for (const hold of picture.holds.values()) {
          if (picture.pod(hold.pod.uid) !== undefined) owned.add(hold);
          else if (owned.has(hold))
            report(
              'hold-ownerless',
              `extender-${name} holds ${hold.cause} for ${hold.pod.name}, which it knows to be gone`,
            );
        }
        for (const hold of extender.core.parts.picture.holds.values()) {
          if (hold.deadline !== null && hold.deadline < now() - SWEEP_SLACK_MS)
            report(
              'hold-overdue',
              `${hold.pod.name}: ${hold.cause} hold of extender-${name} ended at ${hold.deadline}`,
            );
        }
      }
    },
    quiet() {
      for (const { name, extender } of seats()) {
        check('hold-orphaned');
        for (const hold of extender?.core.parts.picture.holds.values() ?? []) {
          const pod = facts.object(PODS, hold.pod.namespace, hold.pod.name);
          if (pod !== undefined && isTriedOnly(pod, hold)) continue;
          const where = pod === undefined ? 'gone' : `on ${textAt(pod.spec, 'nodeName') || 'no node'}`;
          report(
            'hold-orphaned',
            `extender-${name} holds ${hold.cause} (${hold.state}) for ${hold.pod.name}, which is ${where}`,
          );
        }
      }
    },
  };
}

/** kube-scheduler does not tell what it undoes of a native group's cycle: the hold stays until its deadline, and is made anew. */
export const isTriedOnly = (pod: KubeObject, hold: Hold): boolean =>
  waits(pod) && gangOf(pod)?.form === 'native' && hold.deadline !== null;
