/** One measured number and how it is shown: a line of JSON, or a row of a table. */
import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';

export type Measured = {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** the same measured of a bare node:http echo of the same body and reply, in the same run; null where there is none */
  readonly floor?: number;
  /** value ÷ floor */
  readonly ratio?: number;
  /** what is asked of it, as text: `ratio ≥ 0.7`; none: shown only */
  readonly target?: string;
  readonly met?: boolean;
};

const commit = (): string => {
  try {
    const head = execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
    const changed = execFileSync('git', ['status', '--porcelain', '--untracked-files=no'], { encoding: 'utf8' }) !== '';
    return changed ? `${head}+` : head;
  } catch {
    return 'unknown';
  }
};

export const MACHINE = `${cpus()[0]?.model.trim() ?? 'unknown CPU'} × ${cpus().length}, Node ${process.versions.node}`;
export const COMMIT = commit();

/** All that were missed, by name. */
export function show(rows: readonly Measured[], json: boolean): readonly string[] {
  if (json) {
    for (const { name, value, unit, floor, ratio, target, met } of rows)
      process.stdout.write(
        `${JSON.stringify({ name, value: round(value), unit, floor: floor === undefined ? null : round(floor), ratio: ratio === undefined ? null : round(ratio), target: target ?? null, met: met ?? null, machine: MACHINE, commit: COMMIT })}\n`,
      );
  } else {
    for (const { name, value, unit, floor, ratio, target, met } of rows) {
      const cells = [
        name.padEnd(46),
        text(value).padStart(9),
        unit.padEnd(6),
        (floor === undefined ? '' : text(floor)).padStart(9),
        (ratio === undefined ? '' : ratio.toFixed(2)).padStart(6),
        target === undefined ? '' : `${target}: ${met ? 'met' : 'MISSED'}`,
      ];
      process.stdout.write(`${cells.join('  ').trimEnd()}\n`);
    }
  }
  return rows.filter((row) => row.met === false).map((row) => row.name);
}

export const TABLE_HEAD = `${'name'.padEnd(46)}  ${'value'.padStart(9)}  ${'unit'.padEnd(6)}  ${'floor'.padStart(9)}  ${'ratio'.padStart(6)}  target\n`;

/** `at least` and `at most` a number: the target and whether it was met. */
export const atLeast = (what: string, value: number, least: number) => ({
  target: `${what} ≥ ${least}`,
  met: value >= least,
});
export const atMost = (what: string, value: number, most: number) => ({
  target: `${what} ≤ ${most}`,
  met: value <= most,
});

export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}
export const median = (values: readonly number[]): number => quantile(values, 0.5);

const round = (value: number): number => (Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3)));
const text = (value: number): string => round(value).toLocaleString('en');
