/** Compares a fresh list with what a sink was told. Pure. */

export type Difference = {
  /** namespace/name */
  readonly object: string;
  readonly kind: 'missing' | 'surplus' | 'stale';
  /** `uid@resourceVersion`; null where there is none */
  readonly listed: string | null;
  readonly delivered: string | null;
};

/** `uid@resourceVersion` per namespace/name */
type States = ReadonlyMap<string, string>;

/**
 * `before` was delivered when the list began, `now` some time after it ended. What changed in between is not judged: the watch
 * is at work there.
 */
export function differences(before: States, listed: States, now: States): Difference[] {
  const found: Difference[] = [];
  for (const object of new Set([...before.keys(), ...listed.keys()])) {
    const delivered = now.get(object);
    const expected = listed.get(object);
    if (delivered === expected || delivered !== before.get(object)) continue;
    found.push({
      object,
      kind: delivered === undefined ? 'missing' : expected === undefined ? 'surplus' : 'stale',
      listed: expected ?? null,
      delivered: delivered ?? null,
    });
  }
  return found;
}
