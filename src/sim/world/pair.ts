/**
 * One pod of ours as it is deployed: a kube-scheduler and its extender on one machine, each killed and started again by itself.
 * Nothing but the API outlives a restart.
 */

import { SCHEDULER_NAME } from '../../core/names.ts';
import { type ExtenderConfig, readConfig } from '../../extender/config.ts';
import { makeExtender } from '../../extender/extender.ts';
import { type MakePicture, makePicture } from '../../extender/picture.ts';
import type { Recorder } from '../../extender/record/recorder.ts';
import type { Clock } from '../../kube/ports.ts';
import { Scheduler } from '../scheduler/scheduler.ts';
import { shippedExtenders } from '../scheduler/shipped-extenders.ts';
import { type AuditOptions, audited } from './audit.ts';
import type { Bug } from './bugs.ts';
import { Elector, LEASE } from './elector.ts';
import { type Machine, Member, type Run, type Wiring } from './member.ts';
import { type Process, WallClock } from './time.ts';
import { type RunningExtender, verbTransport } from './verbs.ts';

/** part of filter's answers that are compared with fresh books */
const AUDITED = 0.05;

export type PairOptions = {
  readonly name: string;
  /** false: a single scheduler without leader election */
  readonly elects: boolean;
  /** places are decided ahead of kube-scheduler */
  readonly placer: boolean;
  /** kube-scheduler schedules native pod groups */
  readonly podGroups: boolean;
  readonly wiring: Wiring;
  readonly bug: Bug | null;
  readonly audit: Omit<AuditOptions, 'wanted' | 'onArrived' | 'onBind'> & {
    readonly onArrived: (process: Process, uid: string) => void;
    readonly onBind: (process: Process, uid: string, letGo: boolean) => void;
  };
  /** a recorder for each life of the extender */
  readonly record?: ((config: ExtenderConfig, clock: Clock) => Recorder) | undefined;
};

export class Pair {
  readonly name: string;
  readonly members: readonly Member[];
  readonly #options: PairOptions;
  readonly #config: ExtenderConfig;
  #extender: RunningExtender | null = null;

  constructor(options: PairOptions) {
    this.#options = options;
    this.name = options.name;
    const { wiring, name, bug } = options;
    const { chance } = wiring;
    this.#config = readConfig({
      leadership: options.elects && bug?.leadership !== 'ignored' ? 'lease' : 'always',
      schedulerIdentity: `host-${name}`,
      lease: LEASE,
      logLevel: 'silent',
      shortList: chance.pick('config', [1, 1, 1, 3]),
      nodePolicy: chance.pick('config', ['muster', 'muster', 'pack', 'spread']),
      devicePolicy: chance.pick('config', ['pack', 'spread', 'numa']),
      holdSeconds: chance.pick('config', [5, 30]),
      gangGraceSeconds: chance.pick('grace', [5, 20]),
      // a world is small: the backlog that pays is, too
      placer: { enabled: options.placer, minNodes: 0, minBacklog: 5 },
    });
    const machine: Machine = { name: `machine-${name}`, wall: new WallClock() };
    this.members = [
      new Member({
        name: `extender-${name}`,
        kind: 'extender',
        machine,
        wiring,
        ...(bug?.bend === undefined ? {} : { bend: bug.bend }),
        begin: (run) => this.#beginExtender(run),
      }),
      new Member({
        name: `scheduler-${name}`,
        kind: 'scheduler',
        machine,
        wiring,
        begin: (run) => this.#beginScheduler(run),
      }),
    ];
  }

  get extender(): RunningExtender | null {
    return this.#extender;
  }

  #beginExtender({ process, transport, rng, life }: Run): void {
    const { wiring, bug, audit } = this.#options;
    const { trace, chance, onThrow } = wiring;
    const config = life > 0 ? (bug?.config?.(this.#config) ?? this.#config) : this.#config;
    const picture: MakePicture = (ports) => {
      const real = makePicture(ports);
      const wanted = (): boolean => chance.draw(`audit ${process.name}`) < AUDITED;
      return audited(bug?.picture?.(real, ports) ?? real, ports, {
        ...audit,
        wanted,
        onArrived: (uid) => audit.onArrived(process, uid),
        onBind: (uid, letGo) => audit.onBind(process, uid, letGo),
      });
    };
    const core = makeExtender(config, {
      transport,
      clock: process.clock,
      rng,
      thread: null,
      makePicture: picture,
      record: this.#options.record?.(config, process.clock),
      onLog: (level, message, details) => {
        trace.note(process.name, `${message} ${JSON.stringify(details)}`);
        if (level === 'warn' && (details as { code?: string }).code === 'sink')
          onThrow(process.name, message + JSON.stringify(details));
      },
    });
    this.#extender = { process, core, onThrow: (verb, error) => onThrow(`${process.name} ${verb}`, error) };
    core.begin();
  }

  #beginScheduler({ process, transport, rng }: Run): void {
    const { wiring, elects, podGroups } = this.#options;
    const { trace, chance, onThrow } = wiring;
    const verbs = verbTransport(process, wiring, () => this.#extender);
    const lead = (): void => {
      trace.note(process.name, 'leads');
      const scheduler = new Scheduler({
        transport,
        clock: process.clock,
        rng,
        schedulerNames: [SCHEDULER_NAME],
        podGroups,
        // nothing here reads them, and each would be one more call to simulate
        events: false,
        extenders: shippedExtenders(verbs),
        onError: (error) => trace.note(process.name, error.message),
      });
      scheduler.start().catch((error: unknown) => onThrow(process.name, error));
    };
    if (!elects) {
      lead();
      return;
    }
    const identity = `host-${this.name}_${chance.whole(`identity ${this.name}`, 0, 2 ** 30).toString(16)}`;
    // kube-scheduler exits when it loses the Lease
    new Elector({ transport, clock: process.clock, identity, onLeading: lead, onLost: () => process.kill() })
      .run()
      .catch((error: unknown) => onThrow(process.name, error));
  }
}
