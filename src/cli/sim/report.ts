/** What `muster sim` prints: a failure with the one command that replays it, progress, and the summary. */
import type { Day, DayFailure, DayOptions } from './day.ts';

const SIZES = ['nodes', 'pods', 'steps', 'faults'] as const;
export type Size = (typeof SIZES)[number];

export type Summary = {
  seeds: number;
  failures: number;
  steps: number;
  /** of the smallest seed that ran to its end, and of all such on average */
  size: Record<Size, { least: number; mean: number }>;
  /** by kind */
  faults: Record<string, number>;
  /** looks at each invariant, by name */
  checks: Record<string, number>;
  cpuSeconds: number;
  seedsPerCpuSecond: number;
  /** virtual ms after the last fault until everything was settled, the longest of all seeds */
  longestSettledMs: number;
};

const NONE = { least: 0, mean: 0 };

export class Tally {
  /** sums over the seeds that ran to their end */
  #ended = 0;
  readonly #sizes: Record<Size, { least: number; sum: number }> = Object.fromEntries(
    SIZES.map((what) => [what, { least: Number.POSITIVE_INFINITY, sum: 0 }]),
  ) as Record<Size, { least: number; sum: number }>;
  readonly #summary: Summary = {
    seeds: 0,
    failures: 0,
    steps: 0,
    size: { nodes: NONE, pods: NONE, steps: NONE, faults: NONE },
    faults: {},
    checks: {},
    cpuSeconds: 0,
    seedsPerCpuSecond: 0,
    longestSettledMs: 0,
  };

  add({ nodes, pods, steps, settledMs, faults, checks, failure }: Day): void {
    const sum = this.#summary;
    sum.seeds++;
    sum.steps += steps;
    if (failure !== null) sum.failures++;
    else {
      sum.longestSettledMs = Math.max(sum.longestSettledMs, settledMs);
      this.#ended++;
      const size: Record<Size, number> = { nodes, pods, steps, faults: totalOf(faults) };
      for (const what of SIZES) {
        const known = this.#sizes[what];
        known.least = Math.min(known.least, size[what]);
        known.sum += size[what];
      }
    }
    for (const [kind, count] of Object.entries(faults)) sum.faults[kind] = (sum.faults[kind] ?? 0) + count;
    for (const [name, count] of Object.entries(checks)) sum.checks[name] = (sum.checks[name] ?? 0) + count;
  }

  /** `cpuMicros`: CPU time of all threads */
  summary(cpuMicros: number): Summary {
    const seconds = Math.max(cpuMicros, 1_000) / 1e6;
    const rounded = (value: number, digits: number): number => Math.round(value * 10 ** digits) / 10 ** digits;
    const { seeds } = this.#summary;
    const size = { ...this.#summary.size };
    if (this.#ended > 0)
      for (const what of SIZES) {
        const { least, sum } = this.#sizes[what];
        size[what] = { least, mean: rounded(sum / this.#ended, 1) };
      }
    return { ...this.#summary, size, cpuSeconds: rounded(seconds, 3), seedsPerCpuSecond: rounded(seeds / seconds, 1) };
  }
}

/** The one command that runs this seed again, to the same step. */
export function replayOf(seed: number, { faults }: DayFailure, { bug, rates }: DayOptions): string {
  const more = [
    ...(bug === null ? [] : [`--bug ${bug}`]),
    ...Object.entries(rates).map(([kind, rate]) => `--fault ${kind}=${rate}`),
    ...(faults === null ? [] : [`--only '${faults.join(',')}'`]),
  ];
  return ['npm run sim -- --seed', seed, ...more, '--trace'].join(' ');
}

export function failureAsJson(seed: number, failure: DayFailure, options: DayOptions): string {
  return JSON.stringify({ seed, ...failure, replay: replayOf(seed, failure, options) });
}

export function failureAsText(seed: number, failure: DayFailure, options: DayOptions): string {
  const { step, atMs, invariant, detail, faults, whole, tries } = failure;
  const lines = [`seed ${seed} step ${step} at ${atMs} ms: ${invariant}: ${detail}`];
  if (tries > 0 && faults !== null) {
    lines.push(`  shrunk from ${whole.faults} faults (step ${whole.step}) to ${faults.length} in ${tries} runs:`);
    for (const fault of faults) lines.push(`    ${fault}`);
  }
  return [...lines, `  ${replayOf(seed, failure, options)}`].join('\n');
}

export function summaryAsText({ seeds, failures, steps, size, faults, checks, ...more }: Summary): string {
  const what = `${seeds} seeds, ${failures} failures; ${steps} steps, ${totalOf(faults)} faults of ${Object.keys(faults).length} kinds`;
  const sizes = SIZES.map((one) => `${size[one].least} to ${size[one].mean} ${one}`).join(', ');
  return `${what}, ${totalOf(checks)} checks of ${Object.keys(checks).length} invariants; a seed, at least to on average: ${sizes}; ${more.seedsPerCpuSecond} seeds a CPU second`;
}

const totalOf = (counts: Readonly<Record<string, number>>): number =>
  Object.values(counts).reduce((sum, one) => sum + one, 0);
