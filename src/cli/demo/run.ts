/** `muster demo`: pods arrive, the real extender places them, the picture shows it; in the end one line says how it went. */
import { nodeClock, nodeRng } from '../../kube/node-adapter.ts';
import { objectAt, textAt } from '../../sim/api/object.ts';
import { arrivingPod } from '../../sim/arrivals.ts';
import { deviceUuid, mixedNodes, type NodeObjects } from '../../sim/nodes.ts';
import { seededRng } from '../../sim/seeded-rng.ts';
import { DemoCluster } from './cluster.ts';
import { DeviceWatch } from './device-watch.ts';
import type { StartExtender } from './extender-process.ts';
import { type DemoOptions, MEAN_RUN_SECONDS } from './options.ts';
import { drawPicture, type NodeRow, progressLine, summaryLine } from './picture.ts';
import { Screen } from './screen.ts';

const NAMESPACE = 'demo';
const FRAME_MS = 100;
const LINE_MS = 1000;
const CLEAN_MS = 1000;
const SETTLE_MS = 200;
const RATE_OVER_MS = 3000;
/** a mix in which some pods matter more */
const PRIORITIES = [
  [8, ''],
  [1, 'demo-high'],
] as const;

/** process.stdout, or anything that takes text; lines instead of a picture where it is no terminal */
export type DemoOutput = { write(text: string): unknown } & Partial<
  Pick<NodeJS.WriteStream, 'isTTY' | 'columns' | 'rows' | 'hasColors'>
>;

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

/** Placements per second over the last seconds. */
class Rate {
  readonly #marks: { at: number; placed: number }[] = [{ at: 0, placed: 0 }];

  next(at: number, placed: number): number {
    this.#marks.push({ at, placed });
    while (this.#marks.length > 2 && this.#marks[0]!.at < at - RATE_OVER_MS) this.#marks.shift();
    const first = this.#marks[0]!;
    return ((placed - first.placed) * 1000) / Math.max(1, at - first.at);
  }
}

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
  const errors = new Set<string>();
  const cluster = await DemoCluster.start(nodes, startExtender, (error) => errors.add(error.message));
  const watch = new DeviceWatch({
    transport: cluster.watching,
    clock: nodeClock,
    rng: nodeRng,
    devices: rows.flatMap((row) => row.devices),
    namespace: NAMESPACE,
  });
  const timers: NodeJS.Timeout[] = [];
  const screen = out.isTTY ? new Screen(out) : null;
  try {
    await cluster.create('/api/v1/namespaces', { metadata: { name: NAMESPACE } });
    await cluster.create('/apis/scheduling.k8s.io/v1/priorityclasses', {
      metadata: { name: 'demo-high' },
      value: 1000,
    });
    await watch.start();
    const begun = performance.now();
    const rate = new Rate();
    const show = () => {
      const elapsedMs = performance.now() - begun;
      const podsPerSecond = rate.next(elapsedMs, watch.placed);
      if (screen === null) {
        out.write(`${progressLine({ rows, watch, elapsedMs, podsPerSecond })}\n`);
        return;
      }
      const colour = out.hasColors?.(256) ?? false;
      const size = { columns: out.columns ?? 80, lines: out.rows ?? 24 };
      screen.draw(
        drawPicture({
          rows,
          watch,
          elapsedMs,
          forSeconds: options.forSeconds,
          podsPerSecond,
          nowMs: Date.now(),
          colour,
          ...size,
        }),
      );
    };
    const devices = rows.reduce((sum, row) => sum + row.devices.length, 0);
    if (screen === null)
      out.write(
        `${rows.length} nodes, ${devices} GPUs, ${options.rate} pods/s, seed ${options.seed}; API at ${cluster.url}\n`,
      );
    timers.push(setInterval(show, screen === null ? LINE_MS : FRAME_MS));
    timers.push(
      setInterval(
        () => void cluster.removeEnded(NAMESPACE).catch((error: Error) => errors.add(error.message)),
        CLEAN_MS,
      ),
    );
    const arrivals = arrive(cluster, options, errors, timers);
    const time = options.forSeconds;
    const over =
      time === null
        ? ended
        : Promise.race([ended, new Promise<void>((resolve) => timers.push(setTimeout(resolve, time * 1000)))]);
    await over;
    arrivals.stop();
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    if (screen !== null) show();
    const elapsedMs = performance.now() - begun;
    for (const timer of timers) clearInterval(timer);
    screen?.close();
    for (const error of errors) out.write(`error: ${error}\n`);
    out.write(`${summaryLine(watch, elapsedMs)}\n`);
    return watch.faults.size === 0 ? 0 : 1;
  } finally {
    for (const timer of timers) clearInterval(timer);
    screen?.close();
    await watch.stop();
    await cluster.stop();
  }
}

/** Creates pods with exponential gaps, so that they come in clumps as users do. */
function arrive(
  cluster: DemoCluster,
  options: DemoOptions,
  errors: Set<string>,
  timers: NodeJS.Timeout[],
): { stop(): void } {
  const rng = seededRng(options.seed);
  let stopped = false;
  let serial = 0;
  const next = () => {
    if (stopped) return;
    serial += 1;
    const pod = arrivingPod(rng, serial, {
      namespace: NAMESPACE,
      meanRunSeconds: MEAN_RUN_SECONDS,
      priorities: PRIORITIES,
    });
    cluster.create(`/api/v1/namespaces/${NAMESPACE}/pods`, pod).catch((error: Error) => errors.add(error.message));
    timers[timers.length] = setTimeout(next, (-Math.log(1 - rng.next()) * 1000) / options.rate);
  };
  next();
  return {
    stop() {
      stopped = true;
    },
  };
}
