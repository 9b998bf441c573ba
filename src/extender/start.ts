/**
 * Starts the extender: what decides (extender.ts) behind its server, with health, metrics, certificates and the recorder that the
 * configuration names. The command line, the demo and the tests start this; the simulated world does without a server.
 */
import type { Server as SecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { ExtenderConfig } from './config.ts';
import { addDry } from './dry.ts';
import { type ExtenderPorts, makeExtender } from './extender.ts';
import { Metrics } from './metrics.ts';
import type { ObserveOptions } from './observe.ts';
import { Recorder } from './record/recorder.ts';
import { addRecording } from './record/serve.ts';
import { makeHealthServer, makeServer } from './server.ts';
import { readTls, watchTls } from './tls.ts';

/** beyond what a bind can take (its call, then a GET), something hangs */
const STUCK_DEADLINES = 3;

export type StartOptions = Omit<ExtenderPorts, 'record' | 'onLog'> & {
  readonly log?: { write(line: string): void };
  readonly version?: string;
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
  /** null unless the configuration says to record */
  readonly recorder: Recorder | null;
  /** Graceful: no new connection or decision, binds in flight get their answers (within their deadline), then everything ends. */
  close(): Promise<void>;
};

/**
 * Listens at once; decides when the picture is complete and leadership says so. Throws ExtenderError('tls') and what listening
 * throws. The transport stays the caller's.
 */
export async function startExtender(config: ExtenderConfig, options: StartOptions): Promise<Extender> {
  const { clock } = options;
  const tls = config.listen.tls === undefined ? null : readTls(config.listen.tls);
  let app: FastifyInstance | null = null;
  /** the last problem per kind that is read */
  const problems = new Map<string, string>();
  const version = options.version ?? 'source';
  const record =
    config.record === undefined ? undefined : new Recorder({ clock, config, maxMib: config.record.maxMib, version });
  const core = makeExtender(config, {
    ...options,
    record,
    onLog: (level, message, details) => {
      app?.log[level](details, message);
      if (level === 'warn' && 'kind' in details && 'message' in details)
        problems.set(String(details.kind), String(details.message));
    },
  });
  const { context, binder, parts, whenSynced } = core;
  const { deciding } = context;
  const metrics = new Metrics(version, {
    deciding,
    holdsByCause: parts.holdsByCause,
    waiting: parts.waiting,
    condition: parts.condition,
    cacheAgeSeconds: parts.cacheAgeSeconds,
    relists: parts.relists,
    bindsInFlight: () => binder.inFlight,
    membersAtBind: () => binder.gathering,
    completed: () => core.completed,
    readingBack: () => binder.readingBack,
    placer: () => core.placer,
  });
  const observe: ObserveOptions = {
    synced: parts.synced,
    readingProblems: () => [...problems].map(([kind, problem]) => `${kind}: ${problem}`),
    draining: core.draining,
    stuck: () =>
      binder.oldestMs > STUCK_DEADLINES * config.callDeadlineMs ? 'a bind hangs beyond its deadline' : null,
    leadership: core.leadership,
    oddities: () => parts.condition().oddities,
    metrics: () => metrics.registry.metrics(),
    metricsType: metrics.registry.contentType,
  };
  app = makeServer({
    config,
    clock,
    context,
    binder,
    metrics,
    observe,
    untilDeciding: core.untilDeciding,
    tls,
    ...(options.log !== undefined && { log: options.log }),
  });
  const server = app;
  addDry(server, context, clock, config.listen.bodyLimitMib * 1024 * 1024);
  if (record !== undefined) addRecording(server, record);
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
  const close = async (): Promise<void> => {
    forgetTls();
    // both at once: closing waits for the requests in flight, and those wait for their binds
    await Promise.all([core.drain(), server.close(), health?.close()]);
    metrics.close();
    await core.stop();
  };
  try {
    await server.listen({ host: config.listen.host, port: config.listen.port });
    await health?.listen({ host: config.health.host, port: config.health.port });
  } catch (error) {
    await close();
    throw error;
  }
  core.begin();
  return {
    url: urlOf(server, tls === null ? 'http' : 'https'),
    healthUrl: health === null ? null : urlOf(health, 'http'),
    get deciding() {
      return deciding();
    },
    whenSynced,
    metrics,
    recorder: record ?? null,
    close,
  };
}

function urlOf(app: FastifyInstance, scheme: string): string {
  const { address, port, family } = app.server.address() as AddressInfo;
  return `${scheme}://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}
