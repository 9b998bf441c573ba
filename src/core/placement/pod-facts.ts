/** A pod as decisions see it: which nodes it allows, what it wants of GPUs, where it stands. */
import type { Claim } from '../gpu/claim.ts';
import type { GpuRequest } from '../gpu/request.ts';
import type { GangSaid } from './gang/gang-facts.ts';
import type { Plan } from './plan.ts';
import type { Resources } from './resources.ts';

export type Toleration = {
  readonly key: string; // '' with operator Exists: everything
  readonly operator: 'Exists' | 'Equal' | 'Lt' | 'Gt';
  readonly value: string;
  readonly effect: string; // '' = every effect
};

/** One requirement of a node selector term. `field`: matchFields (only metadata.name exists). */
export type NodeRequirement = {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt';
  readonly values: readonly string[];
  readonly field: boolean;
};
/** Requirements are ANDed. A term without any matches nothing (Kubernetes' rule). */
export type NodeTerm = readonly NodeRequirement[];
export type PreferredTerm = { readonly weight: number; readonly term: NodeTerm };

/** Which nodes a pod allows; all of it with Kubernetes' meaning. */
export type NodeConstraints = {
  readonly nodeSelector: Readonly<Record<string, string>>;
  /** ORed; null: no required affinity */
  readonly requiredTerms: readonly NodeTerm[] | null;
  readonly preferredTerms: readonly PreferredTerm[];
  readonly tolerations: readonly Toleration[];
};

/** What a pod wants of GPUs, as read from its spec and annotations by `dialects`. */
export type GpuAsk =
  /** no GPU wanted: only kube-scheduler decides, on unmanaged nodes always and on managed ones if its env is safe */
  | { readonly kind: 'none' }
  | { readonly kind: 'request'; readonly request: GpuRequest }
  /** whole GPUs of the vendor's own plugin on unmanaged nodes (annotation `muster.dev/managed: "false"`) */
  | { readonly kind: 'unmanaged' }
  /** contradictory or malformed; `message` names the lines and the remedy. `mig`: asks for nvidia.com/mig-* */
  | { readonly kind: 'invalid'; readonly message: string; readonly mig: boolean };

/** Everything of a Pod that decisions read: a projection, never the whole object. */
export type PodFacts = {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly schedulerName: string;
  /** spec.nodeName, null while unbound */
  readonly nodeName: string | null;
  /** phase Succeeded or Failed: holds nothing any more */
  readonly terminal: boolean;
  /** of these, phase Succeeded */
  readonly succeeded: boolean;
  /** deletionTimestamp is set; holds everything until the object is gone or terminal */
  readonly terminating: boolean;
  readonly gated: boolean;
  /** spec.schedulingGates by name, empty once bound */
  readonly gates: readonly string[];
  readonly priority: number;
  /** spec.preemptionPolicy is Never */
  readonly neverPreempts: boolean;
  /** status.nominatedNodeName, null if empty */
  readonly nominatedNode: string | null;
  /** metadata.creationTimestamp and status.startTime, ms since the epoch; 0 when unknown */
  readonly createdMs: number;
  readonly startedMs: number;
  /** effective request by Kubernetes' rule (init containers, sidecars, overhead, pod-level resources), `pods: 1` included */
  readonly needs: Resources;
  readonly constraints: NodeConstraints;
  readonly ask: GpuAsk;
  /** the claim that stands on the pod; null without one; 'malformed' if the annotation cannot be read */
  readonly claim: Claim | null | 'malformed';
  /** every container with a share takes its devices from our annotations, every other one is `void` (what the webhook writes) */
  readonly envSafe: boolean;
  /** may see GPUs of its node without a claim: GPU resources, GPU annotations, or a literal NVIDIA_VISIBLE_DEVICES that is not void */
  readonly usesGpu: boolean;
  /** `<namespace>/<gang>` when a dialect declares one, else null */
  readonly gang: string | null;
  /** what it says about that gang; null exactly when `gang` is */
  readonly gangSaid: GangSaid | null;
  /** the plan that stands on the pod while it is unbound; null without one; 'malformed' if the annotation cannot be read */
  readonly plan: Plan | null | 'malformed';
  /** unbound, and kube-scheduler's filters look at more of it than we know: volumes, claims of devices, other pods, host ports */
  readonly unmodelled: boolean;
  /** whom its required anti-affinity may keep away: pods of its own namespace, or of any */
  readonly repels: 'nobody' | 'neighbours' | 'anybody';
  /** reason of the condition `muster.dev/Placed` while it is False; null without it */
  readonly unplacedReason: string | null;
};
