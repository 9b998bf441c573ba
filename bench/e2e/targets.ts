/** What is asked of the ratios, by cluster size, and what each mode is shown beside. */
export type Target = { readonly nodes: number; readonly mode: string; readonly of: string; readonly least: number };

export const TARGETS: readonly Target[] = [
  // what a stub that decides nothing reached on the machine of the first measurements
  { nodes: 500, mode: 'extender', of: 'stock', least: 0.65 },
  { nodes: 1_000, mode: 'extender', of: 'stock-all', least: 0.8 },
  { nodes: 5_000, mode: 'extender', of: 'stock-all', least: 1.05 },
  { nodes: 5_000, mode: 'extender-sampled', of: 'stock', least: 1 },
  // a stub: 1.36 and 4.6
  { nodes: 5_000, mode: 'nominated', of: 'stock', least: 1.2 },
  { nodes: 5_000, mode: 'nominated', of: 'stock-all', least: 4 },
  { nodes: 5_000, mode: 'pipeline', of: 'pipeline-stock', least: 0.9 },
  // a stub that nominated, looking at all nodes: 0.64
  { nodes: 500, mode: 'pipeline', of: 'pipeline-stock', least: 0.75 },
];

/** Those before it in the list are not compared with one that comes later. */
const BASELINES = ['stock', 'stock-all', 'stub', 'nominated-stub'] as const;
const PIPELINE_BASELINES = ['pipeline-stock', 'pipeline-stock-all', 'pipeline-stub'] as const;

export const baselinesOf = (mode: string): readonly string[] => {
  const list: readonly string[] = mode.startsWith('pipeline') ? PIPELINE_BASELINES : BASELINES;
  const at = list.indexOf(mode);
  return at < 0 ? list : list.slice(0, at);
};
