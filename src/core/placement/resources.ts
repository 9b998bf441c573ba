/**
 * Amounts of what kube-scheduler calls resources, integers only: CPU in milli-cores, memory and ephemeral storage in bytes,
 * everything else in units. `pods` counts pods. Missing key = 0.
 */
export type Resources = Readonly<Record<string, number>>;

/** Resource names with a meaning of their own; others (`ephemeral-storage`, `hugepages-…`, extended ones) keep their name. */
export const CPU = 'cpu';
export const MEMORY = 'memory';
export const PODS = 'pods';
