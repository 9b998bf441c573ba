/** CPU that processes used so far: on a machine shared with others it says more than the wall clock. Linux only; elsewhere NaN. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const ticksPerSecond = (): number => {
  try {
    return Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
  } catch {
    return Number.NaN;
  }
};
const TICK_MS = 1000 / ticksPerSecond();

/** ms of user and system time of all threads of a process; NaN where it cannot be told */
export function cpuMs(pid: number): number {
  try {
    // the name in the second field may hold spaces
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ');
    return TICK_MS * (Number(fields[11]) + Number(fields[12]));
  } catch {
    return Number.NaN;
  }
}
