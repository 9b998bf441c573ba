/** What a law is: a file per law, each with the invariants that it watches over and the moments at which it looks. */
import type { KubeObject } from '../../api/object.ts';
import type { RunningExtender } from '../verbs.ts';
import type { Facts } from './facts.ts';

export const INVARIANTS = [
  'over-allocated',
  'claim-missing',
  'claim-wrong',
  'claim-changed',
  'device-unknown',
  'env-missing',
  'env-unresolved',
  'two-deciders',
  'two-in-a-term',
  'bind-without-lease',
  'hold-overdue',
  'hold-orphaned',
  'hold-ownerless',
  'books-differ',
  'answer-differs',
  'awaited-given-away',
  'nomination-forgotten',
  'gpu-milli-wrong',
  'gang-early',
  'gang-evicts',
  'gang-in-part',
  'gang-broken',
  'gang-scattered',
  'gang-waits',
  'plan-in-part',
  'plan-overdue',
  'plan-forgotten',
  'gate-early',
  'pod-lost',
  'no-reason',
  'exception',
  'not-quiet',
  'too-small',
] as const;
export type Invariant = (typeof INVARIANTS)[number];

export type Violation = { readonly invariant: Invariant; readonly detail: string };

/** An extender as the oracle may ask it: who decides, what is held, what the books say. Nothing else is asked of anybody. */
export type Seat = {
  /** places are decided ahead of kube-scheduler */
  readonly placer: boolean;
  /** `a` of `extender-a` */
  readonly name: string;
  readonly extender: RunningExtender | null;
};

export type Judge = {
  readonly facts: Facts;
  /** virtual ms */
  readonly now: () => number;
  readonly seats: () => readonly Seat[];
  /** virtual ms from which on whoever decides now has decided */
  readonly deciderSince: () => number;
  /** counts one look at an invariant */
  readonly check: (invariant: Invariant) => void;
  readonly report: (invariant: Invariant, detail: string) => void;
};

export type Law = {
  readonly invariants: readonly Invariant[];
  /** a pod was bound: its object has a node for the first time */
  readonly bound?: (pod: KubeObject, node: string) => void;
  /** a pod was written; `before` undefined: created */
  readonly written?: (pod: KubeObject, before: KubeObject | undefined) => void;
  /** its object is gone */
  readonly gone?: (pod: KubeObject) => void;
  /** a Binding was carried out for the extender of this seat */
  readonly bindingDone?: (seat: string) => void;
  /** after every step: cheap, and only what time alone can break */
  readonly step?: () => void;
  /** about once a virtual second */
  readonly second?: () => void;
  /** another extender decides now, or none */
  readonly deciderChanged?: () => void;
  /** when nothing has gone wrong for a while and nothing is on its way */
  readonly quiet?: () => void;
};
