/** What is asked of the ratios, by cluster size: what a stub that decides nothing reached on the machine of the first measurements. */
export type Target = { readonly nodes: number; readonly mode: string; readonly of: string; readonly least: number };

export const TARGETS: readonly Target[] = [
  { nodes: 500, mode: 'extender', of: 'stock', least: 0.65 },
  { nodes: 1_000, mode: 'extender', of: 'stock-all', least: 0.8 },
  { nodes: 5_000, mode: 'extender', of: 'stock-all', least: 1.05 },
  { nodes: 5_000, mode: 'extender-sampled', of: 'stock', least: 1 },
];

/** What every mode is shown beside. */
export const BASELINES = ['stock', 'stock-all', 'stub'] as const;
