/** Container slots (`i0`, `c0` …): reading them, and the one order that requests and claims keep. */
import type { ContainerSlot } from './request.ts';

const SLOT = /^[ci](0|[1-9]\d{0,3})$/;

export const isSlot = (value: unknown): value is ContainerSlot => typeof value === 'string' && SLOT.test(value);

/** Init containers and sidecars in spec order, then app containers in spec order. */
export function bySlot(a: { readonly slot: ContainerSlot }, b: { readonly slot: ContainerSlot }): number {
  const kind = Number(a.slot.startsWith('c')) - Number(b.slot.startsWith('c'));
  return kind !== 0 ? kind : Number(a.slot.slice(1)) - Number(b.slot.slice(1));
}
