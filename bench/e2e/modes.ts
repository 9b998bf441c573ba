/**
 * What is compared: how kube-scheduler is configured and what runs beside it. A further way of deciding is one more entry here; what it
 * must do before the clock starts goes into `prepare`.
 */
import type { ControlPlane, SchedulerConfiguration } from '../../test/e2e/harness/control-plane.ts';
import { schedulerConfigurations } from '../../test/e2e/harness/deploy.ts';
import type { Pod } from '../../test/e2e/harness/kube.ts';

export type Waiting = {
  readonly plane: ControlPlane;
  readonly pods: readonly Pod[];
  readonly nodes: readonly string[];
};

export type Mode = {
  readonly name: string;
  /** what it is, for people */
  readonly says: string;
  readonly beside: 'nothing' | 'stub' | 'muster';
  /** without the client's limits, which are the same for all */
  readonly scheduler: SchedulerConfiguration;
  /** of the extender, over what is shipped */
  readonly settings?: Record<string, unknown>;
  /** after the pods wait and before kube-scheduler starts, e.g. nominations */
  readonly prepare?: (waiting: Waiting) => Promise<void>;
  /** `before` kube-scheduler starts: the clock runs from the first bound pod; `meanwhile`: from the first that is made */
  readonly arrive: 'before' | 'meanwhile';
  /** false: run only where it is named */
  readonly usual: boolean;
};

/** Raised for all alike: with the usual 50 or 200 calls a second the limit is what would be measured. */
const CLIENT = { qps: 5_000, burst: 10_000 };

const {
  extenders,
  percentageOfNodesToScore: _shipped,
  leaderElection: _elected,
  ...rest
} = schedulerConfigurations().own;
const configured = (more: Partial<SchedulerConfiguration>): SchedulerConfiguration => ({
  ...rest,
  // one scheduler, started anew for every run: waiting for a lease measures nothing
  leaderElection: { leaderElect: false },
  clientConnection: CLIENT,
  ...more,
});
const ALL_NODES = { percentageOfNodesToScore: 100 };
const EXTENDED = extenders === undefined ? {} : { extenders };

export const MODES: readonly Mode[] = [
  {
    name: 'stock',
    says: 'kube-scheduler alone, its default sampling of nodes',
    beside: 'nothing',
    scheduler: configured({}),
    arrive: 'before',
    usual: true,
  },
  {
    name: 'stock-all',
    says: 'kube-scheduler alone, looking at all nodes',
    beside: 'nothing',
    scheduler: configured(ALL_NODES),
    arrive: 'before',
    usual: true,
  },
  {
    name: 'stub',
    says: 'an extender that decides nothing: the first 8 names, one Binding; all nodes',
    beside: 'stub',
    scheduler: configured({ ...ALL_NODES, ...EXTENDED }),
    arrive: 'before',
    usual: true,
  },
  {
    name: 'extender',
    says: 'Muster as shipped: decides on all nodes',
    beside: 'muster',
    scheduler: configured({ ...ALL_NODES, ...EXTENDED }),
    arrive: 'before',
    usual: true,
  },
  {
    name: 'extender-sampled',
    says: "Muster behind kube-scheduler's default sampling",
    beside: 'muster',
    scheduler: configured(EXTENDED),
    arrive: 'before',
    usual: true,
  },
  {
    name: 'pipeline-stock',
    says: 'kube-scheduler alone, its default sampling, pods made meanwhile',
    beside: 'nothing',
    scheduler: configured({}),
    arrive: 'meanwhile',
    usual: false,
  },
  {
    name: 'pipeline-extender',
    says: 'Muster as shipped, all nodes, pods made meanwhile',
    beside: 'muster',
    scheduler: configured({ ...ALL_NODES, ...EXTENDED }),
    arrive: 'meanwhile',
    usual: false,
  },
];
