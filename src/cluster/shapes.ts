/** The shapes that were asked for lately, each with its verdict on all nodes, and what policies with foresight expect. */
import { LRUCache } from 'lru-cache';
import type { Claim } from '../core/gpu/claim.ts';
import type { GpuRequest } from '../core/gpu/request.ts';
import { Forecast } from '../core/placement/forecast.ts';
import { placeOn } from '../core/placement/judge.ts';
import type { NodeInfo } from '../core/placement/node-info.ts';
import type { NodeTable } from '../core/placement/node-table.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import type { Typical } from '../core/placement/policies/typical.ts';
import { type PolicyDefaults, type Shape, shapeKey, shapeOf } from '../core/placement/shape.ts';
import { ShapeIndex } from '../core/placement/shape-index.ts';
import type { ReasonCode } from '../core/reasons.ts';

/** Memory for shapes, bytes. Policies that look at CPU have many: hundreds on a real trace of a thousand nodes. */
const SHAPES_BYTES = 32 * 2 ** 20;
/** What a shape keeps per node: score, ranking (up to twice that with the slack of both). */
const SHAPE_BYTES_PER_NODE = 24;

export class Shapes {
  #forecast: Forecast;
  readonly #typical: Typical | null;
  readonly #nodes: NodeTable;
  readonly #defaults: PolicyDefaults;
  readonly #packed: PolicyDefaults;
  readonly #known = new LRUCache<string, ShapeIndex>({ maxSize: SHAPES_BYTES });

  /** by pod, of its own request: facts never change, and a pod known by the informer is asked about again and again */
  readonly #keys = new WeakMap<PodFacts, string>();

  /** `typical`: what is typically asked, for those who know it beforehand; otherwise it is learnt from what arrives. */
  constructor(nodes: NodeTable, defaults: PolicyDefaults, typical: Typical | null) {
    this.#nodes = nodes;
    this.#defaults = defaults;
    this.#packed = { ...defaults, nodePolicy: 'pack' };
    this.#typical = typical;
    this.#forecast = new Forecast(nodes, typical);
  }

  get forecast(): Forecast {
    return this.#forecast;
  }

  /** Forgets all that was asked for. */
  beginAnew(): void {
    this.#known.clear();
    this.#forecast = new Forecast(this.#nodes, this.#typical);
  }

  /** The pod's shape on all nodes, up to date. `request` null: a pod without GPUs. */
  indexOf(pod: PodFacts, request: GpuRequest | null): ShapeIndex {
    return this.#index(pod, request, this.#defaults);
  }

  /** The pod's shape without a look at any node. */
  shapeOf(pod: PodFacts, request: GpuRequest): Shape {
    const key = this.keyOf(pod, request);
    return this.#known.get(key)?.shape ?? shapeOf(pod, request, this.#defaults, key);
  }

  /**
   * The same, and the same by the policy `pack`, on a table that is only tried on, with the outlook of now. Nothing of it is seen here
   * afterwards: which shapes were asked for lately stays as it is.
   */
  triedOn(table: NodeTable): (pod: PodFacts, request: GpuRequest, packed: boolean) => ShapeIndex {
    const { outlook } = this.#forecast;
    const tried = new Map<string, ShapeIndex>();
    return (pod, request, packed) => {
      const asked = packed ? { ...request, nodePolicy: null } : request;
      const defaults = packed ? this.#packed : this.#defaults;
      const key = packed ? shapeKey(pod, asked, defaults) : this.keyOf(pod, asked);
      let index = tried.get(key);
      if (index === undefined) {
        index = new ShapeIndex(shapeOf(pod, asked, defaults, key), table, { outlook });
        tried.set(key, index);
      }
      index.refresh();
      return index;
    };
  }

  /** The same by the policy `pack`, whatever was configured or asked. */
  packedIndexOf(pod: PodFacts, request: GpuRequest | null): ShapeIndex {
    return this.#index(pod, request === null ? null : { ...request, nodePolicy: null }, this.#packed);
  }

  keyOf(pod: PodFacts, request: GpuRequest | null): string {
    if (request === null || pod.ask.kind !== 'request' || request !== pod.ask.request)
      return shapeKey(pod, request, this.#defaults);
    let key = this.#keys.get(pod);
    if (key === undefined) {
      key = shapeKey(pod, request, this.#defaults);
      this.#keys.set(pod, key);
    }
    return key;
  }

  /** Why the pod does not fit this node now, null if it does. */
  fitCode(index: ShapeIndex, pod: PodFacts, node: NodeInfo): ReasonCode | null {
    index.compare([node.slot]);
    return index.reason(node.slot) ?? node.lacks(pod.needs);
  }

  claimOn({ shape }: ShapeIndex, node: NodeInfo): Claim | null {
    const placed = placeOn(shape, node, this.#forecast.outlook);
    return placed.fits ? placed.claim : null;
  }

  #index(pod: PodFacts, request: GpuRequest | null, defaults: PolicyDefaults): ShapeIndex {
    const key = defaults === this.#defaults ? this.keyOf(pod, request) : shapeKey(pod, request, defaults);
    let index = this.#known.get(key);
    if (index === undefined) {
      index = new ShapeIndex(shapeOf(pod, request, defaults, key), this.#nodes, this.#forecast);
      const size = Math.min(SHAPES_BYTES, 1024 + SHAPE_BYTES_PER_NODE * this.#nodes.slots);
      this.#known.set(key, index, { size });
    }
    index.refresh();
    return index;
  }
}
