/** The day ends: what is being deleted is gone in the end. */
import { PODS } from './facts.ts';
import type { Judge, Law } from './law.ts';

export function still({ facts, check, report }: Judge): Law {
  return {
    invariants: ['not-quiet'],
    quiet() {
      check('not-quiet');
      for (const { metadata } of facts.objects(PODS))
        if (metadata.deletionTimestamp !== undefined) report('not-quiet', `${metadata.name} is still ending`);
    },
  };
}
