/** The command `muster sim`: bad days by the thousand, each from a seed, each the same whenever it is asked for. */
import { Command, InvalidArgumentError } from 'commander';
import { BUGS } from '../sim/world/bugs.ts';
import { EVERY_FAULT } from '../sim/world/chance.ts';
import { FAULT_KINDS, FAULTS, type FaultKind, kindOf } from '../sim/world/faults.ts';
import { shrink } from '../sim/world/shrink.ts';
import { runWorld, type WorldOptions, type WorldResult } from '../sim/world/world.ts';

const HELP = `
A seed is a cluster of 6 to 8 nodes and at least 30 pods, one or two pairs of kube-scheduler and the real extender, and everything
that goes wrong between them. The same seed is the same day, step by step.

Examples:
  $ npm run sim -- --seeds 1-10000 --json
  $ npm run sim -- --seed 67 --trace              one seed, every step
  $ npm run sim -- --seeds 1-500 --bug lease-ignored
  $ npm run sim -- --seeds 1-100 --rate outage=3 --rate call-lost=0.1
  $ npm run sim -- --list                         faults with their rates, and known bugs
`;

type Options = {
  seeds: readonly [from: number, to: number];
  seed?: number;
  trace: boolean;
  json: boolean;
  bug?: string;
  rate: Partial<Record<FaultKind, number>>;
  only?: readonly string[];
  shrink: boolean;
  list: boolean;
};

const write = (line: string): void => void process.stdout.write(`${line}\n`);

export function simCommand(): Command {
  return new Command('sim')
    .description('deterministic simulation: the real extender through thousands of bad days')
    .option('--seeds <from-to>', 'seeds to run', rangeOf, [1, 200] as const)
    .option('--seed <number>', 'one seed', seedOf)
    .option('--trace', 'print every step', false)
    .option('--json', 'failures and the summary as JSON, one line each', false)
    .option('--bug <name>', 'switch a known bug on', bugOf)
    .option('--rate <kind=rate>', 'how often a fault happens; repeat for more', rateOf, {})
    .option('--only <faults>', 'these faults only, by name, joined by commas; empty: none', (text) =>
      text.split(',').filter(Boolean),
    )
    .option('--no-shrink', 'leave the faults of failing seeds as they are')
    .option('--list', 'print faults and known bugs', false)
    .addHelpText('after', HELP)
    .action(async (options: Options) => {
      if (options.list) printLists();
      else process.exitCode = (await runSeeds(options)) === 0 ? 0 : 1;
    });
}

async function runSeeds(options: Options): Promise<number> {
  const [from, to] = options.seed === undefined ? options.seeds : [options.seed, options.seed];
  const faults: Partial<Record<FaultKind, number>> = {};
  const checks: Record<string, number> = {};
  let failures = 0;
  let steps = 0;
  let longestSettledMs = 0;
  const before = process.cpuUsage();
  for (let seed = from; seed <= to; seed++) {
    const world: WorldOptions = {
      seed,
      rates: options.rate,
      bug: options.bug ?? null,
      trace: options.trace,
      ...(options.only !== undefined && { filter: { ...EVERY_FAULT, only: new Set(options.only) } }),
    };
    const result = await runWorld(world);
    for (const line of result.trace) write(line);
    steps += result.steps;
    longestSettledMs = Math.max(longestSettledMs, result.settledMs);
    for (const id of result.faults) faults[kindOf(id)] = (faults[kindOf(id)] ?? 0) + 1;
    for (const [invariant, count] of Object.entries(result.checks))
      checks[invariant] = (checks[invariant] ?? 0) + count;
    if (result.failure === null) continue;
    failures++;
    const small = options.shrink && options.only === undefined ? await shrink(world, result) : result;
    tell(small, options);
  }
  const { user, system } = process.cpuUsage(before);
  const cpuSeconds = Math.round((user + system) / 1000) / 1000;
  const seeds = to - from + 1;
  const perCpuSecond = Math.round((10 * seeds) / cpuSeconds) / 10;
  const summary = {
    seeds,
    failures,
    steps,
    cpuSeconds,
    seedsPerCpuSecond: perCpuSecond,
    longestSettledMs,
    faults,
    checks,
  };
  if (options.json) write(JSON.stringify(summary));
  else {
    const total = Object.values(faults).reduce((sum, count) => sum + count, 0);
    write(`${seeds} seeds, ${failures} failures; ${steps} steps, ${total} faults; ${perCpuSecond} seeds a CPU second`);
  }
  return failures;
}

function tell({ seed, failure, faults }: WorldResult, { json, bug, rate }: Options): void {
  if (failure === null) return;
  const more = [
    ...(bug === undefined ? [] : [`--bug ${bug}`]),
    ...Object.entries(rate).map(([kind, value]) => `--rate ${kind}=${value}`),
  ];
  const replay = ['npm run sim -- --seed', seed, ...more, `--only '${faults.join(',')}'`, '--trace'].join(' ');
  if (json) write(JSON.stringify({ ...failure, seed, faults, replay }));
  else
    write(
      `seed ${seed} step ${failure.step} at ${failure.atMs} ms: ${failure.invariant}: ${failure.detail}\n  ${replay}`,
    );
}

function printLists(): void {
  write('faults (rate, per):');
  for (const kind of FAULT_KINDS)
    write(`  ${kind.padEnd(16)} ${FAULTS[kind].rate} per ${FAULTS[kind].per}: ${FAULTS[kind].what}`);
  write('known bugs:');
  for (const [name, { what }] of Object.entries(BUGS)) write(`  ${name.padEnd(26)} ${what}`);
}

function seedOf(text: string): number {
  const seed = Number(text);
  if (!/^\d+$/.test(text) || seed >= 2 ** 31)
    throw new InvalidArgumentError('expected a whole number below 2147483648.');
  return seed;
}

function rangeOf(text: string): readonly [number, number] {
  const [from = '', to = from] = text.split('-');
  const range = [seedOf(from), seedOf(to)] as const;
  if (range[0] > range[1]) throw new InvalidArgumentError('expected the smaller seed first.');
  return range;
}

function bugOf(name: string): string {
  if (!Object.hasOwn(BUGS, name))
    throw new InvalidArgumentError(`no such bug; there are ${Object.keys(BUGS).join(', ')}.`);
  return name;
}

function rateOf(text: string, known: Partial<Record<FaultKind, number>>): Partial<Record<FaultKind, number>> {
  const [kind = '', value = ''] = text.split('=');
  if (!Object.hasOwn(FAULTS, kind)) throw new InvalidArgumentError('no such fault; --list names them.');
  if (value.trim() === '' || !(Number(value) >= 0))
    throw new InvalidArgumentError('expected kind=rate with a rate of 0 or more.');
  return { ...known, [kind]: Number(value) };
}
