/**
 * What the verbs and commands of the extender ask of the cached picture (what the placer asks: `planner.ts`). One implementation
 * (`books.ts`); the interface is here so that verbs can be read and tested without it. All calls are synchronous: one ledger, one
 * writer, no await in between.
 */
import type { Claim } from '../core/gpu/claim.ts';
import type { GangVerdict } from '../core/placement/gang/gang-request.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import type { ReasonCode } from '../core/reasons.ts';
import type { GangStanding } from './gangs/standing.ts';

/** Node names of one request resolved against the picture. Reusable for any later request with the same names. */
export type OfferedNodes = {
  readonly names: readonly string[];
  /** number of names */
  readonly count: number;
  /** version of the node set it was resolved against; `resolve` again when `nodesVersion()` differs */
  readonly version: number;
  includes(name: string): boolean;
  /** true only if both hold the same names, each once, in whatever order, and were resolved against the same set of nodes */
  sameSet(other: OfferedNodes): boolean;
};

export type Refusal = { readonly node: string; readonly code: ReasonCode };

/** The same object is returned to the same set of nodes while nothing changed, so that its encoded form can be cached under it. */
export type FilterAnswer = {
  /** every offered node passes (pods that want no GPU and are safe anywhere) */
  readonly all: boolean;
  /** best first; only offered names; empty when nothing fits or `all` */
  readonly fits: readonly string[];
  /** why the others do not fit. Left empty for nodes that lost against a better one: unlisted nodes cost no bytes. */
  readonly refused: readonly Refusal[];
};

/** 0…10 */
export type NodeScore = { readonly node: string; readonly score: number };

export type BindPlan =
  /** claim null: a pod without GPUs, bound without annotations */
  | { readonly kind: 'bind'; readonly claim: Claim | null }
  /** the pod is bound already, to `node` */
  | { readonly kind: 'already-bound'; readonly node: string }
  /** constant text per code */
  | { readonly kind: 'refuse'; readonly code: ReasonCode | 'pod-unknown' | 'pod-terminating' | 'bind-in-flight' };

/** A gang one of whose members is at bind. */
export type GangAtBind = {
  readonly gang: string;
  readonly minMember: number;
  /** members that must be at bind together before any of them may be bound: those bound, or being bound, are not among them */
  readonly missing: number;
  /** how long they may wait for each other, seconds; null: as long as is usual */
  readonly waitSeconds: number | null;
};

/** How a gang stands and, while members of its minimum have no place yet, whether they would find one now. */
export type GangExplained = {
  readonly standing: GangStanding;
  /** null: it cannot be planned as it is declared, or nothing of its minimum is without a place */
  readonly verdict: GangVerdict | null;
};

/** What was found of a gang when it was planned last. The same object as long as nothing was tried again. */
export type GangRefusal = { readonly code: ReasonCode };

/** A candidate of the preempt verb. victims null: kube-scheduler named none (1.38) and we search ourselves. */
export type PreemptCandidate = {
  readonly node: string;
  readonly victims: readonly string[] | null;
  /** as kube-scheduler counted them for its victims; 0 when left out */
  readonly pdbViolations?: number;
};
export type PreemptAnswer = {
  readonly node: string;
  /** pod uids, bound on that node, never empty */
  readonly victims: readonly string[];
  readonly pdbViolations: number;
};

export type ExplainRow = {
  readonly node: string;
  /** null: fits */
  readonly code: ReasonCode | null;
  /** amounts, for people: what is missing and how much */
  readonly detail: string;
};

export type PodExplained = {
  readonly pod: PodFacts;
  /** in node-name order; none for a pod that has its node */
  readonly rows: readonly ExplainRow[];
  readonly hold: string | null;
};

export interface Decider {
  nodesVersion(): number;
  resolve(names: readonly string[]): OfferedNodes;
  /** The same from a JSON array of plain names as bytes, which is kept; null for anything else. */
  resolveBytes(list: Uint8Array): OfferedNodes | null;
  /** Confirms the pod's hold or makes a tentative one on the best offered node. Idempotent per uid. */
  filter(pod: PodFacts, offered: OfferedNodes, shortList: number): FilterAnswer;
  /** What filter would answer a pod that has no hold; nothing of it stays. For measurements. */
  dry(pod: PodFacts, offered: OfferedNodes, shortList: number): FilterAnswer;
  /** 0…10 per offered node: the winner of the last filter 10, the others less. Nodes left out have 0, as kube-scheduler reads it. */
  prioritize(pod: PodFacts, offered: OfferedNodes): readonly NodeScore[];
  /**
   * Corrected victims, at most one node (the best), and an `awaiting` hold for it. [] when eviction cannot help. For a pod that we do not
   * place: kube-scheduler's candidates as they are, without the nodes where the pod may not be.
   */
  preempt(pod: PodFacts, candidates: readonly PreemptCandidate[]): readonly PreemptAnswer[];
  /** null: the pod starts by itself, or nobody says how many start together, and then `beginBind` refuses it. O(members). */
  gangAtBind(uid: string): GangAtBind | null;
  /** The pod waits at bind for the others of its gang: its gang's plan stays for `ms` more. False: it has none any more, or none that stands. */
  awaitAtBind(uid: string, node: string, ms: number): boolean;
  /** The gang did not come together: what is open of its plan ends. `late`: because its time was up; it gives way to others for a while. */
  dropPlan(gang: string, late: boolean): void;
  /** Re-checks and marks the hold as being bound, so that nothing takes it over until one of the three calls below. */
  beginBind(ref: { uid: string; namespace: string; name: string }, node: string): BindPlan;
  /** The API server answered: bound. The hold becomes a claim when the informer shows it. */
  bindLanded(uid: string): void;
  /** The API server refused: the hold ends. */
  bindRefused(uid: string): void;
  /** No answer came: the Binding may have landed. The hold stays until `bindReadBack`. */
  bindUnknown(uid: string): void;
  /** The pod was read back after an unknown outcome and is bound to `node` (the claim on it counts), or is not (null). */
  bindReadBack(uid: string, node: string | null): void;
  /** Null when the pod is not known. */
  explain(namespace: string, name: string): PodExplained | null;
  /** The gang's standing, and how many would fit now. Null when it is not known. */
  explainGang(gang: string): GangExplained | null;
  /** Null: it was not refused, or something has happened since that may help. */
  gangRefusal(gang: string): GangRefusal | null;
}
