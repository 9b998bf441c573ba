/**
 * The arithmetic of a rolling update: how large the new and the old ReplicaSets may be next. Never more than desired + maxSurge
 * pods wanted in all; never fewer than desired − maxUnavailable available by our doing.
 */
export type SetState = { readonly name: string; readonly replicas: number; readonly available: number };

export type Rolling = {
  readonly desired: number;
  readonly maxSurge: number;
  readonly maxUnavailable: number;
  readonly current: SetState;
  readonly old: readonly SetState[];
};

export function moves({ desired, maxSurge, maxUnavailable, current, old }: Rolling): {
  current: number;
  old: ReadonlyMap<string, number>;
} {
  const oldTotal = old.reduce((sum, one) => sum + one.replicas, 0);
  const room = desired + maxSurge - oldTotal - current.replicas;
  const next = current.replicas > desired ? desired : Math.min(desired, current.replicas + Math.max(0, room));
  const sizes = new Map(old.map((one) => [one.name, one.replicas]));
  const least = desired - maxUnavailable;
  const newUnavailable = next - Math.min(next, current.available);
  let mayGo = oldTotal + next - least - newUnavailable;
  // what is not available anyway goes first
  for (const one of old) {
    const broken = Math.min(one.replicas - Math.min(one.available, one.replicas), Math.max(0, mayGo));
    sizes.set(one.name, one.replicas - broken);
    mayGo -= broken;
  }
  const available = old.reduce((sum, one) => sum + one.available, 0) + Math.min(next, current.available);
  let spare = available - least;
  for (const one of old) {
    const size = sizes.get(one.name) ?? 0;
    const goes = Math.min(size, Math.max(0, spare), Math.max(0, mayGo));
    sizes.set(one.name, size - goes);
    spare -= goes;
    mayGo -= goes;
  }
  return { current: next, old: sizes };
}
