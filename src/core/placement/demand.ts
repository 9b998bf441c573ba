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
    const shape = shapeOfPod(pod);
    if (shape === null) return;
    const { allow, deny } = shape.models;
    const models = allow.length + deny.length === 0 ? '' : JSON.stringify(shape.models);
    const key = `${shape.cpu}|${shape.count}x${shape.milli}|${models}`;
    const known = this.#shapes.get(key);
    if (known === undefined) this.#shapes.set(key, { shape, pods: 1 });
    else known.pods++;
    this.#pods++;
    if (this.#pods >= FADE_PODS || this.#shapes.size > MAX_SHAPES) this.#fade();
  }

  typical(): Typical {
    // equal counts keep the order of arrival: sorting is stable
    const popular = [...this.#shapes.values()].sort((a, b) => b.pods - a.pods);
    const shapes: TypicalShape[] = [];
    let covered = 0;
    for (const { shape, pods } of popular) {
      if (covered * 100 >= this.#pods * COVERAGE) break;
      covered += pods;
      shapes.push({ ...shape, pods });
    }
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
