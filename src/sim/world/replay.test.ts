/** Every life of every extender on a bad day is recorded, in a ring so small that it drops, and replays to the last byte. */
import { describe, expect, it } from 'vitest';
import type { Line } from '../../extender/record/format.ts';
import { Recorder } from '../../extender/record/recorder.ts';
import { type Difference, Replay } from '../../extender/record/replay.ts';
import { runWorld } from './world.ts';

async function recorded(seed: number, maxMib: number): Promise<string[][]> {
  const recorders: Recorder[] = [];
  await runWorld({
    seed,
    record: (config, clock) => {
      const recorder = new Recorder({ clock, config, maxMib, version: 'test' });
      recorders.push(recorder);
      return recorder;
    },
  });
  return recorders.map((recorder) => recorder.lines());
}

async function replayed(
  lines: readonly string[],
  over: object = {},
): Promise<{ decisions: number; difference: Difference | null; seats: boolean }> {
  const [header, ...rest] = lines.map((line) => JSON.parse(line) as Line);
  const { config } = header as unknown as { config: ConstructorParameters<typeof Replay>[0] };
  const replay = new Replay({ ...config, ...over }, true);
  let difference: Difference | null = null;
  for (const line of rest) if (!('end' in line)) difference ??= await replay.feed(line);
  return { decisions: replay.decisions, difference, seats: rest.some((line) => 'seats' in line) };
}

/** 24: the placer patches a pod that is being bound. 55: a bind is asked for again under way, and its pod was made anew under that name. */
const DAYS = [...Array.from({ length: 20 }, (_, at) => at + 1), 24, 55];

describe('a recording of a bad day', () => {
  it.each([
    ['whole', 64],
    ['of which the ring dropped the beginning', 0.15],
  ])(
    '%s replays bit for bit',
    async (_, maxMib) => {
      let decisions = 0;
      let begun = 0;
      for (const seed of DAYS) {
        for (const lines of await recorded(seed, maxMib)) {
          const result = await replayed(lines);
          expect(result.difference, `seed ${seed}`).toBeNull();
          decisions += result.decisions;
          if (result.seats) begun++;
        }
      }
      expect(decisions).toBeGreaterThan(maxMib < 1 ? 300 : 1000);
      if (maxMib < 1) expect(begun).toBeGreaterThan(10);
    },
    60_000,
  );

  it('shows the first decision that another policy changes, and what pod and nodes looked like', async () => {
    const differences: Difference[] = [];
    for (let seed = 1; seed <= 5; seed++)
      for (const lines of await recorded(seed, 64))
        for (const nodePolicy of ['pack', 'spread']) {
          const { difference } = await replayed(lines, { nodePolicy });
          if (difference !== null) differences.push(difference);
        }
    expect(differences.length).toBeGreaterThan(0);
    const [first] = differences;
    expect(first!.recorded).not.toBe(first!.replayed);
    expect(first!.nodes.length).toBeGreaterThan(0);
    expect(first!.pod).toMatch(/^.+\/.+$/);
  }, 60_000);
});
