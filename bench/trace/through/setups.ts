/** Who decides where, and what kube-scheduler looks at: the ways of running Muster that are compared. */

/** percentageOfNodesToScore that offers every node */
export const ALL = 100;

export type Setup = {
  readonly name: string;
  readonly text: string;
  /** the placer runs */
  readonly placer: boolean;
  /** every pod waits behind the placer's gate and is decided there; otherwise filter decides */
  readonly gated: boolean;
  /** percentageOfNodesToScore; 0: kube-scheduler's default, a sample that depends on the number of nodes */
  readonly percentageOfNodesToScore: number;
  /** whoever decides sees every node, or is meant to make good for it that kube-scheduler does not */
  readonly seesAll: boolean;
};

export const SETUPS = [
  {
    name: 'filter',
    text: 'filter decides, all nodes offered, no placer',
    placer: false,
    gated: false,
    percentageOfNodesToScore: ALL,
    seesAll: true,
  },
  {
    name: 'placer',
    text: 'filter decides with the placer, nodes sampled',
    placer: true,
    gated: false,
    percentageOfNodesToScore: 0,
    seesAll: true,
  },
  {
    name: 'gated',
    text: 'the placer decides for gated pods, nodes sampled',
    placer: true,
    gated: true,
    percentageOfNodesToScore: 0,
    seesAll: true,
  },
  {
    name: 'sampled',
    text: 'filter decides without the placer, nodes sampled',
    placer: false,
    gated: false,
    percentageOfNodesToScore: 0,
    seesAll: false,
  },
] as const satisfies readonly Setup[];
