/**
 * What filter would answer a pod, leaving no trace: no hold, nothing learnt, nobody counted as waiting. The indices of shapes are of its own,
 * so that even the pace at which the real ones take new prices over is what it would have been. For measuring an extender that is at work.
 */
import { LRUCache } from 'lru-cache';
import type { GpuRequest } from '../core/gpu/request.ts';
import type { Forecast } from '../core/placement/forecast.ts';
import { placeOn } from '../core/placement/judge.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import { type PolicyDefaults, shapeKey, shapeOf } from '../core/placement/shape.ts';
import { ShapeIndex } from '../core/placement/shape-index.ts';
import type { ReasonCode } from '../core/reasons.ts';
import { bestOffered } from './best.ts';
import type { FilterAnswer, Refusal } from './decider.ts';
import type { Offered } from './offered.ts';
import { passThrough } from './pass-through.ts';
import type { Picture } from './picture.ts';

/** Each costs some 24 bytes a node. */
const SHAPES = 64;

export class DryDecisions {
  readonly #picture: Picture;
  readonly #defaults: PolicyDefaults;
  readonly #shapes = new LRUCache<string, ShapeIndex>({ max: SHAPES });
  #forecast: Forecast | null = null;

  constructor(picture: Picture, defaults: PolicyDefaults) {
    this.#picture = picture;
    this.#defaults = defaults;
  }

  /** `guarded`: why the pod may not be on managed nodes whatever it asks. A gang's member is answered as if it stood for itself. */
  decide(
    pod: PodFacts,
    offered: Offered,
    shortList: number,
    guarded: ReasonCode | null,
    forecast: Forecast,
  ): FilterAnswer {
    const { nodes } = this.#picture;
    if (guarded !== null || pod.ask.kind !== 'request') return passThrough(pod, offered, nodes, guarded);
    if (forecast !== this.#forecast) this.#shapes.clear();
    this.#forecast = forecast;
    const index = this.#index(pod, pod.ask.request, forecast);
    index.refresh();
    if (index.incomplete) index.compare(offered.slots);
    const fits = bestOffered(index, nodes, pod, offered, shortList);
    // as the decision does: the claim itself is worked out too
    if (fits[0] !== undefined && placeOn(index.shape, fits[0], forecast.outlook).fits)
      return { all: false, fits: fits.map(({ name }) => name), refused: [] };
    return { all: false, fits: [], refused: this.#refusals(index, pod, offered) };
  }

  #index(pod: PodFacts, request: GpuRequest, forecast: Forecast): ShapeIndex {
    const key = shapeKey(pod, request, this.#defaults);
    let index = this.#shapes.get(key);
    if (index === undefined) {
      index = new ShapeIndex(shapeOf(pod, request, this.#defaults, key), this.#picture.nodes, forecast);
      this.#shapes.set(key, index);
    }
    return index;
  }

  #refusals(index: ShapeIndex, pod: PodFacts, offered: Offered): Refusal[] {
    const { nodes } = this.#picture;
    const refused: Refusal[] = [];
    for (const slot of nodes.ordered) {
      const node = offered.has(slot) ? nodes.at(slot) : null;
      if (node !== null)
        refused.push({ node: node.name, code: index.reason(slot) ?? node.lacks(pod.needs) ?? 'gpu-full' });
    }
    for (const node of offered.unknown()) refused.push({ node, code: 'node-unknown' });
    return refused;
  }
}
