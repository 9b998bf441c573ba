/**
 * Devices for every container of a pod at once, exact up to a bound.
 *
 * App containers and sidecars run together: they are packed like vectors into what is free. A plain init container runs
 * alone with the sidecars started before it: once the sidecars have their devices, each init container can be answered by
 * itself. So only the first kind is searched, and the second is checked along the way.
 *
 * 1. Greedy: largest share first, each container by the device policy. Almost always enough, and the only pass whose result
 *    follows the policy fully.
 * 2. Backtracking over positions in ascending order, with equal devices and equal containers tried once, and branches cut
 *    that cannot be completed. After SEARCH_STEPS it gives up: the pod is then refused although a placement might exist
 *    (never the other way round). Of random pods of 8 containers that fill 2 to 16 devices to the last share, the hardest
 *    case there is, it finds more than 99.9 %; at 20 containers the bound is felt.
 */
import { choose } from './choose.ts';
import { isIsland, LINK_STEPS } from './policies/link.ts';
import { numaGroups } from './policies/numa.ts';
import type { ContainerNeed, DevicePolicy, GpuRequest } from './request.ts';
import { mibOn } from './share.ts';
import { type View, within } from './view.ts';
import type { Work } from './work.ts';

/**
 * Work per search: a device tried is 1, a look ahead 1 for every 32 pairs of container and device. A step is well under a
 * microsecond, so the worst node of the most hostile pod costs some milliseconds.
 */
const SEARCH_STEPS = 30_000;

/** Devices of all containers together beyond which only the greedy pass is made: backtracking recurses once per device. */
const MAX_DEPTH = 1024;

/** Per container of the request its positions, ascending. */
export type Choice = readonly (readonly number[])[];

/** `required`: link and numa are demanded, not preferred. What it cost is added to `spent`. */
export function search(
  view: View,
  request: GpuRequest,
  policy: DevicePolicy,
  required: boolean,
  spent: Work,
): Choice | null {
  if (policy !== 'numa') return searchIn(view, request, policy, required && policy === 'link', spent);
  for (const group of numaGroups(view.devices, view.positions, view.freeMib, view.freeMilli)) {
    const choice = searchIn(within(view, group), request, policy, false, spent);
    if (choice !== null) return choice;
  }
  return required ? null : searchIn(view, request, policy, false, spent);
}

function searchIn(view: View, request: GpuRequest, policy: DevicePolicy, linked: boolean, spent: Work): Choice | null {
  const only = request.containers.length === 1 ? request.containers[0]! : null;
  if (only === null) return new Search(view, request.containers, policy, linked, spent).run();
  const fitting = view.positions.filter(
    (position) =>
      only.share.milli <= view.freeMilli[position]! &&
      mibOn(only.share, view.devices[position]!.mib) <= view.freeMib[position]!,
  );
  const chosen = choose(view, fitting, only, policy, linked, spent);
  return chosen === null ? null : [chosen];
}

/** A plain init container, with what is free beside the sidecars started before it. */
type Init = { readonly container: number; readonly freeMib: Float64Array; readonly freeMilli: Float64Array };

class Search {
  readonly #view: View;
  readonly #containers: readonly ContainerNeed[];
  readonly #policy: DevicePolicy;
  readonly #linked: boolean;
  /** containers that run together, largest share first */
  readonly #steady: readonly number[];
  readonly #inits: readonly Init[];
  /** MiB of container c on the device at position d: [c][d] */
  readonly #mib: readonly Float64Array[];
  readonly #minMib: Float64Array;
  readonly #startMib: Float64Array;
  readonly #startMilli: Float64Array;
  readonly #picked: number[][];
  readonly #spent: Work;
  /** left of LINK_STEPS for all containers of the pod together */
  #linkSteps = LINK_STEPS;
  #steps = 0;

