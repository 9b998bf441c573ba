/** The command `muster sim`: bad days by the thousand, each from a seed, each the same whenever it is asked for. */
import { availableParallelism } from 'node:os';
import { Command, InvalidArgumentError } from 'commander';
import { BUGS } from '../sim/world/bugs.ts';
import { FAULT_KINDS, FAULTS, type FaultKind } from '../sim/world/faults.ts';
import type { DayOptions } from './sim/day.ts';
import { runSeeds } from './sim/pool.ts';
import { firstSeedOf, rowOf, TABLE_HEAD } from './sim/proof.ts';
import { failureAsJson, failureAsText, summaryAsText, Tally } from './sim/report.ts';

const EXAMPLES = `
A seed is a cluster of at least 6 nodes and 30 pods, one or two pairs of kube-scheduler and the real extender, and everything that
goes wrong between them. The same seed is the same day, step by step.

Examples:
  $ npm run sim -- --seeds 1-10000 --jobs 4 --json
  $ npm run sim -- --seed 67 --trace              one seed, every step
  $ npm run sim -- --seeds 1-500 --bug lease-ignored
  $ npm run sim -- --seeds 1-100 --fault outage=3 --fault call-lost=0.1
`;

const PROGRESS_MS = { terminal: 1_000, file: 15_000 } as const;

type Options = {
  seeds: readonly [from: number, to: number];
  seed?: number;
  jobs: number;
  trace: boolean;
  json: boolean;
  bug?: string;
  proof: boolean;
  fault: Partial<Record<FaultKind, number>>;
  only?: readonly string[];
  shrink: boolean;
};

export type Out = {
  /** a line of the result */
  readonly write: (line: string) => void;
  /** what people look at meanwhile */
  readonly progress: (text: string) => void;
};

const STREAMS: Out = {
  write: (line) => void process.stdout.write(`${line}\n`),
  progress: (text) => void process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${text}` : `${text}\n`),
};

export function simCommand(out: Out = STREAMS): Command {
  return new Command('sim')
    .description('deterministic simulation: the real extender through thousands of bad days')
    .option('--seeds <from-to>', 'seeds to run', rangeOf, [1, 200] as const)
    .option('--seed <number>', 'one seed', seedOf)
    .option('--jobs <count>', 'threads to run them on', jobsOf, 1)
    .option('--trace', 'print every step', false)
    .option('--json', 'failures and, last, the summary as JSON, one line each', false)
    .option('--bug <name>', 'switch a known bug on', bugOf)
    .option('--proof', 'which of the seeds finds which known bug first, as the table of docs/simulation.md', false)
    .option('--fault <name=rate>', 'how often a fault happens; repeat for more', faultOf, {})
    .option('--only <faults>', 'these faults only, by name, joined by commas; empty: none', (text) =>
      text.split(',').filter(Boolean),
    )
    .option('--no-shrink', 'leave the faults of failing seeds as they are')
    .addHelpText('after', () => EXAMPLES + listed())
    .action(async (options: Options) => {
      process.exitCode = (await (options.proof ? prove : run)(options, out)) === 0 ? 0 : 1;
    });
}

/** Returns the number of known bugs that no seed finds. */
async function prove({ seeds: [from, to], bug }: Options, out: Out): Promise<number> {
  let hidden = 0;
  for (const line of TABLE_HEAD) out.write(line);
  for (const name of bug === undefined ? Object.keys(BUGS) : [bug]) {
    const found = await firstSeedOf(name, from, to);
    if (found === null) hidden++;
    out.write(found === null ? `| \`${name}\` | not found | | |` : rowOf(found));
  }
  return hidden;
}

/** Returns the number of seeds that failed. */
async function run(options: Options, out: Out): Promise<number> {
  const [from, to] = options.seed === undefined ? options.seeds : [options.seed, options.seed];
  const day: DayOptions = {
    rates: options.fault,
    bug: options.bug ?? null,
    only: options.only ?? null,
    shrink: options.shrink,
    trace: options.trace,
  };
  const tally = new Tally();
  const before = process.cpuUsage();
  const cpuMicros = (): number => {
    const { user, system } = process.cpuUsage(before);
    return user + system;
  };
  const every = process.stderr.isTTY ? PROGRESS_MS.terminal : PROGRESS_MS.file;
  let toldAt = performance.now();
  await runSeeds({ ...day, from, to, jobs: options.jobs }, ({ trace, failure, seed, ...rest }) => {
    for (const line of trace) out.write(line);
    tally.add({ trace, failure, seed, ...rest });
    if (failure !== null) out.write((options.json ? failureAsJson : failureAsText)(seed, failure, day));
    if (performance.now() - toldAt < every || seed === to) return;
    toldAt = performance.now();
    const { failures, seedsPerCpuSecond } = tally.summary(cpuMicros());
    out.progress(
      `${seed - from + 1} of ${to - from + 1} seeds, ${failures} failures, ${seedsPerCpuSecond} a CPU second`,
    );
  });
  const summary = tally.summary(cpuMicros());
  out.write(options.json ? JSON.stringify(summary) : summaryAsText(summary));
  return summary.failures;
}

function listed(): string {
  const faults = FAULT_KINDS.map((kind) => {
    const { rate, per, what } = FAULTS[kind];
    return `  ${kind.padEnd(16)} ${`${rate} per ${per}`.padEnd(16)} ${what}`;
  });
  const bugs = Object.entries(BUGS).map(([name, { what }]) => `  ${name.padEnd(28)} ${what}`);
  return ['', 'Faults, their rates, and per what:', ...faults, '', 'Known bugs:', ...bugs].join('\n');
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

function jobsOf(text: string): number {
  const jobs = Number(text);
  const most = availableParallelism();
  if (!/^\d+$/.test(text) || jobs < 1) throw new InvalidArgumentError('expected a whole number of at least 1.');
  return Math.min(jobs, most);
}

function bugOf(name: string): string {
  if (!Object.hasOwn(BUGS, name))
    throw new InvalidArgumentError(`no such bug; there are ${Object.keys(BUGS).join(', ')}.`);
  return name;
}

function faultOf(text: string, known: Partial<Record<FaultKind, number>>): Partial<Record<FaultKind, number>> {
  const [kind = '', value = ''] = text.split('=');
  if (!Object.hasOwn(FAULTS, kind)) throw new InvalidArgumentError('no such fault; --help names them.');
  if (value.trim() === '' || !(Number(value) >= 0))
    throw new InvalidArgumentError('expected name=rate with a rate of 0 or more.');
  return { ...known, [kind]: Number(value) };
}
