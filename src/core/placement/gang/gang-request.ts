/** A gang as the planner sees it: who must start together, and how near to each other. */
import type { Claim } from '../../gpu/claim.ts';
import type { PodFacts } from '../pod-facts.ts';

/** Node label keys. A domain is all nodes with one value of the key; a node without the label is in none. */
export type GangTopology = {
  /** all members in one domain of this level, or the gang waits; null: anywhere */
  readonly required: string | null;
  /** in one domain of this level if possible, else in as few as it takes; null: no wish */
  readonly preferred: string | null;
  /**
   * Keys from the widest to the narrowest level, when they are known: then a domain is named by its whole path (rack 1 of block A is
   * not rack 1 of block B). Keys that are not listed stand for themselves.
   */
  readonly levels: readonly string[];
};

export const ANYWHERE: GangTopology = { required: null, preferred: null, levels: [] };

/** A group of pods with its own minimum. The gang itself is the root; sub-groups are its children. */
export type GangGroup = {
  readonly name: string;
  /** members of this group itself (not of its children) that must be placed now; those that are bound or held are not counted */
  readonly needed: number;
  /** candidates, in the order in which they are preferred */
  readonly members: readonly PodFacts[];
  /** nodes where members of this group and its children already are: with `required` they say which domain it must be */
  readonly settled: readonly string[];
  /** how many of the children must be placed; those placed already are not among them */
  readonly neededGroups: number;
  readonly children: readonly GangGroup[];
  readonly topology: GangTopology;
};

export type Placed = {
  readonly pod: PodFacts;
  readonly node: string /** null: a member without GPUs */;
  readonly claim: Claim | null;
};

export type GangVerdict =
  | { readonly kind: 'planned'; readonly placed: readonly Placed[] }
  | {
      readonly kind: 'refused';
      readonly code: 'gang-no-room' | 'gang-topology';
      /** the most members that one try placed, of `needed` */
      readonly fits: number;
      readonly needed: number;
      /** the domain where that was, null: no level is required */
      readonly domain: string | null;
      /** the budget ended before every order and domain was tried */
      readonly gaveUp: boolean;
    };

/** Members that must be placed now, the children's included (of children that may be left out, the smallest count). */
export function neededOf(group: GangGroup): number {
  const children = group.children.map(neededOf).sort((a, b) => a - b);
  return group.needed + children.slice(0, group.neededGroups).reduce((sum, needed) => sum + needed, 0);
}
