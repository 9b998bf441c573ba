/** What is run where nothing is named: which modes in turns, on clusters of which size, and how the time is shared out. */
import { MODES, type Mode } from './modes.ts';

export type Part = {
  readonly name: string;
  readonly says: string;
  readonly sizes: readonly number[];
  readonly turns: number;
  /** modes of every turn, and those of every second one */
  readonly modes: readonly string[];
  readonly seldom: readonly string[];
  /** its share of the time, against those of the others; per size as the square root of it */
  readonly minutes: number;
};

export const PARTS: readonly Part[] = [
  {
    name: 'drain',
    says: 'pods wait, kube-scheduler starts: first bound to last bound',
    sizes: [1_000],
    turns: 2,
    modes: ['stock', 'stock-all', 'stub', 'extender', 'extender-sampled'],
    seldom: [],
    minutes: 4,
  },
  {
    name: 'nominated',
    says: 'the same with pods that have their nominations already, and everything else beside',
    sizes: [5_000],
    turns: 5,
    modes: ['stock', 'nominated-stub', 'nominated'],
    seldom: ['stock-all', 'stub', 'extender', 'extender-sampled'],
    minutes: 14,
  },
  {
    name: 'pipeline',
    says: 'pods are made while kube-scheduler runs: first created to last bound',
    sizes: [500, 5_000],
    turns: 3,
    modes: ['pipeline-stock', 'pipeline-stub', 'pipeline'],
    seldom: ['pipeline-stock-all', 'pipeline-spot'],
    minutes: 7,
  },
  {
    name: 'gangs',
    says: 'the verdict on a gang that cannot fit; a large one and many small ones, beside the same pods singly',
    sizes: [512, 5_000],
    turns: 2,
    modes: [],
    seldom: [],
    minutes: 4,
  },
  {
    name: 'waiting',
    says: 'CPU of kube-scheduler and the extender while thousands of members wait, idle and with churn',
    sizes: [512],
    turns: 1,
    modes: [],
    seldom: [],
    minutes: 3,
  },
];

/** In turn `turn` (from 1 on), of those that are wanted. */
export function modesOf(part: Part, turn: number, wanted: readonly string[] | null): readonly Mode[] {
  const names = wanted ?? [...part.modes, ...(turn % 2 === 1 ? part.seldom : [])];
  return MODES.filter(({ name }) => names.includes(name));
}

/** By part and size, until which minute of `minutes` it may begin further turns. */
export function shareOut(
  parts: readonly { readonly minutes: number; readonly sizes: readonly number[] }[],
  minutes: number,
): readonly (readonly number[])[] {
  const all = parts.reduce((sum, part) => sum + part.minutes, 0);
  let until = 0;
  return parts.map((part) => {
    const total = part.sizes.reduce((sum, size) => sum + Math.sqrt(size), 0);
    return part.sizes.map((size) => {
      until += (minutes * part.minutes * Math.sqrt(size)) / (all * total);
      return until;
    });
  });
}
