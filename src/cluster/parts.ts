/** What decisions are made with: one set per books, shared by whoever answers a verb or the placer. */
import type { PodFacts } from '../core/placement/pod-facts.ts';
import type { ReasonCode } from '../core/reasons.ts';
import type { Clock } from '../kube/ports.ts';
import type { Awaiting } from './awaiting.ts';
import type { Picture } from './picture.ts';
import type { Planning } from './planning.ts';
import type { Refusals } from './refusals.ts';
import type { Seen } from './seen.ts';
import type { Shapes } from './shapes.ts';
import type { Untenable } from './untenable.ts';

export type Parts = {
  readonly picture: Picture;
  readonly clock: Clock;
  readonly shapes: Shapes;
  readonly planning: Planning;
  readonly awaiting: Awaiting;
  readonly refusals: Refusals;
  readonly seen: Seen;
  readonly untenable: Untenable;
  /** how long what is held waits for its bind, ms */
  readonly holdMs: number;
  /** a placer runs: what is held for a pod elsewhere than where it was offered can be made known */
  readonly placer: boolean;
  /** why the pod may not go to managed nodes at all, null if it may */
  readonly guarded: (pod: PodFacts) => ReasonCode | null;
  /** waiting pods, refused before, have a place now */
  readonly planned: (pods: readonly PodFacts[]) => void;
};
