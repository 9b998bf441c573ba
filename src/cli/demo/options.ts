/** What `muster demo` can be told, with its defaults. */
export type DemoOptions = {
  /** seconds until the demo ends by itself; null: until Ctrl-C */
  readonly forSeconds: number | null;
  readonly seed: number;
  readonly nodes: number;
  /** arriving pods per second */
  readonly rate: number;
};

export const DEFAULTS = { seed: 1, nodes: 12, rate: 10 } as const;

/** mean lifetime of a pod: with the default rate the default nodes are full after some ten seconds */
export const MEAN_RUN_SECONDS = 12;
