/**
 * Long searches in steps: a generator that stops every now and then, so that whoever drives it may let others have the thread. What it
 * finds does not depend on where it was stopped.
 */

export type Sliced<Result> = Generator<undefined, Result, undefined>;

/** Without letting anybody in between. */
export function atOnce<Result>(steps: Sliced<Result>): Result {
  for (;;) {
    const next = steps.next();
    if (next.done === true) return next.value;
  }
}

/** Items sorted at once, and merged between two stops. */
const RUN = 512;

/** The same as `items.toSorted(compare)`, where no two are equal. */
export function* sortedInSlices<Item>(
  items: readonly Item[],
  compare: (a: Item, b: Item) => number,
): Sliced<readonly Item[]> {
  if (items.length <= RUN) return items.toSorted(compare);
  let runs: Item[][] = [];
  for (let from = 0; from < items.length; from += RUN) {
    runs.push(items.slice(from, from + RUN).sort(compare));
    yield;
  }
  while (runs.length > 1) {
    const merged: Item[][] = [];
    for (let at = 0; at < runs.length; at += 2) {
      const right = runs[at + 1];
      merged.push(right === undefined ? runs[at]! : yield* merge(runs[at]!, right, compare));
    }
    runs = merged;
  }
  return runs[0]!;
}

function* merge<Item>(
  left: readonly Item[],
  right: readonly Item[],
  compare: (a: Item, b: Item) => number,
): Sliced<Item[]> {
  const all: Item[] = [];
  let l = 0;
  let r = 0;
  while (l < left.length || r < right.length) {
    const takesLeft = r === right.length || (l < left.length && compare(left[l]!, right[r]!) <= 0);
    all.push(takesLeft ? left[l++]! : right[r++]!);
    if (all.length % (4 * RUN) === 0) yield;
  }
  return all;
}
