/**
 * What the next write about a waiting pod is: pure, from the pod as it was last seen, the hold it has, and what was written since then
 * that the informer may not show yet. Asked again after every write, so whatever was lost in between is simply found missing.
 */
import type { Hold } from '../cluster/holds.ts';
import { encodeClaim } from '../core/gpu/claim-json.ts';
import type { Plan } from '../core/placement/plan.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import { conditionReason, type ReasonCode } from '../core/reasons.ts';
import { isGated } from './line.ts';

/** What is known of one waiting pod beside its facts. */
export type Known = {
  /** its place is to be made known although it has no gate */
  wanted: boolean;
  /** why nothing was found; null: not tried, or found */
  code: ReasonCode | null;
  /** asked for with its whole gang, not by itself */
  asGang: boolean;
  /** let through without a place, or because it wants none of ours */
  through: boolean;
  /** written, as far as is known: the place, the end of our gate, the withdrawal of a plan, the reason */
  nominated: Hold | null;
  lifted: boolean;
  withdrawn: Plan | 'malformed' | null;
  reported: string | null;
  /** monotonic ms before which no other reason is written */
  reportAt: number;
  /** a write about it failed so often in a row */
  failures: number;
};

export const nothingKnown = (): Known => ({
  wanted: false,
  code: null,
  asGang: false,
  through: false,
  nominated: null,
  lifted: false,
  withdrawn: null,
  reported: null,
  reportAt: 0,
  failures: 0,
});

export type Write =
  /** plan and nomination; `clear`: it was said to be without a place before */
  | { readonly kind: 'nominate'; readonly hold: Hold; readonly clear: boolean }
  /** our gate off */
  | { readonly kind: 'lift' }
  /** the plan counts for nothing any more, nor does the nomination if it is the plan's */
  | { readonly kind: 'withdraw'; readonly plan: Plan | 'malformed'; readonly nominated: boolean }
  | { readonly kind: 'report'; readonly code: ReasonCode };

/** `now`: monotonic ms. null: nothing is missing, or it is not ours to write. */
export function nextWrite(pod: PodFacts, hold: Hold | undefined, known: Known, now: number): Write | null {
  if (pod.nodeName !== null || pod.terminal || pod.terminating) return null;
  if (hold?.cause === 'planned') {
    if (hold.state !== 'open') return null;
    if (!isKnown(pod, hold, known)) {
      const wanted = isGated(pod) || known.wanted || pod.plan !== null;
      const clear = pod.unplacedReason !== null || known.reported !== null;
      return wanted ? { kind: 'nominate', hold, clear } : null;
    }
    return isGated(pod) && !known.lifted ? { kind: 'lift' } : null;
  }
  // decided on the spot: kube-scheduler is on its way to bind it
  if (hold?.cause === 'tentative') return null;
  if (pod.plan !== null && known.withdrawn !== pod.plan) {
    // one that it has since its victims were named is kube-scheduler's, on that very node or not
    const freed = hold?.cause === 'awaiting' && hold.node === pod.nominatedNode;
    const nominated = pod.plan !== 'malformed' && pod.nominatedNode === pod.plan.node && !freed;
    return { kind: 'withdraw', plan: pod.plan, nominated };
  }
  if (
    known.code !== null &&
    conditionReason(known.code) !== (known.reported ?? pod.unplacedReason) &&
    now >= known.reportAt
  )
    return { kind: 'report', code: known.code };
  return known.through && isGated(pod) && !known.lifted ? { kind: 'lift' } : null;
}

/** The pod says so, or will as soon as the informer shows what was written. */
function isKnown({ plan, nominatedNode }: PodFacts, hold: Hold, { nominated }: Known): boolean {
  if (nominated === hold) return true;
  if (plan === null || plan === 'malformed' || nominatedNode !== hold.node) return false;
  return plan.node === hold.node && plan.gang === hold.gang && claimText(plan.claim) === claimText(hold.claim);
}

const claimText = (claim: Hold['claim']): string => (claim === null ? '' : encodeClaim(claim));
