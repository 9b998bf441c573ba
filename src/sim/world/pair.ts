/**
 * One pod of ours as it is deployed: a kube-scheduler and its extender on one machine, each killed and started again by itself.
 * Nothing but the API outlives a restart.
 */

import { SCHEDULER_NAME } from '../../core/names.ts';
import { type ExtenderConfig, readConfig } from '../../extender/config.ts';
import { type MakePicture, makePicture } from '../../extender/picture.ts';
import type { Recorder } from '../../extender/record/recorder.ts';
import { makeExtender } from '../../extender/start.ts';
import type { Clock } from '../../kube/ports.ts';
import { Scheduler } from '../scheduler/scheduler.ts';
import { audited } from './audit.ts';
import type { Bug } from './bugs.ts';
import type { Chance } from './chance.ts';
import { Elector, LEASE } from './elector.ts';
import type { Rates } from './faults.ts';
import type { Network } from './network.ts';
import { Process, type VirtualTime, WallClock } from './time.ts';
import type { Trace } from './trace.ts';
import { type RunningExtender, verbTransport } from './verbs.ts';

/** as in the configuration of kube-scheduler that we ship */
const DECISION_TIMEOUT_MS = 3_000;
const BIND_TIMEOUT_MS = 60_000;
/** part of filter's answers that are compared with fresh books */
const AUDITED = 0.05;

export type PairOptions = {
  readonly name: string;
  /** false: a single scheduler without leader election */
  readonly elects: boolean;
  readonly time: VirtualTime;
  readonly chance: Chance;
  readonly trace: Trace;
  readonly rates: Rates;
  readonly network: Network;
  readonly bug: Bug | null;
  readonly onThrow: (where: string, error: unknown) => void;
  readonly onAudit: (difference: string | null) => void;
  readonly onBind: (uid: string) => void;
  readonly onPromise: (uid: string, node: string) => void;
  /** a recorder for each life of the extender */
  readonly record?: ((config: ExtenderConfig, clock: Clock) => Recorder) | undefined;
};

export class Pair {
  readonly name: string;
  readonly wall = new WallClock();
  readonly #options: PairOptions;
  readonly #config: ExtenderConfig;
  #extender: RunningExtender | null = null;
  #scheduler: Process | null = null;
  #lives = 0;

  constructor(options: PairOptions) {
    this.#options = options;
    this.name = options.name;
    const { chance, name, bug } = options;
    this.#config = readConfig({
      leadership: options.elects && bug?.leadership !== 'ignored' ? 'lease' : 'always',
      schedulerIdentity: `host-${name}`,
      lease: LEASE,
      logLevel: 'silent',
      shortList: chance.pick('config', [1, 1, 1, 3]),
      nodePolicy: chance.pick('config', ['pack', 'spread']),
      devicePolicy: chance.pick('config', ['pack', 'spread', 'numa']),
      holdSeconds: chance.pick('config', [5, 30]),
    });
  }

  start(): void {
    this.#startExtender();
    this.#startScheduler();
  }

  get extender(): RunningExtender | null {
    return this.#extender;
  }

  get holdMs(): number {
    return this.#config.holdSeconds * 1000;
  }

  crash(what: 'extender' | 'scheduler'): void {
    (what === 'extender' ? this.#extender?.process : this.#scheduler)?.kill();
  }

  /** Both stop until `until`, as a machine does that is out of memory or being moved. */
  pause(until: number): void {
    for (const process of [this.#extender?.process, this.#scheduler])
      if (process) this.#options.time.pause(process, until);
  }

  #restart(what: string, start: () => void): void {
    const { time, chance, trace } = this.#options;
    const delay = 100 + Math.floor(chance.draw(`restart ${this.name}`) ** 3 * 6_000);
    trace.note(`${what}-${this.name}`, `killed, back in ${delay}`);
    time.after(delay, start);
  }

  #startExtender(): void {
    const { time, trace, chance, network, bug, onThrow } = this.#options;
    const process = new Process(`extender-${this.name}`, time, this.wall);
    trace.note(process.name, 'starts');
    process.onEnd(() => this.#restart('extender', () => this.#startExtender()));
    const link = bug?.bend === undefined ? {} : { bend: bug.bend };
    const config = this.#lives++ > 0 ? (bug?.config?.(this.#config) ?? this.#config) : this.#config;
    const picture: MakePicture = (ports) => {
      const real = makePicture(ports);
      return audited(bug?.picture?.(real, ports) ?? real, ports, {
        wanted: () => chance.draw(`audit ${process.name}`) < AUDITED,
        onChecked: this.#options.onAudit,
        onBind: this.#options.onBind,
        onPromise: this.#options.onPromise,
      });
    };
    const core = makeExtender(config, {
      transport: network.transport(process, { calls: true, ...link }),
      clock: process.clock,
      rng: chance.rng(process.name),
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

  #startScheduler(): void {
    const { time, trace, chance, network, rates, onThrow } = this.#options;
    const process = new Process(`scheduler-${this.name}`, time, this.wall);
    this.#scheduler = process;
    process.onEnd(() => this.#restart('scheduler', () => this.#startScheduler()));
    const transport = network.transport(process, { calls: true });
    const verbs = verbTransport(process, { time, chance, trace, rates, extender: () => this.#extender });
    const shared = { transport: verbs, prefix: '', nodeCacheCapable: true };
    const lead = (): void => {
      trace.note(process.name, 'leads');
      const scheduler = new Scheduler({
        transport,
        clock: process.clock,
        rng: chance.rng(process.name),
        schedulerNames: [SCHEDULER_NAME],
        // nothing here reads them, and each would be one more call to simulate
        events: false,
        extenders: [
          {
            ...shared,
            name: 'decisions',
            filterVerb: 'filter',
            prioritizeVerb: 'prioritize',
            preemptVerb: 'preempt',
            weight: 5,
            httpTimeoutMs: DECISION_TIMEOUT_MS,
          },
          { ...shared, name: 'bind', bindVerb: 'bind', httpTimeoutMs: BIND_TIMEOUT_MS },
        ],
        onError: (error) => trace.note(process.name, error.message),
      });
      scheduler.start().catch((error: unknown) => onThrow(process.name, error));
    };
    if (!this.#options.elects) {
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
