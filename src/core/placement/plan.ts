/** A decision made ahead of kube-scheduler, as it stands on the pod: annotation `muster.dev/plan`, beside the nomination. */
import type { Claim } from '../gpu/claim.ts';

export type Plan = {
  readonly node: string;
  /** null: a member of a gang that wants no GPU */
  readonly claim: Claim | null;
  /** `<namespace>/<name>` when the plan is a gang's: it stands or falls with the others */
  readonly gang: string | null;
  /** ms since the epoch; past it the plan counts for nothing */
  readonly until: number;
};
