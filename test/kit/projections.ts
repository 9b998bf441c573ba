/** Projections that a decode thread loads by name in tests. */
type Metadata = { metadata: { name: string; labels?: Record<string, string> } };
export type SmallPod = { name: string; app: string };

export function smallPod(object: unknown): SmallPod | null {
  const { name, labels } = (object as Metadata).metadata;
  return name.startsWith('odd') ? null : { name, app: labels?.app ?? '' };
}

/** kills the thread at objects named `poison` */
export function smallPodOrDeath(object: unknown): SmallPod | null {
  if ((object as Metadata).metadata.name === 'poison') process.exit(3);
  return smallPod(object);
}

export function alwaysThrows(): never {
  throw new Error('no object is good enough');
}
