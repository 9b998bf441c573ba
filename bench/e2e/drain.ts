/** One run of one mode: usually pods wait, kube-scheduler starts, and the clock runs from the first bound pod to the last. */
import { Audit } from '../../test/e2e/harness/audit.ts';
import { account } from '../../test/e2e/harness/installed.ts';
import type { Pod } from '../../test/e2e/harness/kube.ts';
import { waitFor } from '../../test/e2e/harness/wait.ts';
import { startBeside } from './beside.ts';
import { type Cluster, wantsDevices } from './cluster.ts';
import { busySeconds, writesAt } from './counters.ts';
import { cpuMs } from './cpu.ts';
import type { Mode } from './modes.ts';
import { Seen } from './seen.ts';

const PODS = '/api/v1/namespaces/default/pods';
/** a run that binds fewer than this many pods a second has failed */
const LEAST_RATE = 4;

export type Drained = {
  readonly podsPerSecond: number;
  /** CPU ms per pod: `kube-scheduler`, `kube-apiserver`, `etcd`, and what runs beside */
  readonly cpu: ReadonlyMap<string, number>;
  /** per pod: what reached the API server about pods, events included; of pods made meanwhile their creation, too */
  readonly writes: number;
  /** share of the time that our event loop was at work; null: nothing of ours ran */
  readonly loop: number | null;
  /** GPUs that carry something at the end; null: nobody gave any */
  readonly gpus: number | null;
  /** highest load of a device that the witness saw, thousandths */
  readonly peakMilli: number;
};

export type DrainOptions = {
  readonly pods: number;
  /** of them without GPUs */
  readonly plainPercent: number;
  /** part of every name of this run */
  readonly run: string;
  /** folder of CPU profiles of the extender */
  readonly profileInto: string | null;
};

/** Throws when pods stay unbound, and when the witness saw a device given away twice or a pod without its claim. */
export async function drain(
  cluster: Cluster,
  mode: Mode,
  { pods, plainPercent, run, profileInto }: DrainOptions,
): Promise<Drained> {
  const { plane } = cluster;
  const meanwhile = mode.arrive === 'meanwhile';
  const fill = (): Promise<Pod[]> => cluster.fill(pods, run, { plainPercent, gated: mode.gated ?? false });
  let made = meanwhile ? [] : await fill();
  const beside = await startBeside(cluster.plane, mode, run, profileInto);
  try {
    await mode.prepare?.({ plane, pods: made, nodes: cluster.nodes });
    const audit = await Audit.start(plane.admin);
    const seen = await Seen.start(plane.admin);
    const { bound } = seen;

    const others = new Map([
      ['kube-apiserver', plane.apiserver.pid],
      ['etcd', plane.etcd.pid],
      ...(beside === null ? [] : [[mode.beside, beside.pid] as const]),
    ]);
    const writes = await writesAt(plane.admin);
    const busy = mode.beside === 'muster' ? await busySeconds(beside!.url) : null;
    const since = performance.now();
    const before = new Map([...others].map(([name, pid]) => [name, cpuMs(pid)]));
    const scheduler = await plane.startScheduler({
      name: `kube-scheduler-${run}`,
      config: mode.scheduler,
      user: account,
      verbosity: 1,
      ...(beside !== null && { extenderUrl: beside.url }),
    });
    try {
      const begun = performance.now();
      if (meanwhile) made = await fill();
      await waitFor(() => bound.size >= pods, {
        for: `${pods} pods to be bound (${mode.name}, ${cluster.nodes.length} nodes)`,
        timeoutMs: 30_000 + (1000 * pods) / LEAST_RATE,
        everyMs: 20,
        onTimeout: () => `${bound.size} are bound\n${beside?.tail() ?? ''}\n${plane.tails()}`,
      });
      const cpu = new Map([...others].map(([name, pid]) => [name, (cpuMs(pid) - before.get(name)!) / pods]));
      cpu.set('kube-scheduler', cpuMs(scheduler.process.pid) / pods);
      const loop =
        busy === null ? null : (1000 * ((await busySeconds(beside!.url)) - busy)) / (performance.now() - since);
      const written = ((await writesAt(plane.admin)) - writes) / pods;
      const times = [...bound.values()];
      const last = Math.max(...times);
      // the first one is where the clock starts, so it is not among those that were bound since
      const rate = meanwhile ? pods / (last - begun) : (pods - 1) / (last - Math.min(...times));
      const { violations, claimed, gaps, peakMilli, peakMemoryMilli } = await audit.stop();
      const claims = mode.beside === 'muster' ? made.filter(wantsDevices).length : 0;
      if (violations.length > 0 || gaps > 0 || claimed !== claims) {
        throw new Error(
          `${mode.name}: the witness saw ${claimed} claims of ${claims}, ${gaps} gaps and ${violations.length} violations: ${JSON.stringify(violations.slice(0, 3))}`,
        );
      }
      const gpus = mode.beside === 'muster' ? gpusOf((await plane.admin.list<Pod>(PODS)).items) : null;
      return {
        podsPerSecond: 1000 * rate,
        cpu,
        writes: written,
        loop,
        gpus,
        peakMilli: Math.max(peakMilli, peakMemoryMilli),
      };
    } finally {
      await scheduler.process.stop(3_000);
      await seen.stop();
    }
  } finally {
    await beside?.stop();
    await cluster.clear();
  }
}

/** Different GPUs in the claims of these pods. */
function gpusOf(pods: readonly Pod[]): number {
  const used = new Set<string>();
  for (const { spec, metadata } of pods) {
    const text = metadata.annotations?.['muster.dev/claim'];
    if (text === undefined) continue;
    const { containers } = JSON.parse(text) as { containers: { devices: { index: number }[] }[] };
    for (const { devices } of containers) for (const { index } of devices) used.add(`${spec.nodeName}/${index}`);
  }
  return used.size;
}
