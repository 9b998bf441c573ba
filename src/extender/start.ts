/** Puts the extender together: picture, leadership, verbs, server. What the command line, the demo and the tests start. */

import type { Server as SecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Clock, Rng, Timer, Transport } from '../kube/ports.ts';
import type { DecodeThread } from '../kube/worker-decoder.ts';
import { NameLists } from './codec/name-lists.ts';
import type { ExtenderConfig } from './config.ts';
import { Leadership } from './leadership.ts';
import { Metrics } from './metrics.ts';
import type { ObserveOptions } from './observe.ts';
import { type MakePicture, makePicture } from './picture.ts';
import { makeHealthServer, makeServer } from './server.ts';
import { readTls, watchTls } from './tls.ts';
import { Binder } from './verbs/bind.ts';
import { wake } from './waker.ts';

const SWEEP_MS = 1_000;
/** beyond what a bind can take (its call, then a GET), something hangs */
const STUCK_DEADLINES = 3;

export type StartOptions = {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly rng: Rng;
  /** informers decode here; null or absent: on this thread */
  readonly thread?: DecodeThread | null;
  /** THE SEAM: books and informers. Tests give a picture of their own. */
  readonly makePicture?: MakePicture;
  readonly log?: { write(line: string): void };
  readonly version?: string;
  /** called when this extender begins to decide */
  readonly onDeciding?: () => void;
};

export type Extender = {
  /** base of the verbs: `<url>/filter` */
  readonly url: string;
  /** null when the health port is off */
  readonly healthUrl: string | null;
  readonly deciding: boolean;
  /** resolves when readiness does */
  readonly whenSynced: Promise<void>;
  /** for what else runs in this process */
  readonly metrics: Metrics;
  /** Graceful: no new connection or decision, binds in flight get their answers (within their deadline), then everything ends. */
  close(): Promise<void>;
};

/**
 * Listens at once; decides when the picture is complete and leadership says so. Throws ExtenderError('tls') and what listening
 * throws. The transport stays the caller's.
 */
