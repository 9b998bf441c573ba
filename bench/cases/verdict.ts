/** How a case ends, and the tally of many. */
import type { DesignRule, LaterPart } from './rules.ts';

export type Verdict =
  | { readonly result: 'same' }
  /** `why`: why our answer is as good as theirs */
  | { readonly result: 'equivalent'; readonly why: string }
  /** `rule`: the line of docs/cases.md that says why we answer otherwise */
  | { readonly result: 'byDesign'; readonly rule: DesignRule; readonly detail?: string }
  | { readonly result: 'notYet'; readonly part: LaterPart; readonly detail?: string }
  /** `why`: what we answered instead */
  | { readonly result: 'fails'; readonly why: string };

export const RESULTS = ['same', 'equivalent', 'byDesign', 'notYet', 'fails'] as const;
export type Tally = Record<(typeof RESULTS)[number], number>;

export const SAME: Verdict = { result: 'same' };
export const equivalent = (why: string): Verdict => ({ result: 'equivalent', why });
export const byDesign = (rule: DesignRule, detail?: string): Verdict => ({
  result: 'byDesign',
  rule,
  ...(detail !== undefined && { detail }),
});
export const notYet = (part: LaterPart, detail?: string): Verdict => ({
  result: 'notYet',
  part,
  ...(detail !== undefined && { detail }),
});
export const fails = (why: string): Verdict => ({ result: 'fails', why });

export const emptyTally = (): Tally => ({ same: 0, equivalent: 0, byDesign: 0, notYet: 0, fails: 0 });

export function addTo(tally: Tally, more: Tally): void {
  for (const result of RESULTS) tally[result] += more[result];
}

/** ours equals theirs, or what we answered instead. */
export function compare(ours: unknown, theirs: unknown): Verdict {
  const one = JSON.stringify(ours);
  const other = JSON.stringify(theirs);
  return one === other ? SAME : fails(`ours ${one}, theirs ${other}`);
}
