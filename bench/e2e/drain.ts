/** One run of one mode: usually pods wait, kube-scheduler starts, and the clock runs from the first bound pod to the last. */
import { join } from 'node:path';
import { Audit } from '../../test/e2e/harness/audit.ts';
import { follow } from '../../test/e2e/harness/follow.ts';
import { account } from '../../test/e2e/harness/installed.ts';
import type { Pod, WatchEvent } from '../../test/e2e/harness/kube.ts';
import { freePorts } from '../../test/e2e/harness/loopback.ts';
import { Muster } from '../../test/e2e/harness/muster.ts';
import { Process } from '../../test/e2e/harness/process.ts';
import { waitFor } from '../../test/e2e/harness/wait.ts';
import { type Cluster, wantsDevices } from './cluster.ts';
import { cpuMs } from './cpu.ts';
import type { Mode } from './modes.ts';

const PODS = '/api/v1/namespaces/default/pods';
/** a run that binds fewer than this many pods a second has failed */
const LEAST_RATE = 4;

export type Drained = {
  readonly podsPerSecond: number;
  /** CPU ms per pod: `kube-scheduler`, `kube-apiserver`, `etcd`, and what runs beside */
  readonly cpu: ReadonlyMap<string, number>;
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

type Beside = { readonly url: string; readonly pid: number; readonly tail: () => string; stop(): Promise<unknown> };

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
  const beside = await startBeside(cluster, mode, run, profileInto);
  const abort = new AbortController();
  try {
    await mode.prepare?.({ plane, pods: made, nodes: cluster.nodes });
    const audit = await Audit.start(plane.admin);
    const bound = new Map<string, number>();
    const note = (pod: Pod): void => {
      const { name } = pod.metadata;
      if (pod.spec.nodeName !== undefined && !bound.has(name)) bound.set(name, performance.now());
    };
    const list = async (): Promise<string> => {
      const { items, resourceVersion } = await plane.admin.list<Pod>(PODS);
      for (const pod of items) note(pod);
      return resourceVersion;
    };
    const on = ({ object }: WatchEvent<Pod>): void => note(object);
    const watching = follow<Pod>(plane.admin, {
      path: PODS,
      from: await list(),
      on,
      relist: list,
      signal: abort.signal,
    });

    const others = new Map([
      ['kube-apiserver', plane.apiserver.pid],
      ['etcd', plane.etcd.pid],
      ...(beside === null ? [] : [[mode.beside, beside.pid] as const]),
    ]);
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
      return { podsPerSecond: 1000 * rate, cpu, peakMilli: Math.max(peakMilli, peakMemoryMilli) };
    } finally {
      await scheduler.process.stop(3_000);
      abort.abort();
      await watching;
    }
  } finally {
    await beside?.stop();
    await cluster.clear();
  }
}

/** Resolves when it answers (and decides). */
async function startBeside(
  { plane }: Cluster,
  mode: Mode,
  run: string,
  profileInto: string | null,
): Promise<Beside | null> {
  if (mode.beside === 'nothing') return null;
  if (mode.beside === 'stub') {
    const [port] = (await freePorts(1)) as [number];
    const api = { port, url: plane.url, ca: plane.ca, token: plane.token(account) };
    const stub = new Process({
      name: `stub-${run}`,
      command: process.execPath,
      args: [join(import.meta.dirname, 'stub.ts'), JSON.stringify(api)],
      directory: plane.directory,
    });
    const url = `http://127.0.0.1:${port}`;
    await waitFor(async () => (await fetch(`${url}/prioritize`, { method: 'POST', body: '{}' })).ok, {
      for: 'the stub to answer',
      onTimeout: () => stub.tail(),
    });
    return { url, pid: stub.pid, tail: () => stub.tail(), stop: () => stub.stop() };
  }
  const muster = await Muster.start(plane, {
    name: `muster-${run}`,
    account,
    settings: { webhook: { enabled: false }, ...mode.settings },
    env: { NODE_OPTIONS: nodeOptions(profileInto, `extender-${mode.name}-${run}`) },
  });
  await muster.ready(180_000);
  return { url: muster.url, pid: muster.process.pid, tail: () => muster.process.tail(), stop: () => muster.stop() };
}

/** As the image starts it. */
const nodeOptions = (profileInto: string | null, name: string): string =>
  [
    '--max-semi-space-size=4',
    ...(profileInto === null
      ? []
      : ['--cpu-prof', `--cpu-prof-dir=${profileInto}`, `--cpu-prof-name=${name}.cpuprofile`]),
  ].join(' ');
