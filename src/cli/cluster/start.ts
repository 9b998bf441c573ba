/** The embedded cluster for programs and tests: what `muster cluster` serves, started by a call. */
import { SCHEDULER_NAME } from '../../core/names.ts';
import type { ClusterCommandOptions } from './options.ts';
import { type RunningCluster, runCluster } from './run.ts';

export type { RunningCluster } from './run.ts';

/**
 * Resolves when it serves on 127.0.0.1, with everything on that `muster cluster` has on. The caller stops it.
 * Throws what options, lists of nodes and saves are refused with, and EADDRINUSE.
 * @param write to the user, line by line; default: nowhere
 */
export function startCluster(
  options: Partial<ClusterCommandOptions> = {},
  write: (line: string) => void = () => {},
): Promise<RunningCluster> {
  const all = { port: 0, scheduler: true, kubelet: true, controllers: true, schedulerName: SCHEDULER_NAME };
  return runCluster({ ...all, service: new Map(), ...options }, write);
}
