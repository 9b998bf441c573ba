/** Every bound pod that wants GPUs has a claim: what it asked for, on devices that were there and healthy, and for as long as it lives. */
import { type KubeObject, textAt } from '../../api/object.ts';
import { claimOf, type Gpu, mibOn, positionOf, type Wants } from './gpus.ts';
import type { Judge, Law } from './law.ts';

type Claimed = NonNullable<ReturnType<typeof claimOf>>;

export function claimed({ facts, check, report }: Judge): Law {
  return {
    invariants: ['claim-missing', 'claim-wrong', 'claim-changed', 'device-unknown'],
    bound(pod, node) {
      const { name, uid } = pod.metadata;
      const wanted = facts.everWanted(uid);
      const claim = claimOf(pod);
      if (wanted.length === 0) {
        check('claim-wrong');
        if (claim !== null) report('claim-wrong', `${name} wants no GPU and has a claim`);
        return;
      }
      check('claim-missing');
      if (claim === null) {
        report('claim-missing', `${name} is bound to ${node} without a claim`);
        return;
      }
      check('device-unknown');
      const real = facts
        .lateInventories(node)
        .filter(({ gpus }) => claim.every((share) => gpus[positionOf(gpus, share)]?.healthy));
      if (real.length === 0) {
        report(
          'device-unknown',
          `${name} on ${node} claims what was not there or not healthy: ${JSON.stringify(claim)}`,
        );
        return;
      }
      check('claim-wrong');
      const right = wanted.some((wants) => real.some(({ gpus }) => answers(wants, claim, gpus)));
      if (!right) report('claim-wrong', `${name} wants ${JSON.stringify(wanted)}, claims ${JSON.stringify(claim)}`);
    },
    written(pod, before) {
      if (before === undefined || textAt(before.spec, 'nodeName') === '') return;
      check('claim-changed');
      if (claimText(pod) !== claimText(before))
        report('claim-changed', `${pod.metadata.name} runs, and its claim was changed`);
    },
  };
}

const claimText = (pod: KubeObject): string | undefined => pod.metadata.annotations?.['muster.dev/claim'];

function answers(wants: Wants, claim: Claimed, gpus: readonly Gpu[]): boolean {
  const positions = claim.map((share) => positionOf(gpus, share));
  return (
    claim.length === wants.count &&
    new Set(positions).size === positions.length &&
    claim.every((share, at) => share.milli === wants.milli && share.mib === mibOn(wants, gpus[positions[at]!]!))
  );
}
