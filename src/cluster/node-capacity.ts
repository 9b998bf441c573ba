/**
 * The extended resource `muster.dev/gpu-milli` in a node's status: 1000 × healthy devices on managed nodes, absent on others.
 * Pure: says which PATCH is due; the deciding extender sends it.
 */
import type { Device } from '../core/gpu/device.ts';
import { WHOLE_MILLI } from '../core/gpu/request.ts';
import { GPU_MILLI } from '../core/names.ts';
import type { NodeObject } from './projection/node.ts';

type Amounts = { readonly [GPU_MILLI]: string | null };

export type CapacityPatch = {
  /** of the status subresource */
  readonly path: string;
  /** strategic merge; null removes; the uid makes a patch for an earlier node of that name fail with 409 */
  readonly body: {
    readonly metadata: { readonly uid: string };
    readonly status: { readonly capacity: Amounts; readonly allocatable: Amounts };
  };
};

/** null: the status says it already */
export function capacityPatch(node: NodeObject, devices: readonly Device[]): CapacityPatch | null {
  const healthy = devices.filter((device) => device.healthy).length;
  const wanted = node.managed ? WHOLE_MILLI * healthy : null;
  if (node.gpuMilli.capacity === wanted && node.gpuMilli.allocatable === wanted) return null;
  const amounts: Amounts = { [GPU_MILLI]: wanted === null ? null : String(wanted) };
  return {
    path: `/api/v1/nodes/${encodeURIComponent(node.name)}/status`,
    body: { metadata: { uid: node.uid }, status: { capacity: amounts, allocatable: amounts } },
  };
}
