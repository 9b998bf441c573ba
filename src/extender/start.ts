/**
 * Puts the extender together: `makeExtender` everything that decides (picture, leadership, verbs) from ports alone, and
 * `startExtender` that with its server. The command line, the demo and the tests start the latter, the simulated world the former.
 */

import type { Server as SecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import { backoffMs } from '../kube/backoff.ts';
import type { Clock, Rng, Timer, Transport } from '../kube/ports.ts';
import type { DecodeThread } from '../kube/worker-decoder.ts';
import { GateLifter } from '../placer/lift-gates.ts';
import { Placer } from '../placer/placer.ts';
import { NameLists } from './codec/name-lists.ts';
import { type ExtenderConfig, schedulerNames } from './config.ts';
import { addDry } from './dry.ts';
import { GangKeeper } from './gangs/keeper.ts';
import { Leadership } from './leadership.ts';
import { Metrics } from './metrics.ts';
import type { ObserveOptions } from './observe.ts';
import { type MakePicture, makePicture, type PictureParts } from './picture.ts';
import { RecordedBinder } from './record/recorded-binder.ts';
import { Recorder } from './record/recorder.ts';
import { addRecording } from './record/serve.ts';
import { makeHealthServer, makeServer } from './server.ts';
import { readTls, watchTls } from './tls.ts';
import { Binder, type BinderOptions } from './verbs/bind.ts';
import type { VerbContext } from './verbs/verb.ts';
import { wake } from './waker.ts';

const SWEEP_MS = 1_000;
const TELL_ATTEMPTS = 4;
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
  /** null unless the configuration says to record */
  readonly recorder: Recorder | null;
  /** Graceful: no new connection or decision, binds in flight get their answers (within their deadline), then everything ends. */
  close(): Promise<void>;
};

/** What needs no socket: time, chance and the API come in as ports. */
export type ExtenderPorts = Pick<
  StartOptions,
  'transport' | 'clock' | 'rng' | 'thread' | 'makePicture' | 'onDeciding'
> & {
  /** keeps what is told and answered; absent: nothing is recorded */
  readonly record?: Recorder | undefined;
  readonly onLog?: (level: 'info' | 'warn', message: string, details: object) => void;
};

export type ExtenderCore = {
  readonly context: VerbContext;
  readonly binder: Binder;
  /** null: the configuration has none */
  readonly placer: Placer | null;
  readonly parts: PictureParts;
  /** one line for people */
  readonly leadership: () => string;
  readonly draining: () => boolean;
  /** resolves when this extender decides, or after its patience */
  readonly untilDeciding: () => Promise<void>;
  readonly whenSynced: Promise<void>;
  /** begins to list and watch, and to sweep */
  begin(): void;
  /** No new decision or bind; resolves when binds in flight have their answers. */
  drain(): Promise<void>;
  /** After `drain`. */
  stop(): Promise<void>;
};

/** The whole extender but its server. Nothing runs before `begin`. */
export function makeExtender(config: ExtenderConfig, ports: ExtenderPorts): ExtenderCore {
  const { clock, rng, record } = ports;
  const transport = record?.transport(ports.transport) ?? ports.transport;
  const log = ports.onLog ?? (() => {});
  let draining = false;
  const synced = Promise.withResolvers<void>();
  const whenSynced = synced.promise;
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
    log('info', leadership.describe, { deciding: true });
    record?.deciding(true, leadership.describe);
    parts.onDeciding(true);
    placer?.decides();
    lifter?.decides();
    gangs.beginAnew();
    ports.onDeciding?.();
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
      log('info', leadership.describe, { deciding: false });
      record?.deciding(false, leadership.describe);
      parts.onDeciding(false);
    },
  });
  const parts = (ports.makePicture ?? makePicture)({
    config,
    transport,
    clock,
    rng,
    thread: ports.thread ?? null,
    onLease: (lease) => leadership.observe(lease),
    mayWrite: deciding,
    onProblem: (message, details) => log('warn', message, details),
    onPlanned: (pods) => {
      if (placer !== null) placer.nominate(pods);
      else for (const pod of pods) void tellOfPlace(pod, 1);
    },
    record,
  });
  const placer = config.placer.enabled
    ? new Placer({
        picture: parts.picture,
        planner: parts.planner,
        transport,
        clock,
        rng,
        config: config.placer,
        callDeadlineMs: config.callDeadlineMs,
        schedulerNames: schedulerNames(config),
        mayDecide: deciding,
        onProblem: (message, details) => log('warn', message, details),
      })
    : null;
  // it was switched off: whom it held back must not wait for it for ever
  const lifter =
    placer === null
      ? new GateLifter({
          picture: parts.picture,
          transport,
          clock,
          rng,
          concurrency: config.placer.concurrency,
          callDeadlineMs: config.callDeadlineMs,
          schedulerNames: schedulerNames(config),
          mayDecide: deciding,
          onProblem: (message, details) => log('warn', message, details),
        })
      : null;
  /** Nothing else will make kube-scheduler try it again while its place is kept. */
  const tellOfPlace = async (pod: PodFacts, attempt: number): Promise<void> => {
    if (!deciding() || (await wake(pod, { transport, clock })) || attempt === TELL_ATTEMPTS) return;
    clock.after(backoffMs(attempt, null, rng), () => void tellOfPlace(pod, attempt + 1));
  };
  const binderOptions: BinderOptions = {
    decider: parts.decider,
    transport,
    clock,
    rng,
    mayBind: deciding,
    deadlineMs: config.callDeadlineMs,
    devices: parts.devices,
    onReadBack: ({ namespace, name }, node) => log('info', 'pod read back', { pod: `${namespace}/${name}`, node }),
  };
  const binder = record === undefined ? new Binder(binderOptions) : new RecordedBinder(binderOptions, record);
  const context = {
    decider: parts.decider,
    lists: new NameLists(parts.decider),
    projectPod: parts.projectPod,
    // a recording holds every pod that was asked about, so it reads them all
    ...(record === undefined && {
      knownPod: (uid: string, resourceVersion: string) => parts.picture.podInState(uid, resourceVersion),
    }),
    shortList: config.shortList,
    deciding,
    onAnswer: record?.answered,
  };
  const gangs = new GangKeeper({
    picture: parts.picture,
    decider: parts.decider,
    transport,
    clock,
    rng,
    mayWrite: deciding,
    schedulers: schedulerNames(config),
    graceMs: config.gangGraceSeconds * 1000,
  });
  let sweepTimer: Timer | null = null;
  const sweep = (): void => {
    parts.sweep();
    gangs.round();
    for (const { uid, namespace, name } of parts.overdue()) binder.readBack({ uid, namespace, name });
    if (deciding())
      for (const pod of parts.toWake())
        void wake(pod, { transport, clock }).then((told) => {
          if (told) return;
          record?.notWoken(pod.uid);
          parts.picture.notWoken(pod.uid);
        });
    sweepTimer = clock.after(SWEEP_MS, sweep);
  };
  return {
    context,
    binder,
    placer,
    parts,
    leadership: () => leadership.describe,
    draining: () => draining,
    untilDeciding,
    whenSynced,
    begin() {
      placer?.begin();
      lifter?.begin();
      void parts.start().then(() => {
        log('info', 'synced', {});
        synced.resolve();
      }, synced.reject);
      sweep();
    },
    drain() {
      draining = true;
      for (const goOn of patient) goOn();
      sweepTimer?.cancel();
      return Promise.all([binder.drain(), placer?.close(), lifter?.close()]).then(() => {});
    },
    async stop() {
      leadership.stop();
      await parts.stop();
    },
  };
}

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
