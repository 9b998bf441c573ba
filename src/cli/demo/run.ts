/** `muster demo`: pods arrive, the real extender places them, the view shows it; in the end one line says how it went. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeClock, nodeRng } from '../../kube/node-adapter.ts';
import { objectAt, textAt } from '../../sim/api/object.ts';
import { deviceUuid, mixedNodes, type NodeObjects } from '../../sim/nodes.ts';
import { DemoCluster } from './cluster.ts';
import { Controls } from './controls.ts';
import type { NodeRow } from './events.ts';
import type { StartExtender } from './extender-process.ts';
import { kubectlLine } from './kubeconfig.ts';
import { Load, NAMESPACE, PRIORITY_CLASSES } from './load.ts';
import { initialState } from './model.ts';
import type { DemoOptions } from './options.ts';
import { progressLine, summaryLine } from './plain.ts';
import { Rate } from './rate.ts';
import { type Screen, watchOnScreen } from './screen.ts';
import { Story } from './story.ts';
import type { TerminalStreams } from './terminal.ts';
import { Watch } from './watch.ts';

const FOLD_MS = 100;
const LINE_MS = 1000;
const CLEAN_MS = 1000;
const SETTLE_MS = 200;

export type DemoOutput = {
  /** where lines go */
  write(text: string): unknown;
  /** null: no live view */
  readonly terminal: TerminalStreams | null;
};

/**
 * Resolves with the exit status: 0, or 1 when a device was ever over 100 % or a pod did not get what its claim says.
 * @param ended resolves when the user wants to end
 */
export async function runDemo(
  options: DemoOptions,
  startExtender: StartExtender,
  out: DemoOutput,
  ended: Promise<void>,
): Promise<number> {
  const nodes = mixedNodes(options.nodes);
  const rows = rowsOf(nodes);
  const story = new Story(initialState(rows));
  const folder = mkdtempSync(join(tmpdir(), 'muster-demo-'));
  const removeFolder = (): void => rmSync(folder, { recursive: true, force: true });
  process.on('exit', removeFolder);
  if (out.terminal !== null) out.write('starting an embedded cluster …\n');
  const timers: NodeJS.Timeout[] = [];
  const stops: (() => unknown)[] = [];
  try {
    const cluster = await DemoCluster.start({
      nodes,
      startExtender,
      folder,
      onExtender: (change) => story.happened({ kind: 'extender', change }),
      onError: (error) => story.wentWrong(error),
    });
    stops.push(() => cluster.stop());
    await cluster.create('/api/v1/namespaces', { metadata: { name: NAMESPACE } });
    for (const [name, value] of Object.entries(PRIORITY_CLASSES))
      await cluster.create('/apis/scheduling.k8s.io/v1/priorityclasses', { metadata: { name }, value });
    const load = new Load({
      seed: options.seed,
      rate: options.rate,
      create: (pod) =>
        void cluster
          .create(`/api/v1/namespaces/${NAMESPACE}/pods`, pod)
          .catch((error: Error) => story.wentWrong(error)),
    });
    const names = new Map<string, string>();
    const watch = new Watch({
      transport: cluster.watching,
      clock: nodeClock,
      rng: nodeRng,
      onPod(pod) {
        names.set(pod.uid, pod.name);
        if (pod.phase === 'Succeeded') load.ended(pod.name);
        story.happened({ kind: 'pod', pod });
      },
      onPodGone(uid) {
        load.gone(names.get(uid) ?? '');
        names.delete(uid);
        story.happened({ kind: 'pod-gone', uid });
      },
      onNode: (name, cordoned) => story.happened({ kind: 'node', name, cordoned }),
    });
    stops.push(() => watch.stop());
    await watch.start();
    story.begin();
    const { promise: quit, resolve: onQuit } = Promise.withResolvers<void>();
    const controls = new Controls({ story, cluster, load, onQuit });
    const screen: Screen | null =
      out.terminal === null
        ? null
        : await watchOnScreen(out.terminal, { story, controls, options, kubeconfig: cluster.kubeconfig });
    if (screen !== null) stops.push(() => screen.close());
    const devices = rows.reduce((sum, row) => sum + row.devices.length, 0);
    if (screen === null) {
      out.write(
        `${rows.length} nodes, ${devices} GPUs, ${options.rate} pods/s, seed ${options.seed}; API at ${cluster.url}\n`,
      );
      out.write(`${kubectlLine(cluster.kubeconfig)}\n`);
      const rate = new Rate();
      const write = (): void => {
        story.fold();
        const podsPerSecond = rate.next(story.elapsedMs, story.state.placed);
        out.write(`${progressLine(story.state, story.elapsedMs, podsPerSecond)}\n`);
      };
      timers.push(setInterval(write, LINE_MS));
    }
    timers.push(setInterval(() => story.fold(), FOLD_MS));
    timers.push(
      setInterval(() => void cluster.removeEnded(NAMESPACE).catch((error: Error) => story.wentWrong(error)), CLEAN_MS),
    );
    stops.push(() => load.stop());
    load.start();
    const time = options.forSeconds;
    const over = [ended, quit];
    if (time !== null) over.push(new Promise((resolve) => timers.push(setTimeout(resolve, time * 1000))));
    await Promise.race(over);
    load.stop();
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    story.fold();
    screen?.close();
    for (const error of story.errors) out.write(`error: ${error}\n`);
    out.write(`${summaryLine(story.state, story.elapsedMs)}\n`);
    return story.state.faults.size === 0 ? 0 : 1;
  } finally {
    for (const timer of timers) clearInterval(timer);
    for (const stop of stops.toReversed()) await stop();
    process.off('exit', removeFolder);
    removeFolder();
  }
}

function rowsOf(nodes: readonly NodeObjects[]): NodeRow[] {
  return nodes.map(({ node, gpus }) => {
    const name = textAt(objectAt(node, 'metadata'), 'name');
    const devices = Array.from({ length: gpus?.count ?? 0 }, (_, index) => ({
      node: name,
      index,
      uuid: gpus?.source === 'labels' ? null : deviceUuid(name, index),
      mib: gpus?.model.mib ?? 0,
    }));
    return { name, model: shortModel(gpus?.model.product ?? ''), devices };
  });
}

/** `NVIDIA-H100-80GB-HBM3` → `H100 80GB` */
function shortModel(product: string): string {
  const parts = product.split('-').filter((part) => !['NVIDIA', 'Tesla', 'SXM4', 'HBM3'].includes(part));
  return parts.join(' ');
}
