import { describe, expect, it } from 'vitest';
import { Process, VirtualTime, WallClock } from './time.ts';

const ran = (): { log: string[]; time: VirtualTime; process: Process } => {
  const time = new VirtualTime();
  return { log: [], time, process: new Process('p', time, new WallClock()) };
};
const all = (time: VirtualTime): void => {
  while (time.next());
};

describe('virtual time', () => {
  it('runs in order of time, then of planning', () => {
    const { log, time } = ran();
    for (const [ms, name] of [
      [5, 'b'],
      [1, 'a'],
      [5, 'c'],
      [9, 'd'],
    ] as const)
      time.after(ms, () => log.push(`${name}${time.now}`));
    all(time);
    expect(log).toEqual(['a1', 'b5', 'c5', 'd9']);
  });

  it('a cancelled timer never runs, also when it waits for a paused process', () => {
    const { log, time, process } = ran();
    const timer = process.clock.after(5, () => log.push('never'));
    process.clock.after(6, () => log.push('late'));
    time.pause(process, 100);
    time.after(50, () => timer.cancel());
    all(time);
    expect(log).toEqual(['late']);
    expect(time.now).toBe(100);
  });

  it('a process that was paused twice finds everything in the order in which it came', () => {
    const { log, time, process } = ran();
    for (const ms of [5, 15, 25]) process.clock.after(ms, () => log.push(`${ms}`));
    time.pause(process, 20);
    time.after(10, () => time.pause(process, 40));
    time.after(12, () => time.pause(process, 30));
    all(time);
    expect(log).toEqual(['5', '15', '25']);
    expect(time.now).toBe(40);
  });

  it('a killed process runs nothing any more and its connections hear of it', () => {
    const { log, time, process } = ran();
    process.clock.after(5, () => log.push('never'));
    process.onEnd(() => log.push('broken'));
    process.kill();
    process.kill();
    all(time);
    expect(log).toEqual(['broken']);
  });

  it('the wall clock of a machine can be wrong, the monotonic one not', () => {
    const time = new VirtualTime();
    const wall = new WallClock();
    const { clock } = new Process('p', time, wall);
    const before = clock.now();
    wall.offsetMs = -4_000;
    expect(clock.now() - before).toBe(-4_000);
    expect(clock.monotonic()).toBe(0);
  });
});
