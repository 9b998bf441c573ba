/** One seed as the command reports it: run, and if it fails, with as few faults as it needs. Runs on any thread. */
import { EVERY_FAULT } from '../../sim/world/chance.ts';
import { type FaultKind, kindOf } from '../../sim/world/faults.ts';
import type { Violation } from '../../sim/world/oracle/law.ts';
import { shrink } from '../../sim/world/shrink.ts';
import { runWorld, type WorldOptions } from '../../sim/world/world.ts';

/** How seeds are run; travels to worker threads. */
export type DayOptions = {
  readonly rates: Partial<Record<FaultKind, number>>;
  readonly bug: string | null;
  /** names of the faults to let happen; null: all that chance brings */
  readonly only: readonly string[] | null;
  readonly shrink: boolean;
  readonly trace: boolean;
};

export type DayFailure = Violation & {
  readonly step: number;
  readonly atMs: number;
  /** with these faults alone it fails so; null: it was not shrunk */
  readonly faults: readonly string[] | null;
  /** what was seen before it was shrunk */
  readonly whole: { readonly faults: number; readonly step: number };
  /** runs that shrinking took */
  readonly tries: number;
};

export type Day = {
  readonly seed: number;
  readonly steps: number;
  /** made in all */
  readonly nodes: number;
  readonly pods: number;
  readonly settledMs: number;
  readonly faults: Readonly<Record<string, number>>;
  readonly checks: Readonly<Record<string, number>>;
  readonly trace: readonly string[];
  readonly failure: DayFailure | null;
};

export async function runDay(seed: number, options: DayOptions): Promise<Day> {
  const { rates, bug, only, trace } = options;
  const world: WorldOptions = {
    seed,
    bug,
    trace,
    ...(Object.keys(rates).length > 0 && { rates }),
    ...(only !== null && { filter: { ...EVERY_FAULT, only: new Set(only) } }),
  };
  const result = await runWorld(world);
  const faults: Record<string, number> = {};
  for (const id of result.faults) faults[kindOf(id)] = (faults[kindOf(id)] ?? 0) + 1;
  const { steps, nodes, pods, settledMs, checks, failure } = result;
  const day = { seed, steps, nodes, pods, settledMs, faults, checks };
  if (failure === null) return { ...day, trace: result.trace, failure: null };
  const whole = { faults: result.faults.length, step: failure.step };
  const small = options.shrink && only === null ? await shrink(world, result) : null;
  const seen = small?.best.failure ?? failure;
  const needed = small?.smaller ? small.best.faults : only;
  return {
    ...day,
    trace: result.trace,
    failure: { ...seen, faults: needed, whole, tries: small?.tries ?? 0 },
  };
}
