/** Puts together everything of the extender that decides or writes, from ports alone. `start.ts` gives it its server. */
import type { Clock, Rng, Timer, Transport } from '../kube/ports.ts';
import type { DecodeThread } from '../kube/worker-decoder.ts';
import { GateLifter } from '../placer/lift-gates.ts';
import { Placer } from '../placer/placer.ts';
import { NameLists } from './codec/name-lists.ts';
import { type ExtenderConfig, schedulerNames } from './config.ts';
import { Deciding } from './deciding.ts';
import { GangCompleter } from './gangs/completer.ts';
import { GangKeeper } from './gangs/keeper.ts';
import { type MakePicture, makePicture, type PictureParts } from './picture.ts';
import { RecordedBinder } from './record/recorded-binder.ts';
import type { Recorder } from './record/recorder.ts';
import { Binder, type BinderOptions, type BindOutcome } from './verbs/bind.ts';
import type { VerbContext } from './verbs/verb.ts';
import { Waker } from './waker.ts';

const SWEEP_MS = 1_000;

/** What needs no socket: time, chance and the API come in as ports. */
export type ExtenderPorts = {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly rng: Rng;
  /** informers decode here; null or absent: on this thread */
  readonly thread?: DecodeThread | null;
  /** THE SEAM: books and informers. Tests give a picture of their own. */
  readonly makePicture?: MakePicture;
  /** called when this extender begins to decide */
  readonly onDeciding?: () => void;
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
  /** Bindings sent for gangs that were found bound in part, by outcome */
  readonly completed: Readonly<Record<BindOutcome, number>>;
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
  const onProblem = (message: string, details: object): void => log('warn', message, details);
  const { promise: whenSynced, ...synced } = Promise.withResolvers<void>();
  const mayDecide = (): boolean => deciding.now;
  const deciding = new Deciding({
    clock,
    config,
    whenSynced,
    refresh: () => parts.refresh(),
    onChange(now) {
      log('info', deciding.describe, { deciding: now });
      record?.deciding(now, deciding.describe);
      parts.onDeciding(now);
      if (!now) return completer.end();
      // before anybody else decides: what is in part holds devices for nothing
      completer.begin();
      placer?.decides();
      lifter?.decides();
      gangs.beginAnew();
      ports.onDeciding?.();
    },
  });
  const waker = new Waker({ transport, clock, rng, mayWrite: mayDecide });
  const parts = (ports.makePicture ?? makePicture)({
    config,
    transport,
    clock,
    rng,
    thread: ports.thread ?? null,
    onLease: (lease) => deciding.observe(lease),
    mayWrite: mayDecide,
    onProblem,
    onPlanned: (pods) => {
      if (placer !== null) placer.nominate(pods);
      else for (const pod of pods) void waker.tellOfPlace(pod);
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
        mayDecide,
        onProblem,
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
          mayDecide,
          onProblem,
        })
      : null;
  const binderOptions: BinderOptions = {
    decider: parts.decider,
    transport,
    clock,
    rng,
    mayBind: mayDecide,
    deadlineMs: config.callDeadlineMs,
    devices: parts.devices,
    onReadBack: ({ namespace, name }, node) => log('info', 'pod read back', { pod: `${namespace}/${name}`, node }),
  };
  const binder = record === undefined ? new Binder(binderOptions) : new RecordedBinder(binderOptions, record);
  const gangs = new GangKeeper({
    picture: parts.picture,
    decider: parts.decider,
    transport,
    clock,
    rng,
    mayWrite: mayDecide,
    schedulers: schedulerNames(config),
    graceMs: config.gangGraceSeconds * 1000,
  });
  const completer = new GangCompleter({
    picture: parts.picture,
    planner: parts.planner,
    binder,
    transport,
    clock,
    rng,
    mayBind: mayDecide,
    schedulers: schedulerNames(config),
    onSending: (gang, members) => log('info', 'gang bound in part: sending the missing Bindings', { gang, members }),
  });
  const context = {
    decider: parts.decider,
    lists: new NameLists(parts.decider),
    projectPod: parts.projectPod,
    // a recording holds every pod that was asked about, so it reads them all
    ...(record === undefined && {
      knownPod: (uid: string, resourceVersion: string) => parts.picture.podInState(uid, resourceVersion),
    }),
    shortList: config.shortList,
    deciding: mayDecide,
    onAnswer: record?.answered,
  };
  let sweepTimer: Timer | null = null;
  const sweep = (): void => {
    parts.sweep();
    gangs.round();
    completer.round();
    for (const { uid, namespace, name } of parts.overdue()) binder.readBack({ uid, namespace, name });
    if (mayDecide())
      for (const pod of parts.toWake())
        void waker.wake(pod).then((told) => {
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
    completed: completer.outcomes,
    leadership: () => deciding.describe,
    draining: () => deciding.draining,
    untilDeciding: () => deciding.until(),
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
      deciding.drain();
      sweepTimer?.cancel();
      return Promise.all([binder.drain(), placer?.close(), lifter?.close()]).then(() => {});
    },
    async stop() {
      deciding.stop();
      await parts.stop();
    },
  };
}
