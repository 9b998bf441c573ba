/** What a running gang can lose: its surplus over the minimum. */
import type { GangSpare } from '../../core/placement/gang/running-pod.ts';
import type { Picture } from '../picture.ts';
import { type GangStanding, standingOf } from './standing.ts';

/** What gangs can lose, each asked for once: of big ones it takes a look at all members. */
export class Spares {
  readonly #picture: Picture;
  readonly #none = new Set<string>();
  readonly map = new Map<string, GangSpare>();

  constructor(picture: Picture) {
    this.#picture = picture;
  }

  /** Makes the gang known to `map`, if it has a minimum. */
  look(gang: string | null): void {
    if (gang === null || this.map.has(gang) || this.#none.has(gang)) return;
    const spare = spareOf(this.#picture, gang);
    if (spare === null) this.#none.add(gang);
    else this.map.set(gang, spare);
  }
}

/** How many members the gang can lose without falling below its minimum. null: nobody said what that is, its pods go one by one. */
function spareOf(picture: Picture, gang: string): GangSpare | null {
  const known = picture.gangs.get(gang);
  const standing = known === undefined ? null : standingOf(known);
  if (standing === null || standing.minMember === 0) return null;
  const subGroups = new Map<string, number>();
  for (const { name, minMember } of standing.object?.subGroups ?? [])
    subGroups.set(name, settledIn(standing, name) - minMember);
  return { total: standing.settled.length - standing.minMember, subGroups };
}

const settledIn = ({ settled }: GangStanding, subGroup: string): number =>
  settled.filter(({ gangSaid }) => gangSaid?.subGroup === subGroup).length;
