/** Rows of the end-to-end bench: median and spread of each mode, its ratios to the others of the same turns, CPU per pod. */
import { COMMIT, MACHINE } from '../row.ts';
import type { Drained } from './drain.ts';
import type { Mode } from './modes.ts';
import { baselinesOf, TARGETS } from './targets.ts';

export type Row = {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly runs: readonly number[];
  readonly floor?: number;
  /** value ÷ floor */
  readonly ratio?: number;
  readonly target?: string;
  readonly met?: boolean;
};

/** `drained`: by mode, one entry for each turn that it was in. */
export type Turn = { readonly turn: number; readonly drained: Drained };

export function rowsOf(nodes: number, modes: readonly Mode[], turns: ReadonlyMap<string, readonly Turn[]>): Row[] {
  const drained = new Map([...turns].map(([mode, list]) => [mode, list.map((one) => one.drained)]));
  const rates = (mode: string): number[] => (drained.get(mode) ?? []).map(({ podsPerSecond }) => podsPerSecond);
  /** turn by turn: what else the machine did in a turn met both */
  const ratiosTo = (mode: string, other: string): number[] =>
    (turns.get(mode) ?? []).flatMap(({ turn, drained: ours }) => {
      const theirs = turns.get(other)?.find((one) => one.turn === turn)?.drained;
      return theirs === undefined ? [] : [ours.podsPerSecond / theirs.podsPerSecond];
    });
  const rows: Row[] = [];
  for (const { name: mode } of modes) {
    const runs = rates(mode);
    if (runs.length === 0) continue;
    const name = `e2e-${nodes}, ${mode}`;
    const value = median(runs);
    rows.push({ name, value, unit: 'pods/s', runs });
    for (const baseline of baselinesOf(mode)) {
      const theirs = rates(baseline);
      if (theirs.length === 0) continue;
      const ratio = median(ratiosTo(mode, baseline));
      const asked = TARGETS.find((target) => target.nodes === nodes && target.mode === mode && target.of === baseline);
      rows.push({
        name: `${name} ÷ ${baseline}`,
        value,
        unit: 'pods/s',
        runs,
        floor: median(theirs),
        ratio,
        ...(asked !== undefined && { target: `ratio ≥ ${asked.least}`, met: ratio >= asked.least }),
      });
    }
    const processes = [...new Set((drained.get(mode) ?? []).flatMap(({ cpu }) => [...cpu.keys()]))];
    for (const process of processes) {
      const ms = (drained.get(mode) ?? []).map(({ cpu }) => cpu.get(process) ?? Number.NaN);
      rows.push({ name: `${name}, CPU of ${process}`, value: median(ms), unit: 'ms/pod', runs: ms });
    }
    const more = (what: string, unit: string, read: (drained: Drained) => number | null): void => {
      const values = (drained.get(mode) ?? []).map(read).filter((value) => value !== null);
      if (values.length > 0) rows.push({ name: `${name}, ${what}`, value: median(values), unit, runs: values });
    };
    more('writes', 'a pod', ({ writes }) => writes);
    more('event loop of muster', 'busy', ({ loop }) => loop);
    more('GPUs in use', 'GPUs', ({ gpus }) => gpus);
  }
  return rows;
}

export function rowAsJson({ name, value, unit, runs, floor, ratio, target, met }: Row): string {
  return JSON.stringify({
    name,
    value: round(value),
    unit,
    floor: floor === undefined ? null : round(floor),
    ratio: ratio === undefined ? null : round(ratio),
    target: target ?? null,
    met: met ?? null,
    runs: runs.map(round),
    machine: MACHINE,
    commit: COMMIT,
  });
}

export const TABLE_HEAD = `${'name'.padEnd(52)}  ${'median'.padStart(8)}  ${'unit'.padEnd(6)}  ${'lowest–highest'.padStart(16)}  ${'ratio'.padStart(6)}  target\n`;

export function rowAsText({ name, value, unit, runs, ratio, target, met }: Row): string {
  const spread = runs.length > 1 ? `${round(Math.min(...runs))}–${round(Math.max(...runs))}` : '';
  const cells = [
    name.padEnd(52),
    String(round(value)).padStart(8),
    unit.padEnd(6),
    spread.padStart(16),
    (ratio === undefined ? '' : ratio.toFixed(2)).padStart(6),
    target === undefined ? '' : `${target}: ${met ? 'met' : 'MISSED'}`,
  ];
  return cells.join('  ').trimEnd();
}

/** Of two it is their mean: runs are few. */
function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  return ((sorted[Math.ceil(half) - 1] ?? Number.NaN) + (sorted[Math.floor(half)] ?? Number.NaN)) / 2;
}

const round = (value: number): number => (Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3)));
