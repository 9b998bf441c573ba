/** Which name means which policy. `SCORES` look at the fit alone, `FORESIGHT` at what the cluster expects as well. */
import type { NodePolicy } from '../../gpu/request.ts';
import { fgd } from './fgd.ts';
import type { Foresight } from './foresight.ts';
import { muster } from './muster.ts';
import type { NodeFit } from './node-fit.ts';
import { packScore } from './pack.ts';
import { spreadScore } from './spread.ts';

export const FORESIGHT = { fgd, muster } as const satisfies { readonly [name in NodePolicy]?: Foresight };

export type Foresighted = keyof typeof FORESIGHT;

export const SCORES: Readonly<Record<Exclude<NodePolicy, Foresighted>, (fit: NodeFit) => number>> = {
  pack: packScore,
  spread: spreadScore,
};

export const isForesighted = (name: NodePolicy): name is Foresighted => name in FORESIGHT;
