/** Once quiet, the books of every extender are what the objects say: pod by pod, device by device, MiB by MiB. */
import type { Hold } from '../../../cluster/holds.ts';
import { NODES, PODS } from './facts.ts';
import { isManaged, useOf } from './gpus.ts';
import { isTriedOnly } from './holds.ts';
import type { Judge, Law, Seat } from './law.ts';

export function books({ facts, seats, check, report }: Judge): Law {
  /** kube-scheduler tries native groups again and again, and does not tell what it undoes: see holds.ts. */
  const isTried = (node: string, all: Iterable<Hold>): boolean => {
    for (const hold of all) {
      const pod = hold.node === node ? facts.object(PODS, hold.pod.namespace, hold.pod.name) : undefined;
      if (pod !== undefined && isTriedOnly(pod, hold)) return true;
    }
    return false;
  };
  const compare = ({ name: seat, extender }: Seat): void => {
    const core = extender?.core;
    if (core === undefined || !core.parts.synced()) {
      report('not-quiet', `extender-${seat} is not synced`);
      return;
    }
    const { picture } = core.parts;
    check('books-differ');
    for (const node of facts.objects(NODES)) {
      if (!isManaged(node)) continue;
      const { name } = node.metadata;
      if (isTried(name, picture.holds.values())) continue;
      const use = useOf(facts.gpus(node), facts.podsOn(name));
      const ledger = picture.nodes.get(name)?.ledger;
      const said = ledger === undefined ? 'nothing' : JSON.stringify([[...ledger.usedMib], [...ledger.usedMilli]]);
      const right = JSON.stringify([use.mib, use.milli]);
      if (said !== right) report('books-differ', `extender-${seat} ${name}: ${said}, the objects say ${right}`);
      if (ledger?.awaitedMib.some((mib) => mib > 0))
        report('books-differ', `extender-${seat} ${name}: something is still awaited`);
    }
    const known = [...picture.pods()].length;
    const there = facts.objects(PODS).length;
    if (known !== there) report('books-differ', `extender-${seat} knows ${known} pods, there are ${there}`);
  };
  return {
    invariants: ['books-differ'],
    quiet() {
      for (const seat of seats()) compare(seat);
    },
  };
}