  constructor(view: View, containers: readonly ContainerNeed[], policy: DevicePolicy, linked: boolean, spent: Work) {
    this.#spent = spent;
    this.#view = view;
    this.#containers = containers;
    this.#policy = policy;
    this.#linked = linked;
    this.#startMib = view.freeMib.slice();
    this.#startMilli = view.freeMilli.slice();
    this.#mib = containers.map(({ share }) => Float64Array.from(view.devices, (device) => mibOn(share, device.mib)));
    this.#minMib = Float64Array.from(this.#mib, (mib) =>
      view.positions.reduce((least, position) => Math.min(least, mib[position]!), Number.POSITIVE_INFINITY),
    );
    this.#picked = containers.map(() => []);
    const largest = view.positions.reduce((most, position) => Math.max(most, view.devices[position]!.mib), 1);
    const size = ({ share }: ContainerNeed): number =>
      Math.max(share.milli, Math.floor((1000 * mibOn(share, largest)) / largest));
    const all = containers.map((_, container) => container);
    this.#steady = all
      .filter((container) => containers[container]!.role !== 'init')
      .sort(
        (a, b) => size(containers[b]!) - size(containers[a]!) || containers[b]!.count - containers[a]!.count || a - b,
      );
    this.#inits = all
      .filter((container) => containers[container]!.role === 'init')
      .map((container) => ({ container, freeMib: view.freeMib.slice(), freeMilli: view.freeMilli.slice() }));
  }

  run(): Choice | null {
    this.#spent.work += this.#containers.length * (this.#view.devices.length + 4);
    if (this.#hopeless(0)) return null;
    const depth = this.#steady.reduce((sum, container) => sum + this.#containers[container]!.count, 0);
    const found = this.#greedy() || (depth <= MAX_DEPTH && this.#backtrack(0));
    const choice = found ? this.#picked.map((positions) => positions.toSorted((a, b) => a - b)) : null;
    this.#reset();
    this.#spent.work += 2 * this.#steps;
    return choice;
  }

  #greedy(): boolean {
    for (const container of this.#steady) {
      const fitting = this.#view.positions.filter((position) => this.#fits(container, position));
      const chosen = this.#choose(fitting, this.#containers[container]!, this.#linked);
      if (chosen === null) break;
      for (const position of chosen) this.#apply(container, position);
    }
    const complete = this.#steady.every((c) => this.#picked[c]!.length === this.#containers[c]!.count);
    if (complete && this.#placeInits()) return true;
    this.#reset();
    return false;
  }

  #backtrack(depth: number): boolean {
    const container = this.#steady[depth];
    if (container === undefined) return this.#placeInits();
    if (this.#hopeless(depth)) return false;
    const twin = depth > 0 && this.#interchangeable(this.#steady[depth - 1]!, container);
    return this.#combine(depth, twin ? this.#picked[this.#steady[depth - 1]!]![0]! : -1);
  }

  /** One more device for the container at `depth`, at a position of at least `least`. */
  #combine(depth: number, least: number): boolean {
    const container = this.#steady[depth]!;
    const picked = this.#picked[container]!;
    if (picked.length === this.#containers[container]!.count) {
      if (this.#linked) this.#steps += (picked.length * picked.length) >> 3;
      if (this.#linked && !isIsland(this.#view.devices, picked)) return false;
      return this.#backtrack(depth + 1);
    }
    const failed: number[] = [];
    for (const position of this.#view.positions) {
      if (position < least || !this.#fits(container, position)) continue;
      if (failed.some((other) => this.#alike(other, position))) continue;
      if (++this.#steps > SEARCH_STEPS) return false;
      this.#apply(container, position);
      if (this.#combine(depth, position + 1)) return true;
      this.#undo(container, position);
      failed.push(position);
    }
    return false;
  }

  /** Every plain init container gets devices, preferring those that raise the pod's peak least. */
  #placeInits(): boolean {
    const { devices, positions, freeMib, freeMilli } = this.#view;
    const peakMib = this.#startMib.map((free, position) => free - freeMib[position]!);
    const peakMilli = this.#startMilli.map((free, position) => free - freeMilli[position]!);
    for (const init of this.#inits) {
      const need = this.#containers[init.container]!;
      const mib = this.#mib[init.container]!;
      const loadMib = (d: number): number => this.#startMib[d]! - init.freeMib[d]! + mib[d]!;
      const loadMilli = (d: number): number => this.#startMilli[d]! - init.freeMilli[d]! + need.share.milli;
      const growth = (d: number): number =>
        Math.max(0, loadMilli(d) - peakMilli[d]!, Math.ceil((1000 * (loadMib(d) - peakMib[d]!)) / devices[d]!.mib));
      const fitting = positions.filter((d) => mib[d]! <= init.freeMib[d]! && need.share.milli <= init.freeMilli[d]!);
      const free = fitting.filter((d) => growth(d) === 0);
      const chosen =
        this.#choose(free, need, this.#linked) ??
        (this.#linked && need.count > 1
          ? this.#choose(fitting, need, true)
          : fitting.length < need.count
            ? null
            : fitting.toSorted((a, b) => growth(a) - growth(b) || a - b).slice(0, need.count));
      if (chosen === null) return false;
      this.#picked[init.container] = [...chosen];
      for (const d of chosen) {
        peakMib[d] = Math.max(peakMib[d]!, loadMib(d));
        peakMilli[d] = Math.max(peakMilli[d]!, loadMilli(d));
      }
    }
    return true;
  }

  #choose(fitting: readonly number[], need: ContainerNeed, linked: boolean): readonly number[] | null {
    const before = this.#spent.work;
    const chosen = choose(this.#view, fitting, need, this.#policy, linked, this.#spent, this.#linkSteps);
    this.#linkSteps = Math.max(0, this.#linkSteps - (this.#spent.work - before));
    return chosen;
  }

  #fits(container: number, position: number): boolean {
    const milli = this.#containers[container]!.share.milli;
    if (milli > this.#view.freeMilli[position]! || this.#mib[container]![position]! > this.#view.freeMib[position]!) {
      return false;
    }
    return this.#picked[container]!.every((other) => other !== position);
  }

  #apply(container: number, position: number): void {
    this.#book(container, position, 1);
    this.#picked[container]!.push(position);
  }

  #undo(container: number, position: number): void {
    this.#book(container, position, -1);
    this.#picked[container]!.pop();
  }

  #book(container: number, position: number, sign: 1 | -1): void {
    const { role, share } = this.#containers[container]!;
    const mib = sign * this.#mib[container]![position]!;
    const milli = sign * share.milli;
    this.#view.freeMib[position]! -= mib;
    this.#view.freeMilli[position]! -= milli;
    if (role !== 'sidecar') return;
    for (const init of this.#inits) {
      if (init.container < container) continue;
      init.freeMib[position]! -= mib;
      init.freeMilli[position]! -= milli;
    }
  }

  #reset(): void {
    for (const container of this.#steady) {
      for (const position of this.#picked[container]!) this.#book(container, position, -1);
    }
    for (let container = 0; container < this.#picked.length; container++) this.#picked[container] = [];
  }

  /** Swapping the two devices changes nothing for whoever is not placed yet. Only asked below one and the same branch. */
  #alike(a: number, b: number): boolean {
    const { devices, freeMib, freeMilli } = this.#view;
    return (
      !this.#linked &&
      freeMilli[a] === freeMilli[b] &&
      freeMib[a] === freeMib[b] &&
      devices[a]!.mib === devices[b]!.mib &&
      this.#inits.every((init) => init.freeMib[a] === init.freeMib[b] && init.freeMilli[a] === init.freeMilli[b])
    );
  }

  /** Swapping the devices of the two containers changes nothing. */
  #interchangeable(a: number, b: number): boolean {
    const one = this.#containers[a]!;
    const two = this.#containers[b]!;
    return (
      (this.#inits.length === 0 || (one.role === 'app' && two.role === 'app')) &&
      one.count === two.count &&
      one.share.milli === two.share.milli &&
      this.#mib[a]!.every((mib, position) => mib === this.#mib[b]![position])
    );
  }

  /** Necessary conditions for the containers from `depth` on, each of them monotone: once broken they stay broken. */
  #hopeless(depth: number): boolean {
    const { positions, freeMib, freeMilli } = this.#view;
    for (const init of this.#inits) {
      const { count, share } = this.#containers[init.container]!;
      const mib = this.#mib[init.container]!;
      let fitting = 0;
      for (const d of positions) if (mib[d]! <= init.freeMib[d]! && share.milli <= init.freeMilli[d]!) fitting++;
      if (fitting < count) return true;
    }
    this.#steps += ((this.#containers.length - depth) * positions.length) >> 5;
    let shares = 0;
    let needMib = 0;
    let needMilli = 0;
    let leastMib = Number.POSITIVE_INFINITY;
    let leastMilli = Number.POSITIVE_INFINITY;
    for (let at = depth; at < this.#steady.length; at++) {
      const container = this.#steady[at]!;
      const { count, share } = this.#containers[container]!;
      let fitting = 0;
      for (const d of positions) if (this.#fits(container, d)) fitting++;
      if (fitting < count) return true;
      const mib = this.#minMib[container]!;
      shares += count;
      needMib += count * mib;
      needMilli += count * share.milli;
      leastMib = Math.min(leastMib, mib);
      leastMilli = Math.min(leastMilli, share.milli);
    }
    // no device holds more of the rest than the smallest of them fits, nor more than one share per container
    const perDevice = this.#steady.length - depth;
    let slots = 0;
    for (const d of positions) {
      const mib = Math.max(0, freeMib[d]!);
      const milli = Math.max(0, freeMilli[d]!);
      needMib -= mib;
      needMilli -= milli;
      const byMilli = leastMilli === 0 ? perDevice : Math.floor(milli / leastMilli);
      slots += Math.min(perDevice, Math.floor(mib / leastMib), byMilli);
    }
    return shares > 0 && (needMib > 0 || needMilli > 0 || slots < shares);
  }
}
