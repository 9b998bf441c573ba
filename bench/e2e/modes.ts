/**
 * What is compared: how kube-scheduler is configured and what runs beside it. A further way of deciding is one more entry here; what it
 * must do before the clock starts goes into `prepare`.
 */
import type { ControlPlane, SchedulerConfiguration } from '../../test/e2e/harness/control-plane.ts';
import { schedulerConfigurations } from '../../test/e2e/harness/deploy.ts';
import type { Pod } from '../../test/e2e/harness/kube.ts';
import { waitFor } from '../../test/e2e/harness/wait.ts';
import { inParallel } from './in-parallel.ts';

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
  /** pods wait behind the gate of the placer */
  readonly gated?: boolean;
  /** of the extender, over what is shipped */
  readonly settings?: Record<string, unknown>;
  /** after the pods wait and before kube-scheduler starts, e.g. nominations */
  readonly prepare?: (waiting: Waiting) => Promise<void>;
  /** `before` kube-scheduler starts: the clock runs from the first bound pod; `meanwhile`: from the first that is made */
  readonly arrive: 'before' | 'meanwhile';
  /** looks at all nodes for each pod: on a large cluster a third of the pods is enough, its rate does not depend on their number */
  readonly slow?: boolean;
};

/** Raised for all alike: with the usual 50 or 200 calls a second the limit is what would be measured. */
const CLIENT = { qps: 5_000, burst: 10_000 };

const {
  extenders,
  percentageOfNodesToScore: _shipped,
  leaderElection: _elected,
  ...rest
} = schedulerConfigurations().own;
export const configured = (more: Partial<SchedulerConfiguration>): SchedulerConfiguration => ({
  ...rest,
  // one scheduler, started anew for every run: waiting for a lease measures nothing
  leaderElection: { leaderElect: false },
  clientConnection: CLIENT,
  ...more,
});
/** The placer for pods that have no gate, from the first one on. */
export const PLACER = { placer: { enabled: true } };
const ALL_NODES = { percentageOfNodesToScore: 100 };
export const EXTENDED = extenders === undefined ? {} : { extenders };

export const MODES: readonly Mode[] = [
  {
    name: 'stock',
    says: 'kube-scheduler alone, its default sampling of nodes',
    beside: 'nothing',
    scheduler: configured({}),
    arrive: 'before',
  },
  {
    name: 'stock-all',
    says: 'kube-scheduler alone, looking at all nodes',
    slow: true,
    beside: 'nothing',
    scheduler: configured(ALL_NODES),
    arrive: 'before',
  },
  {
    name: 'stub',
    says: 'an extender that decides nothing: the first 8 names, one Binding; all nodes',
    slow: true,
    beside: 'stub',
    scheduler: configured({ ...ALL_NODES, ...EXTENDED }),
    arrive: 'before',
  },
  {
    name: 'extender',
    says: 'Muster as shipped: decides on all nodes',
    slow: true,
    beside: 'muster',
    scheduler: configured({ ...ALL_NODES, ...EXTENDED }),
    arrive: 'before',
  },
  {
    name: 'extender-sampled',
    says: "Muster behind kube-scheduler's default sampling",
    beside: 'muster',
    scheduler: configured(EXTENDED),
    arrive: 'before',
  },
  {
    name: 'nominated-stub',
    says: 'the stub, and every pod nominated beforehand, to one node after the other',
    beside: 'stub',
    scheduler: configured(EXTENDED),
    prepare: nominateInTurn,
    arrive: 'before',
  },
  {
    name: 'nominated',
    says: 'Muster with its placer, every pod decided and nominated beforehand',
    beside: 'muster',
    scheduler: configured(EXTENDED),
    settings: {
      // all of them, and none may run out while it waits for its turn
      placer: { enabled: true, nominateLeast: 100_000 },
      holdSeconds: 600,
    },
    // what it nominates for sure, and their gates are off before the clock starts
    gated: true,
    prepare: untilNominated,
    arrive: 'before',
  },
  {
    name: 'pipeline-stock',
    says: 'kube-scheduler alone, its default sampling, pods made meanwhile',
    beside: 'nothing',
    scheduler: configured({}),
    arrive: 'meanwhile',
  },
  {
    name: 'pipeline-stock-all',
    says: 'kube-scheduler alone, all nodes, pods made meanwhile',
    slow: true,
    beside: 'nothing',
    scheduler: configured(ALL_NODES),
    arrive: 'meanwhile',
  },
  {
    name: 'pipeline-stub',
    says: 'the stub behind the default sampling, pods made meanwhile',
    beside: 'stub',
    scheduler: configured(EXTENDED),
    arrive: 'meanwhile',
  },
  {
    name: 'pipeline-spot',
    says: 'Muster without placer, all nodes, pods made meanwhile',
    slow: true,
    beside: 'muster',
    scheduler: configured({ ...ALL_NODES, ...EXTENDED }),
    arrive: 'meanwhile',
  },
  {
    name: 'pipeline',
    says: 'Muster with its placer behind the default sampling, pods made meanwhile',
    beside: 'muster',
    scheduler: configured(EXTENDED),
    settings: PLACER,
    arrive: 'meanwhile',
  },
  {
    name: 'pipeline-gated',
    says: 'as pipeline, every pod behind the gate of the placer',
    beside: 'muster',
    scheduler: configured(EXTENDED),
    settings: PLACER,
    gated: true,
    arrive: 'meanwhile',
  },
];

const PODS = '/api/v1/namespaces/default/pods';

async function nominateInTurn({ plane, pods, nodes }: Waiting): Promise<void> {
  await inParallel(pods, ({ metadata: { name } }, at) =>
    plane.admin.patch(`${PODS}/${name}/status`, 'strategic', {
      status: { nominatedNodeName: nodes[at % nodes.length] },
    }),
  );
}

async function untilNominated({ plane, pods }: Waiting): Promise<void> {
  const nominated = async (): Promise<number> => {
    const { items } = await plane.admin.list<Pod>(PODS);
    return items.filter(({ spec, status }) => status?.nominatedNodeName !== undefined && !spec.schedulingGates?.length)
      .length;
  };
  let last = 0;
  const all = async (): Promise<boolean> => {
    last = await nominated();
    return last === pods.length;
  };
  await waitFor(all, {
    for: 'all pods to be nominated',
    timeoutMs: 30_000 + 250 * pods.length,
    everyMs: 1_000,
    onTimeout: () => `${last} of ${pods.length} are`,
  });
}
