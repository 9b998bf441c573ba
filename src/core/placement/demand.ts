/**
 * What pods ask for, counted as they arrive: the only source of typical shapes in a cluster, since nobody hands them over.
 * Old arrivals fade: when many have been counted, all counts are halved, and what was rare is forgotten.
 */
import type { GpuRequest, TextFilter } from '../gpu/request.ts';
import type { PodFacts } from './pod-facts.ts';
import { Typical, type TypicalShape } from './policies/typical.ts';
import { CPU } from './resources.ts';

/** Typical are the most popular shapes that make up this share of all pods, in per cent (as the paper does). */
const COVERAGE = 95;
/** Counts are halved when so many pods were counted, or so many different shapes are known. */
const FADE_PODS = 32_768;
const MAX_SHAPES = 1024;
/** Memory asked in MiB is a share of a device of this size when no better is known, MiB. */
const DEVICE_MIB = 81_920;

type Counted = { shape: Omit<TypicalShape, 'pods'>; pods: number };

export class Demand {
  readonly #shapes = new Map<string, Counted>();
  #pods = 0;

  get pods(): number {
    return this.#pods;
  }

  arrived(pod: PodFacts): void {
    this.#count(pod);
    if (this.#isFull) this.#fade();
  }

  /** Pods that were there before, in whatever order: they count the same in any. */
  known(pods: Iterable<PodFacts>): void {
    for (const pod of pods) this.#count(pod);
    while (this.#isFull) this.#fade();
  }

  #count(pod: PodFacts): void {
    const shape = shapeOfPod(pod);
    if (shape === null) return;
    const key = keyOf(shape);
    const known = this.#shapes.get(key);
    if (known === undefined) this.#shapes.set(key, { shape, pods: 1 });
    else known.pods++;
    this.#pods++;
  }

  get #isFull(): boolean {
    return this.#pods >= FADE_PODS || this.#shapes.size > MAX_SHAPES;
  }

  /**
   * `churn`: pods leave about as fast as they come. Then room for the rare large ones comes back, if it is left whole, and the
   * shapes that make up most of the GPUs asked are typical too. Where nothing leaves, looking after them only costs.
   */
  typical(churn = false): Typical {
    const popular = [...this.#shapes].sort(([a, { pods: some }], [b, { pods: others }]) =>
      some === others ? (a < b ? -1 : 1) : others - some,
    );
    const covering = new Set(covered(popular, ({ pods }) => pods));
    if (churn) {
      const bySize = popular.toSorted(([, a], [, b]) => milliOf(b) - milliOf(a));
      for (const key of covered(bySize, milliOf)) covering.add(key);
    }
    const shapes = popular.filter(([key]) => covering.has(key)).map(([, { shape, pods }]) => ({ ...shape, pods }));
    return new Typical(shapes);
  }

  #fade(): void {
    this.#pods = 0;
    for (const [key, counted] of this.#shapes) {
      counted.pods = Math.floor(counted.pods / 2);
      if (counted.pods === 0) this.#shapes.delete(key);
      this.#pods += counted.pods;
    }
  }
}

function keyOf(shape: Counted['shape']): string {
  const { allow, deny } = shape.models;
  const models = allow.length + deny.length === 0 ? '' : JSON.stringify(shape.models);
  return `${shape.cpu}|${shape.count}x${shape.milli}|${models}`;
}

const milliOf = ({ shape, pods }: Counted): number => pods * shape.count * shape.milli;

/** Keys of the first ones that make up COVERAGE of all, by `size`. */
function covered(sorted: readonly (readonly [string, Counted])[], size: (counted: Counted) => number): string[] {
  const all = sorted.reduce((sum, [, counted]) => sum + size(counted), 0);
  const keys: string[] = [];
  let sum = 0;
  for (const [key, counted] of sorted) {
    if (sum * 100 >= all * COVERAGE) break;
    sum += size(counted);
    keys.push(key);
  }
  return keys;
}

const ANY: TextFilter = { allow: [], deny: [] };

/** null: not typical of anything (it names single devices, or cannot be served at all). */
function shapeOfPod(pod: PodFacts): Counted['shape'] | null {
  const cpu = pod.needs[CPU] ?? 0;
  if (pod.ask.kind === 'none') return { cpu, count: 0, milli: 0, models: ANY };
  if (pod.ask.kind !== 'request') return null;
  const { request } = pod.ask;
  if (request.uuids.allow.length + request.uuids.deny.length > 0) return null;
  return { cpu, ...sizeOf(request), models: request.models };
}

/** GPUs and thousandths of each. Several containers together count as shares of the largest one's size. */
function sizeOf(request: GpuRequest): { count: number; milli: number } {
  let largest = 1;
  let total = 0;
  for (const { role, count, share } of request.containers) {
    const memory = 'mib' in share.memory ? Math.floor((1000 * share.memory.mib) / DEVICE_MIB) : share.memory.milli;
    const milli = Math.min(1000, Math.max(share.milli, memory, 1));
    largest = Math.max(largest, milli);
    total = role === 'init' ? Math.max(total, count * milli) : total + count * milli;
  }
  return { count: Math.max(1, Math.floor(total / largest)), milli: largest };
}
