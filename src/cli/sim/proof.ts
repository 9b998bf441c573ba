/** The proof that the world can fail, as the Markdown table of docs/simulation.md: each known bug and the first seed that finds it. */
import { BUGS } from '../../sim/world/bugs.ts';
import { runWorld } from '../../sim/world/world.ts';

export type Found = { readonly bug: string; readonly seed: number; readonly invariant: string };

/** The first of the seeds at which a law breaks that the bug is about; null: none. */
export async function firstSeedOf(bug: string, from: number, to: number): Promise<Found | null> {
  const { breaks } = BUGS[bug]!;
  for (let seed = from; seed <= to; seed++) {
    const { failure } = await runWorld({ seed, bug });
    if (failure !== null && breaks.includes(failure.invariant)) return { bug, seed, invariant: failure.invariant };
  }
  return null;
}

export const TABLE_HEAD = ['| bug | what is wrong | first seed | seen as |', '| --- | --- | --- | --- |'] as const;

export const rowOf = ({ bug, seed, invariant }: Found): string =>
  `| \`${bug}\` | ${BUGS[bug]!.what} | ${seed} | \`${invariant}\` |`;

/** Rows of the table as it stands in a document, however wide its columns are. */
export function foundIn(document: string): readonly Found[] {
  return [...document.matchAll(/^\| `([^`]+)`\s*\|[^|]*\|\s*(\d+)\s*\| `([^`]+)`\s*\|$/gm)].map(
    ([, bug, seed, invariant]) => ({ bug: bug!, seed: Number(seed), invariant: invariant! }),
  );
}
