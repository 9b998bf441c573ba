/** One physical GPU of a node, as its inventory source told it. Immutable: a changed GPU is a new Device. */
export type Device = {
  /** NVIDIA uuid (`GPU-…`). null: the source knows no uuid, the device is addressed by its index. */
  readonly uuid: string | null;
  /** The driver's index on the node (0, 1, …), unique on the node. */
  readonly index: number;
  /** Memory in MiB, ≥ 1. */
  readonly mib: number;
  /** Product name as its source writes it, e.g. `NVIDIA-A100-SXM4-80GB`. '' when unknown. */
  readonly model: string;
  /** NUMA node, null when unknown. */
  readonly numa: number | null;
  /**
   * Link weight to the device at the same position of the node's list, higher = closer, 0 = none or itself. [] when unknown.
   * The scale of NVIDIA's own allocator: SYS 10, NODE 20, PHB 30, PXB 40, PIX 50, PSB 60, n NVLinks 100·n, added up per pair.
   */
  readonly links: readonly number[];
  readonly healthy: boolean;
};

/** How a claim names a device: by uuid where there is one, else by index. */
export type DeviceRef = { readonly uuid: string | null; readonly index: number };
