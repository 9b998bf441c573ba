/**
 * One program of a world: it begins with nothing but ports, may be killed at any call through them, and begins again as a new
 * Process that knows nothing of the one before. Whatever joins the world (an extender, a kube-scheduler,
 * kubelets) is a Member; how to add one is in docs/simulation.md.
 */
import type { KubeRequest, KubeResponse, Rng, Transport } from '../../kube/ports.ts';
import type { Chance } from './chance.ts';
import type { Rates } from './faults.ts';
import type { Network } from './network.ts';
import { Process, type VirtualTime, type WallClock } from './time.ts';
import type { Trace } from './trace.ts';

/** What everything in a world is wired to. */
export type Wiring = {
  readonly time: VirtualTime;
  readonly chance: Chance;
  readonly trace: Trace;
  readonly rates: Rates;
  readonly network: Network;
  /** something threw where nothing may throw */
  readonly onThrow: (where: string, error: unknown) => void;
};

/** Members on one machine share its wall clock and stand still together. */
export type Machine = { readonly name: string; readonly wall: WallClock };

/** One life of a member, from its start to its crash. */
export type Run = {
  readonly process: Process;
  readonly transport: Transport;
  readonly rng: Rng;
  /** 0 for the first one */
  readonly life: number;
};

export type MemberOptions = {
  /** the name of its processes: what traces, faults and streams of chance call it */
  readonly name: string;
  /** the word after `crash-` in the name of the fault that kills it */
  readonly kind: 'extender' | 'scheduler' | 'kubelet';
  readonly machine: Machine;
  readonly wiring: Wiring;
  /** see LinkOptions */
  readonly unconditional?: boolean;
  /** changes requests before they leave: only for known bugs */
  readonly bend?: (request: KubeRequest) => KubeRequest | KubeResponse;
  readonly begin: (run: Run) => void;
};

const SHORTEST_RESTART_MS = 100;
const LONGEST_RESTART_MS = 6_000;

export class Member {
  readonly #options: MemberOptions;
  #process: Process | null = null;
  #life = 0;

  constructor(options: MemberOptions) {
    this.#options = options;
  }

  get kind(): MemberOptions['kind'] {
    return this.#options.kind;
  }

  get name(): string {
    return this.#options.name;
  }

  get machine(): Machine {
    return this.#options.machine;
  }

  /** Begins a life. Called by the world at its beginning, and by the member itself some time after it was killed. */
  start(): void {
    const { name, machine, wiring, bend, unconditional, begin } = this.#options;
    const { time, chance, trace, network } = wiring;
    const process = new Process(name, time, machine.wall);
    this.#process = process;
    trace.note(name, 'starts');
    process.onEnd(() => {
      // most are back at once, some take seconds
      const delay = SHORTEST_RESTART_MS + Math.floor(chance.draw(`restart ${name}`) ** 3 * LONGEST_RESTART_MS);
      trace.note(name, `killed, back in ${delay}`);
      time.after(delay, () => this.start());
    });
    const transport = network.transport(process, {
      unconditional: unconditional ?? false,
      ...(bend === undefined ? {} : { bend }),
    });
    begin({ process, transport, rng: chance.rng(name), life: this.#life++ });
  }

  crash(): void {
    this.#process?.kill();
  }

  pause(until: number): void {
    if (this.#process !== null) this.#options.wiring.time.pause(this.#process, until);
  }
}
