/** What pods and PodGroup objects say about a gang: projections, read by `dialects` and `cluster`, never whole objects. */

/** Who defines the group, strongest first: native before the label of a CRD before an annotation. */
export const GANG_DIALECTS = [
  'native',
  'muster',
  'coscheduling',
  'coscheduling-old',
  'coscheduling-light',
  'kai',
  'volcano',
  'koordinator',
  'kueue',
] as const;
export type GangDialect = (typeof GANG_DIALECTS)[number];

/** What one pod says. */
export type GangSaid = {
  /** `<namespace>/<name>` */
  readonly key: string;
  readonly dialect: GangDialect;
  /** ≥ 1; null: its object says */
  readonly minMember: number | null;
  /** how many members there will be in all, ≥ 1; null: not said */
  readonly total: number | null;
  readonly subGroup: string | null;
  /** how long members may wait for each other, seconds ≥ 1; null: not said */
  readonly waitSeconds: number | null;
  /** false (Koordinator NonStrict): members that found a place keep it while others wait */
  readonly strict: boolean;
  /** keys of gangs that must start together with this one, itself left out */
  readonly together: readonly string[];
  /** the line that can never start and the remedy, for people; null: nothing is wrong */
  readonly problem: string | null;
};

export type GangTopologyFacts = { readonly required: string | null; readonly preferred: string | null };

export type GangSubGroupFacts = {
  readonly name: string;
  /** null: a group of the root */
  readonly parent: string | null;
  readonly minMember: number;
  /** how many of its children are needed; absent: all */
  readonly minSubGroup?: number;
  readonly topology: GangTopologyFacts;
};

/** What its object says, whichever CRD it is of. */
export type GangObjectFacts = {
  readonly key: string;
  readonly dialect: GangDialect;
  readonly uid: string;
  readonly minMember: number;
  readonly waitSeconds: number | null;
  readonly queue: string;
  readonly priorityClassName: string;
  readonly topology: GangTopologyFacts;
  readonly subGroups: readonly GangSubGroupFacts[];
  /** how many of the sub-groups without a parent are needed; absent: all */
  readonly minSubGroup?: number;
  readonly onMemberLoss: 'keep' | 'restart' | 'evict';
  readonly problem: string | null;
  /** metadata.generation; absent: not told */
  readonly generation?: number;
  /** what its status said last; absent: nothing. No decision rests on it */
  readonly phase?: string;
};
