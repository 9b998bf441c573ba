/**
 * Pods without our gate, as kube-scheduler has them in its queue. Where the sample of nodes that it offers would often miss the best one,
 * a write more per pod costs less than the way round (refused, nominated, asked again): then the first ones in line are decided ahead, and
 * made known from the last of them to the first, because kube-scheduler takes the first ones now. What was measured: docs/performance.md.
 */
import { startsWith } from '../cluster/gangs/standing.ts';
import type { Picture } from '../cluster/picture.ts';
import type { Planner } from '../cluster/planner.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import type { Line } from './line.ts';

export type BacklogOptions = {
  readonly picture: Picture;
  readonly planner: Planner;
  readonly line: Line;
  readonly config: { readonly minNodes: number; readonly minBacklog: number };
};

/** Pods decided in one call. */
const AT_ONCE = 256;
/** After so many for which there is no room it is full. */
const REFUSALS = 8;

export class Backlog {
  readonly #options: BacklogOptions;
  /** nothing was found then */
  #full: { freed: number; version: number } | null = null;

  constructor(options: BacklogOptions) {
    this.#options = options;
  }

  /** Holds places for at most `most`; their uids in the order in which they are to be made known. */
  plan(most: number): readonly string[] {
    const { picture, planner, line, config } = this.#options;
    if (this.#full?.freed === picture.nodes.freed && this.#full.version === line.version) return [];
    if (most === 0 || line.size < config.minBacklog || picture.nodes.ordered.length < config.minNodes) return [];
    if (planner.samplesDo) return [];
    // thousands may wait behind gates: they are not looked at one by one
    if (picture.queued.pods < config.minBacklog) return [];
    const waiting: PodFacts[] = [];
    for (const { pods } of line.places()) for (const pod of pods.values()) if (this.#isPlain(pod)) waiting.push(pod);
    if (waiting.length < config.minBacklog) return [];
    const planned: string[] = [];
    let refused = 0;
    for (const { uid } of waiting) {
      if (planned.length >= Math.min(most, AT_ONCE) || refused >= REFUSALS) break;
      const outcome = planner.planPod(uid);
      if (outcome.kind === 'planned') planned.push(uid);
      // filter tells it why
      else if (outcome.kind === 'refused') refused++;
    }
    this.#full = planned.length === 0 ? { freed: picture.nodes.freed, version: line.version } : null;
    return planned.reverse();
  }

  /** Nobody has looked at it yet, and it has a place of its own to look for. */
  #isPlain(pod: PodFacts): boolean {
    const { picture } = this.#options;
    if (pod.gated || pod.ask.kind !== 'request' || pod.nominatedNode !== null || pod.plan !== null) return false;
    return startsWith(pod) === null && !picture.isRefused(pod.uid) && picture.holds.get(pod.uid) === undefined;
  }
}
