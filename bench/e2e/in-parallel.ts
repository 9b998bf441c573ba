/** A bounded number of calls side by side, in order of what they are about. */

/** calls under way */
const PARALLEL = 32;

export async function inParallel<T, R>(all: readonly T[], work: (one: T, at: number) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let at = next++; at < all.length; at = next++) results[at] = await work(all[at]!, at);
  };
  await Promise.all(Array.from({ length: Math.min(PARALLEL, all.length) }, worker));
  return results;
}
