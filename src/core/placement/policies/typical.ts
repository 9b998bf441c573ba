/**
 * What is asked for, typically: the shapes that cover most of the pods that arrive, and how often. A lens is that list as one
 * kind of node sees it, flat, for loops that run for every node and every shape.
 */
import type { Device } from '../../gpu/device.ts';
import { modelPasses } from '../../gpu/matching.ts';
import type { TextFilter } from '../../gpu/request.ts';

export type TypicalShape = {
  /** milli-cores of the pod */
  readonly cpu: number;
  /** GPUs, 0: none */
  readonly count: number;
  /** thousandths of each of them */
  readonly milli: number;
  readonly models: TextFilter;
  /** how many such pods arrived: its popularity */
  readonly pods: number;
};

/** Shapes that the node's GPU models allow, grouped by milli (and by devices allowed, on nodes with several models). */
export type Lens = {
  readonly groups: number;
  /** per group: thousandths asked of each GPU */
  readonly milli: Int32Array;
  /** per group: which device positions count; null: all */
  readonly allowed: readonly (Uint8Array | null)[];
  /** entries of group g: from[g] … from[g + 1] − 1 */
  readonly from: Int32Array;
  readonly cpu: Int32Array;
  readonly count: Int32Array;
  /** place of the entry in the list of typical shapes */
  readonly id: Int32Array;
  readonly pods: Float64Array;
  /** price of the entry, see ../prices.ts; 0 where nobody priced */
  readonly weight: Float64Array;
  /** popularity of all typical shapes, also those that this node can never serve */
  readonly allPods: number;
};

export class Typical {
  readonly shapes: readonly TypicalShape[];
  readonly allPods: number;

  constructor(shapes: readonly TypicalShape[]) {
    this.shapes = shapes;
    this.allPods = shapes.reduce((sum, shape) => sum + shape.pods, 0);
  }

  /** `weights`: one per shape; null: all 0 */
  lens(devices: readonly Device[], weights: Float64Array | null): Lens {
    const groups = new Map<string, { milli: number; allowed: Uint8Array | null; ids: number[] }>();
    this.shapes.forEach((shape, id) => {
      if (shape.count === 0) return;
      const mask = Uint8Array.from(devices, (device) => Number(modelPasses(shape.models, device.model)));
      const passing = mask.reduce((sum, bit) => sum + bit, 0);
      if (passing < shape.count) return;
      const allowed = passing === devices.length ? null : mask;
      const key = `${shape.milli}|${allowed === null ? '' : allowed.join('')}`;
      const group = groups.get(key) ?? { milli: shape.milli, allowed, ids: [] };
      groups.set(key, group);
      group.ids.push(id);
    });
    const sorted = [...groups.values()].sort((a, b) => a.milli - b.milli);
    const ids = sorted.flatMap((group) => group.ids);
    const from = new Int32Array(sorted.length + 1);
    sorted.forEach((group, at) => {
      from[at + 1] = from[at]! + group.ids.length;
    });
    return {
      groups: sorted.length,
      milli: Int32Array.from(sorted, (group) => group.milli),
      allowed: sorted.map((group) => group.allowed),
      from,
      cpu: Int32Array.from(ids, (id) => Math.min(this.shapes[id]!.cpu, 2 ** 31 - 1)),
      count: Int32Array.from(ids, (id) => this.shapes[id]!.count),
      id: Int32Array.from(ids),
      pods: Float64Array.from(ids, (id) => this.shapes[id]!.pods),
      weight: Float64Array.from(ids, (id) => weights?.[id] ?? 0),
      allPods: this.allPods,
    };
  }
}