export async function startExtender(config: ExtenderConfig, options: StartOptions): Promise<Extender> {
  const { transport, clock, rng } = options;
  const tls = config.listen.tls === undefined ? null : readTls(config.listen.tls);
  let draining = false;
  const synced = Promise.withResolvers<void>();
  const whenSynced = synced.promise;
  let app: FastifyInstance | null = null;
  /** counts the times at which leadership allowed to decide; a refresh that ends in a later one confirms nothing */
  let term = 0;
  let confirmed = false;
  const deciding = (): boolean => !draining && confirmed && leadership.deciding;
  const patient = new Set<() => void>();
  const untilDeciding = (): Promise<void> =>
    new Promise((resolve) => {
      const goOn = (): void => {
        timer.cancel();
        patient.delete(goOn);
        resolve();
      };
      const timer = clock.after(draining ? 0 : config.patienceMs, goOn);
      patient.add(goOn);
    });
  // Calls of whoever decided before have ended when leadership allows us; now their outcome must also be seen. A watch may lag,
  // a fresh list does not (docs/decisions/0003).
  const confirm = async (): Promise<void> => {
    const ours = ++term;
    confirmed = false;
    await whenSynced;
    await parts.refresh();
    if (ours !== term || !leadership.deciding) return;
    confirmed = true;
    for (const goOn of patient) goOn();
    app?.log.info({ deciding: true }, leadership.describe);
    parts.onDeciding(true);
    options.onDeciding?.();
  };
  const leadership = new Leadership({
    clock,
    mode: config.leadership,
    schedulerIdentity: config.schedulerIdentity ?? '',
    renewDeadlineMs: config.renewDeadlineSeconds * 1000,
    callDeadlineMs: config.callDeadlineMs,
    onChange: (now) => {
      if (now) return void confirm();
      term++;
      confirmed = false;
      app?.log.info({ deciding: false }, leadership.describe);
      parts.onDeciding(false);
    },
  });
  const problems = new Map<string, string>();
  const parts = (options.makePicture ?? makePicture)({
    config,
    transport,
    clock,
    rng,
    thread: options.thread ?? null,
    onLease: (lease) => leadership.observe(lease),
    mayWrite: deciding,
    onProblem: (message, details) => {
      app?.log.warn(details, message);
      if ('kind' in details && 'message' in details) problems.set(String(details.kind), String(details.message));
    },
  });
  const binder = new Binder({
    decider: parts.decider,
    transport,
    clock,
    rng,
    mayBind: deciding,
    deadlineMs: config.callDeadlineMs,
    devices: parts.devices,
    onReadBack: ({ namespace, name }, node) => app?.log.info({ pod: `${namespace}/${name}`, node }, 'pod read back'),
  });
  const metrics = new Metrics(options.version ?? 'source', {
    deciding,
    holdsByCause: parts.holdsByCause,
    waiting: parts.waiting,
    condition: parts.condition,
    cacheAgeSeconds: parts.cacheAgeSeconds,
    relists: parts.relists,
    bindsInFlight: () => binder.inFlight,
    readingBack: () => binder.readingBack,
  });
  const observe: ObserveOptions = {
    synced: parts.synced,
    readingProblems: () => [...problems].map(([kind, problem]) => `${kind}: ${problem}`),
    draining: () => draining,
    stuck: () =>
      binder.oldestMs > STUCK_DEADLINES * config.callDeadlineMs ? 'a bind hangs beyond its deadline' : null,
    leadership: () => leadership.describe,
    oddities: () => parts.condition().oddities,
    metrics: () => metrics.registry.metrics(),
    metricsType: metrics.registry.contentType,
  };
  const context = {
    decider: parts.decider,
    lists: new NameLists(parts.decider),
    projectPod: parts.projectPod,
    shortList: config.shortList,
    deciding,
  };
  app = makeServer({
    config,
    clock,
    context,
    binder,
    metrics,
    observe,
    untilDeciding,
    tls,
    ...(options.log !== undefined && { log: options.log }),
  });
  const server = app;
  const health = config.health.enabled ? makeHealthServer(observe) : null;
  const forgetTls =
    config.listen.tls === undefined
      ? () => {}
      : watchTls(
          config.listen.tls,
          clock,
          (fresh) => (server.server as unknown as SecureServer).setSecureContext(fresh),
          (error) => server.log.warn({ err: error }, 'certificate files'),
        );
  let sweepTimer: Timer | null = null;
  const sweep = (): void => {
    parts.sweep();
    for (const { uid, namespace, name } of parts.overdue()) binder.readBack({ uid, namespace, name });
    if (deciding()) for (const pod of parts.toWake()) void wake(pod, { transport, clock });
    sweepTimer = clock.after(SWEEP_MS, sweep);
  };
  const close = async (): Promise<void> => {
    draining = true;
    for (const goOn of patient) goOn();
    forgetTls();
    sweepTimer?.cancel();
    // both at once: closing waits for the requests in flight, and those wait for their binds
    await Promise.all([server.close(), health?.close(), binder.drain()]);
    leadership.stop();
    metrics.close();
    await parts.stop();
  };
  try {
    await server.listen({ host: config.listen.host, port: config.listen.port });
    await health?.listen({ host: config.health.host, port: config.health.port });
  } catch (error) {
    await close();
    throw error;
  }
  void parts.start().then(() => {
    server.log.info({}, 'synced');
    synced.resolve();
  }, synced.reject);
  sweep();
  return {
    url: urlOf(server, tls === null ? 'http' : 'https'),
    healthUrl: health === null ? null : urlOf(health, 'http'),
    get deciding() {
      return deciding();
    },
    whenSynced,
    metrics,
    close,
  };
}

function urlOf(app: FastifyInstance, scheme: string): string {
  const { address, port, family } = app.server.address() as AddressInfo;
  return `${scheme}://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}
