import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { BUGS } from '../sim/world/bugs.ts';
import { FAULT_KINDS } from '../sim/world/faults.ts';
import { LEAST } from '../sim/world/world.ts';
import { foundIn } from './sim/proof.ts';
import { simCommand } from './sim.ts';

async function said(...args: string[]): Promise<{ lines: string[]; status: number }> {
  const lines: string[] = [];
  const command = simCommand({ write: (line) => lines.push(line), progress: () => {} }).exitOverride();
  await command.parseAsync(args, { from: 'user' });
  const status = Number(process.exitCode ?? 0);
  process.exitCode = 0;
  return { lines, status };
}

/** The words of a command line as a shell would split it. */
const words = (line: string): string[] =>
  [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain!);

const FAILS = ['--seed', '1', '--bug', 'hold-dropped-at-bind'] as const;

describe('muster sim', () => {
  it('ends its JSON with one summary: seeds, failures, steps, faults by kind, checks by invariant', async () => {
    const { lines, status } = await said('--seeds', '1-3', '--json');
    expect(status).toBe(0);
    expect(lines).toHaveLength(1);
    const summary = JSON.parse(lines[0]!) as {
      faults: Record<string, number>;
      checks: Record<string, number>;
      size: Record<keyof typeof LEAST, { least: number; mean: number }>;
    };
    expect(summary).toMatchObject({ seeds: 3, failures: 0 });
    expect(Object.keys(summary.faults).every((kind) => (FAULT_KINDS as readonly string[]).includes(kind))).toBe(true);
    expect(summary.checks['too-small']).toBe(3);
    for (const [what, promised] of Object.entries(LEAST)) {
      const { least, mean } = summary.size[what as keyof typeof LEAST];
      expect(least, what).toBeGreaterThanOrEqual(promised);
      expect(mean, what).toBeGreaterThanOrEqual(least);
    }
  });

  it('says of a failure how it was shrunk, and the one command that replays it to the same step', {
    timeout: 60_000,
  }, async () => {
    const { lines, status } = await said(...FAILS, '--json');
    expect(status).toBe(1);
    expect(lines).toHaveLength(2);
    const failure = JSON.parse(lines[0]!) as {
      step: number;
      replay: string;
      faults: string[];
      whole: { faults: number };
    };
    expect(failure.faults.length).toBeLessThan(failure.whole.faults);
    const [npm, run, sim, dashes, ...args] = words(failure.replay);
    expect([npm, run, sim, dashes]).toEqual(['npm', 'run', 'sim', '--']);
    const again = await said(...args.filter((word) => word !== '--trace'), '--json');
    expect(JSON.parse(again.lines[0]!)).toMatchObject({ step: failure.step, faults: failure.faults });
  });

  it('says the same on several threads as on one, in order of the seeds', { timeout: 60_000 }, async () => {
    const args = ['--seeds', '1-4', '--bug', 'hold-dropped-at-bind', '--no-shrink', '--json'];
    const [one, two] = [await said(...args), await said(...args, '--jobs', '2')];
    expect(two.lines.slice(0, -1)).toEqual(one.lines.slice(0, -1));
    const sums = [one, two].map(({ lines }) => {
      const {
        cpuSeconds: _cpu,
        seedsPerCpuSecond: _rate,
        ...sum
      } = JSON.parse(lines.at(-1)!) as Record<string, unknown>;
      return sum;
    });
    expect(sums[1]).toEqual(sums[0]);
  });

  it('lets a fault happen as often as it is told', { timeout: 60_000 }, async () => {
    const faults = async (...args: string[]): Promise<Record<string, number>> =>
      (
        JSON.parse((await said('--seeds', '1-2', '--json', ...args)).lines.at(-1)!) as {
          faults: Record<string, number>;
        }
      ).faults;
    const none = FAULT_KINDS.flatMap((kind) => ['--fault', `${kind}=0`]);
    expect(await faults(...none)).toEqual({});
    expect(Object.keys(await faults(...none, '--fault', 'verb-cut=0.2'))).toEqual(['verb-cut']);
  });

  it('refuses faults, bugs and ranges that do not exist', async () => {
    for (const args of [
      ['--fault', 'rain=1'],
      ['--fault', 'outage'],
      ['--bug', 'none'],
      ['--seeds', '5-3'],
    ])
      await expect(said(...args)).rejects.toThrow();
  });

  it('lists every fault and every known bug', () => {
    let help = '';
    const command = simCommand().configureOutput({ writeOut: (text) => (help += text) });
    command.outputHelp();
    for (const name of [...FAULT_KINDS, ...Object.keys(BUGS)]) expect(help).toContain(`  ${name}`);
  });
});

describe('the table of docs/simulation.md', () => {
  const document = readFileSync(fileURLToPath(new URL('../../docs/simulation.md', import.meta.url)), 'utf8');
  const table = foundIn(document);

  it('has every known bug, found within 500 seeds', () => {
    expect(table.map(({ bug }) => bug)).toEqual(Object.keys(BUGS));
    expect(table.every(({ seed }) => seed <= 500)).toBe(true);
  });

  it.each(table)(
    '$bug is found by seed $seed, as $invariant',
    { timeout: 60_000 },
    async ({ bug, seed, invariant }) => {
      expect(BUGS[bug]!.breaks).toContain(invariant);
      // another model or another rate is another day: `npm run sim -- --seeds 1-500 --proof` prints the table anew
      const { lines } = await said('--seed', String(seed), '--bug', bug, '--no-shrink', '--json');
      expect(JSON.parse(lines[0]!)).toMatchObject({ seed, invariant });
    },
  );

  it('names every invariant that is looked at', async () => {
    const { INVARIANTS } = await import('../sim/world/oracle/law.ts');
    for (const invariant of INVARIANTS) expect(document).toContain(`\`${invariant}\``);
  });
});
