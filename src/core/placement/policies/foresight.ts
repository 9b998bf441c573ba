/** The form of a policy that judges a node by what it could still serve afterwards. Integers only, no state. */
import type { Outlook } from '../outlook.ts';
import type { Room } from './room.ts';
import type { Lens } from './typical.ts';

export type Change = {
  /** what the free room of the node was worth before the pod, and would be after it; in the policy's own unit */
  before: number;
  after: number;
  /** thousandths of GPUs that the pod takes */
  taken: number;
  /** Σ over the GPUs touched of residue[free after] − residue[free before], milli */
  residue: number;
};

export type Foresight = {
  /** scores and worths stay valid while this object stays the same */
  basis(outlook: Outlook): object;
  worth(room: Room, lens: Lens): number;
  /** in [0, SCORE_LIMIT), higher is better */
  score(change: Change, lens: Lens): number;
};
