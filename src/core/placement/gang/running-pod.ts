/** Running pods as possible victims, and what gangs among them can lose. For single pods and for whole gangs alike. */

export type RunningPod = {
  readonly uid: string;
  readonly node: string;
  readonly priority: number;
  /** ms since the epoch; an earlier start means more work lost */
  readonly startedMs: number;
  /** already being deleted: costs nothing, but holds its devices until it is gone */
  readonly terminating: boolean;
  readonly gang: string | null;
  /** the sub-group of its gang that it is in; null: none */
  readonly subGroup: string | null;
  /** indices of the disruption budgets that select it */
  readonly budgets: readonly number[];
};

/** How many members a gang may lose and still have its minimum, in all and by sub-group. */
export type GangSpare = { readonly total: number; readonly subGroups: ReadonlyMap<string, number> };

type InGang = Pick<RunningPod, 'gang' | 'subGroup'>;

export type Losses = {
  /** keys of gangs that lose more than they can */
  readonly broken: Set<string>;
  /** Counts the pod as lost if that breaks no gang. Pods of gangs without a minimum may always go. */
  mayLose(pod: InGang): boolean;
};

/** What it means for gangs that these pods go. */
export function losses(pods: Iterable<InGang>, spare: ReadonlyMap<string, GangSpare>): Losses {
  const lost = new Map<string, { total: number; subGroups: Map<string, number> }>();
  const broken = new Set<string>();
  const lose = ({ gang, subGroup }: InGang, tryOnly: boolean): boolean => {
    const most = gang === null ? undefined : spare.get(gang);
    if (gang === null || most === undefined) return true;
    const so = lost.get(gang) ?? { total: 0, subGroups: new Map<string, number>() };
    lost.set(gang, so);
    const inSub = subGroup === null ? 0 : (so.subGroups.get(subGroup) ?? 0) + 1;
    const tooMany =
      so.total + 1 > most.total ||
      (subGroup !== null && inSub > (most.subGroups.get(subGroup) ?? Number.POSITIVE_INFINITY));
    if (tooMany && tryOnly) return false;
    so.total++;
    if (subGroup !== null) so.subGroups.set(subGroup, inSub);
    if (tooMany) broken.add(gang);
    return true;
  };
  for (const pod of pods) lose(pod, false);
  return { broken, mayLose: (pod) => lose(pod, true) };
}
