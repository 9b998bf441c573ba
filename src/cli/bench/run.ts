/** `muster bench`: reads the cluster, builds the calls, asks, and prints what came of it. */
import { nodeRng } from '../../kube/node-adapter.ts';
import { connect } from '../../kube/undici-adapter.ts';
import { UsageError } from '../errors.ts';
import { ask } from './ask.ts';
import { type AskedPod, askedPods, nodeNames } from './cluster.ts';
import { reportOf, reportText } from './report.ts';

export type BenchOptions = {
  url: URL;
  kubeconfig?: string;
  context?: string;
  calls: number;
  seconds: number;
  callers: number;
  schedulerName: string;
  output: 'text' | 'json';
};

/** different bodies: each is the names of all nodes once */
const MOST_BODIES = 64;

/** Throws UsageError where nothing can be measured. */
export async function runBench(options: BenchOptions): Promise<void> {
  const { url, kubeconfig, context, calls, seconds, callers, schedulerName, output } = options;
  const api = await connect({
    component: 'bench',
    ...(kubeconfig !== undefined && { kubeconfig }),
    ...(context !== undefined && { context }),
  });
  try {
    const names = await nodeNames(api);
    const asked = await askedPods(api, schedulerName, MOST_BODIES);
    const bodies = bodiesOf(asked.pods, names);
    const asking = await ask({ url, bodies, calls, seconds, callers });
    if (asking.calls.length === 0) throw new UsageError(`not one call ended within ${seconds} s: raise --seconds`);
    const report = reportOf(asking, { callers, nodes: names.length, pods: asked.origin });
    process.stdout.write(output === 'json' ? `${JSON.stringify(report, null, 2)}\n` : reportText(report));
  } finally {
    await api.close();
  }
}

/** As kube-scheduler sends them: the names in another order each time, as its goroutines leave them. */
function bodiesOf(pods: readonly AskedPod[], names: readonly string[]): Buffer[] {
  return Array.from({ length: MOST_BODIES }, (_, at) =>
    Buffer.from(JSON.stringify({ Pod: pods[at % pods.length], Nodes: null, NodeNames: shuffled(names) })),
  );
}

function shuffled(names: readonly string[]): string[] {
  const all = [...names];
  for (let at = all.length - 1; at > 0; at--) {
    const other = Math.floor(nodeRng.next() * (at + 1));
    [all[at], all[other]] = [all[other]!, all[at]!];
  }
  return all;
}
