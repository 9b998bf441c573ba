/** Two deciders never act in one term of the Lease, and nobody acts without it. */
import { numberAt, textAt } from '../../api/object.ts';
import { LEASE } from '../elector.ts';
import { LEASES } from './facts.ts';
import type { Judge, Law } from './law.ts';

/** `elects` false: a single scheduler without a Lease. */
export function deciders({ facts, now, seats, check, report }: Judge, elects: boolean): Law {
  /** term → seat whose Bindings were carried out in it */
  const actors = new Map<string, string>();
  return {
    invariants: ['two-deciders', 'two-in-a-term', 'bind-without-lease'],
    step() {
      check('two-deciders');
      let deciding = 0;
      for (const { extender } of seats()) {
        if (extender === null || extender.process.dead || extender.process.pausedUntil > now()) continue;
        if (extender.core.context.deciding()) deciding++;
      }
      if (deciding > 1) report('two-deciders', 'both extenders decide at once');
    },
    bindingDone(seat) {
      if (!elects) return;
      const spec = facts.object(LEASES, LEASE.namespace, LEASE.name)?.spec;
      const holder = textAt(spec, 'holderIdentity');
      check('bind-without-lease');
      if (!holder.startsWith(`host-${seat}_`))
        report('bind-without-lease', `extender-${seat} bound while the Lease is held by ${holder || 'nobody'}`);
      check('two-in-a-term');
      const term = `${holder} ${numberAt(spec, 'leaseTransitions') ?? 0}`;
      const first = actors.get(term) ?? seat;
      actors.set(term, first);
      if (first !== seat)
        report('two-in-a-term', `extender-${first} and extender-${seat} bound in the term of ${term}`);
    },
  };
}
