/**
 * `npm run bench:e2e -- [--nodes 1000,5000] [--pods 3000] [--plain 0] [--runs 3] [--only stock,extender] [--minutes 29] [--json] [--profile]`:
 * pods per second of a real control plane, in turns: every mode once, then every mode again. Exit status 1 when a target was missed.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { controlPlanePrograms } from '../../test/e2e/programs.ts';
import { COMMIT, MACHINE } from '../row.ts';
import { Cluster } from './cluster.ts';
import { type Drained, drain } from './drain.ts';
import { MODES, type Mode } from './modes.ts';
import { rowAsJson, rowAsText, rowsOf, TABLE_HEAD } from './report.ts';

const HELP = `npm run bench:e2e -- [options]
  --nodes 1000,5000   cluster sizes
  --pods 3000         pods that wait when kube-scheduler starts
  --plain 0           per cent of them that want no GPU
  --runs 3            turns; in each every mode runs once
  --only a,b          of the modes (an unknown name lists them)
  --minutes 29        no turn begins that would end later; each size gets at least one
  --json              one object a line
  --profile           CPU profiles of the extender, into profiles/
The control plane: MUSTER_CONTROL_PLANE=<dir>, or built with Go as npm run test:e2e does.
`;

const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '1000,5000' },
    pods: { type: 'string', default: '3000' },
    plain: { type: 'string', default: '0' },
    runs: { type: 'string', default: '3' },
    only: { type: 'string' },
    minutes: { type: 'string', default: '29' },
    json: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
// what was started ends with us (test/e2e/harness/process.ts), but only where we end by ourselves
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
if (values.help) process.stdout.write(HELP);
else process.exitCode = await main();

async function main(): Promise<number> {
  const sizes = values.nodes.split(',').map(Number);
  const [pods, turns, minutes] = [Number(values.pods), Number(values.runs), Number(values.minutes)];
  const plainPercent = Number(values.plain);
  if (!(plainPercent >= 0 && plainPercent <= 100)) {
    process.stderr.write(`--plain takes a number from 0 to 100\n${HELP}`);
    return 2;
  }
  if ([...sizes, pods, turns].some((number) => !Number.isInteger(number) || number < 1) || !(minutes > 0)) {
    process.stderr.write(`--nodes, --pods, --runs and --minutes take numbers from 1 on\n${HELP}`);
    return 2;
  }
  const found = await controlPlanePrograms();
  if ('problem' in found) {
    process.stderr.write(`bench:e2e: no control plane to measure: ${found.problem}\n`);
    return 1;
  }
  process.env.MUSTER_CONTROL_PLANE = found.directory;
  const wanted = values.only?.split(',') ?? MODES.filter(({ usual }) => usual).map(({ name }) => name);
  const unknown = wanted.filter((name) => MODES.every((mode) => mode.name !== name));
  if (unknown.length > 0) {
    const known = MODES.map(({ name, says }) => `  ${name.padEnd(18)} ${says}`).join('\n');
    process.stderr.write(`no mode named ${unknown.join(', ')}; there are\n${known}\n`);
    return 2;
  }
  const modes = MODES.filter(({ name }) => wanted.includes(name));
  return await measure(modes, sizes, { pods, plainPercent, turns, minutes });
}

type Extent = {
  readonly pods: number;
  readonly plainPercent: number;
  readonly turns: number;
  readonly minutes: number;
};

async function measure(
  modes: readonly Mode[],
  sizes: readonly number[],
  { pods, plainPercent, turns, minutes }: Extent,
): Promise<number> {
  const begun = performance.now();
  const elapsed = (): number => (performance.now() - begun) / 60_000;
  const profiles = values.profile ? join(process.cwd(), 'profiles') : null;
  if (profiles !== null && !existsSync(profiles)) mkdirSync(profiles);
  const missed: string[] = [];
  const shares = shareOut(sizes, minutes);
  for (const [at, size] of sizes.entries()) {
    const say = (line: string): void => {
      process.stderr.write(`${elapsed().toFixed(1).padStart(5)} min  ${size} nodes: ${line}\n`);
    };
    const drained = new Map<string, Drained[]>();
    const cluster = await Cluster.start(size, say);
    let longest = 0;
    try {
      for (let turn = 1; turn <= turns; turn++) {
        if (turn > 1 && elapsed() + longest > shares[at]!) {
          say(`turn ${turn} of ${turns} left out: ${minutes} minutes in all would not be enough`);
          break;
        }
        const turnBegan = elapsed();
        for (const mode of modes) {
          const result = await drain(cluster, mode, {
            pods,
            plainPercent,
            run: `r${turn}-${mode.name}`,
            profileInto: profiles,
          });
          drained.set(mode.name, [...(drained.get(mode.name) ?? []), result]);
          say(`turn ${turn} of ${turns}, ${mode.name}: ${result.podsPerSecond.toFixed(1)} pods/s`);
        }
        longest = Math.max(longest, elapsed() - turnBegan);
      }
    } finally {
      await cluster.stop();
    }
    const rows = rowsOf(size, modes, drained);
    if (!values.json && at === 0) process.stdout.write(`${MACHINE}, commit ${COMMIT}\n\n${TABLE_HEAD}`);
    for (const row of rows) process.stdout.write(`${values.json ? rowAsJson(row) : rowAsText(row)}\n`);
    missed.push(...rows.filter(({ met }) => met === false).map(({ name }) => name));
  }
  if (missed.length > 0) process.stderr.write(`missed: ${missed.join('; ')}\n`);
  return missed.length > 0 ? 1 : 0;
}

/** Until which minute each size may go on: large clusters take longer, roughly as the square root of their size. */
function shareOut(sizes: readonly number[], minutes: number): number[] {
  const total = sizes.reduce((sum, size) => sum + Math.sqrt(size), 0);
  let until = 0;
  return sizes.map((size) => {
    until += (minutes * Math.sqrt(size)) / total;
    return until;
  });
}
