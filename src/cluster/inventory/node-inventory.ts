/**
 * Joins Node objects with the ResourceSlices that speak of them. Whenever either changes, the node's facts are made anew and
 * handed on; the picture compares them with what it has.
 */
import type { NodeFacts } from '../../core/placement/node-facts.ts';
import { type NodeObject, nodeFacts } from '../projection/node.ts';
import type { SliceObject } from '../projection/slice.ts';
import { type Inventory, inventoryOf } from './inventory.ts';

export type KnownNode = { readonly object: NodeObject; readonly inventory: Inventory };

export class NodeInventory {
  readonly #nodes = new Map<string, KnownNode>();
  /** slice name → slice; slices are cluster-wide objects */
  readonly #slices = new Map<string, SliceObject>();
  readonly #slicesOf = new Map<string, Set<string>>();
  readonly #changed: (name: string, facts: NodeFacts | null) => void;

  /** `changed` is called for every event of a node or its slices; facts null: the Node object is gone. */
  constructor(changed: (name: string, facts: NodeFacts | null) => void) {
    this.#changed = changed;
  }

  get(name: string): KnownNode | undefined {
    return this.#nodes.get(name);
  }

  values(): IterableIterator<KnownNode> {
    return this.#nodes.values();
  }

  upsertNode(object: NodeObject): void {
    const known = this.#nodes.get(object.name);
    // heartbeats change nothing that an inventory is read from
    const inventory = known !== undefined && sameSources(known.object, object) ? known.inventory : this.#read(object);
    this.#nodes.set(object.name, { object, inventory });
    this.#changed(object.name, nodeFacts(object, inventory.devices));
  }

  removeNode(name: string): void {
    if (this.#nodes.delete(name)) this.#changed(name, null);
  }

  upsertSlice(slice: SliceObject): void {
    const before = this.#slices.get(slice.name);
    if (before !== undefined && before.node !== slice.node) this.removeSlice(slice.name);
    this.#slices.set(slice.name, slice);
    const names = this.#slicesOf.get(slice.node) ?? new Set();
    this.#slicesOf.set(slice.node, names.add(slice.name));
    this.#again(slice.node);
  }

  removeSlice(name: string): void {
    const slice = this.#slices.get(name);
    if (slice === undefined) return;
    this.#slices.delete(name);
    const names = this.#slicesOf.get(slice.node);
    names?.delete(name);
    if (names?.size === 0) this.#slicesOf.delete(slice.node);
    this.#again(slice.node);
  }

  #again(name: string): void {
    const known = this.#nodes.get(name);
    if (known === undefined) return;
    const inventory = this.#read(known.object);
    this.#nodes.set(name, { object: known.object, inventory });
    this.#changed(name, nodeFacts(known.object, inventory.devices));
  }

  #read(object: NodeObject): Inventory {
    const names = this.#slicesOf.get(object.name);
    const found = inventoryOf(object, names === undefined ? [] : [...names].map((name) => this.#slices.get(name)!));
    // a driver that publishes anew has no complete generation for a moment: the GPUs are still those of the last one
    const before = this.#nodes.get(object.name)?.inventory;
    const publishing = found.faults.some(({ code }) => code === 'inventory-incomplete');
    if (publishing && before?.source === 'slices' && found.source !== 'annotation')
      return { ...found, source: 'slices', devices: before.devices };
    return found;
  }
}

function sameSources(a: NodeObject, b: NodeObject): boolean {
  if (a.devicesAnnotation !== b.devicesAnnotation) return false;
  const keys = Object.keys(a.labels);
  return keys.length === Object.keys(b.labels).length && keys.every((key) => a.labels[key] === b.labels[key]);
}
