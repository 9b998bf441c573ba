/** What decisions over all nodes cost. */
import type { TraceCluster } from './cluster.ts';
import { rounded } from './figures.ts';

export function timesOf(clusters: readonly TraceCluster[]): { text: string; figures: object } {
  const wall = clusters.flatMap((cluster) => cluster.wallNs).sort((a, b) => a - b);
  const cpuMs = clusters.reduce((sum, cluster) => sum + cluster.cpuUs, 0) / 1000 / wall.length;
  const wallAt = (part: number): number => wall[Math.floor(wall.length * part)]! / 1e6;
  return {
    text: `${cpuMs.toFixed(3)} ms CPU a decision (wall: half ${wallAt(0.5).toFixed(3)}, 99 % ${wallAt(0.99).toFixed(2)})`,
    figures: {
      decisionCpuMs: rounded(cpuMs),
      decisionP50Ms: rounded(wallAt(0.5)),
      decisionP99Ms: rounded(wallAt(0.99)),
      decisions: wall.length,
    },
  };
}
