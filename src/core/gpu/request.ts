/**
 * What a pod asks of GPUs, whatever dialect it spoke. Produced by `dialects`, written by the webhook as the annotation
 * `muster.dev/request`, read by everything else.
 */

/** thousandths of one device; also the compute and memory of a whole device in its own terms. */
export const WHOLE_MILLI = 1000;

/**
 * The share asked of each device. `milli`: thousandths of compute, 0 = memory only.
 * Memory either absolute in MiB, or in thousandths of the memory of whichever device is chosen.
 * A fraction f is {milli: ⌊1000 f⌋, memory: {milli: the same}}; a whole device is {milli: 1000, memory: {milli: 1000}}.
 */
export type ShareNeed = {
  readonly milli: number;
  readonly memory: { readonly mib: number } | { readonly milli: number };
};

/** `init` ends before the next container starts; `sidecar` is an init container with restartPolicy Always. */
export type ContainerRole = 'app' | 'init' | 'sidecar';

/** `c0`, `c1` … containers, `i0`, `i1` … init containers, by position in the pod spec (annotation keys hold 63 characters). */
export type ContainerSlot = `${'c' | 'i'}${number}`;

/** One container that wants GPUs: `count` different devices, the same share of each. */
export type ContainerNeed = {
  readonly name: string;
  readonly slot: ContainerSlot;
  readonly role: ContainerRole;
  /** number of different devices, ≥ 1 */
  readonly count: number;
  readonly share: ShareNeed;
};

/** Case-insensitive substrings for models, exact text for uuids. Empty allow = everything is allowed. */
export type TextFilter = { readonly allow: readonly string[]; readonly deny: readonly string[] };

export const DEVICE_POLICIES = ['pack', 'spread', 'link', 'numa'] as const;
export type DevicePolicy = (typeof DEVICE_POLICIES)[number];

export const NODE_POLICIES = ['pack', 'spread', 'fgd', 'muster'] as const;
export type NodePolicy = (typeof NODE_POLICIES)[number];

export type GpuRequest = {
  /** Only containers that want GPUs: init containers and sidecars in spec order, then containers in spec order. Never empty. */
  readonly containers: readonly ContainerNeed[];
  readonly models: TextFilter;
  readonly uuids: TextFilter;
  /** null: the configured default */
  readonly devicePolicy: DevicePolicy | null;
  /** true: `link` and `numa` are required, not preferred (HAMi's numa-bind) */
  readonly devicePolicyRequired: boolean;
  readonly nodePolicy: NodePolicy | null;
};

export function isWhole(share: ShareNeed): boolean {
  return share.milli === WHOLE_MILLI && 'milli' in share.memory && share.memory.milli === WHOLE_MILLI;
}
