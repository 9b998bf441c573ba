/**
 * `npm run bench:e2e -- [PART…] [options]`: pods per second of a real control plane, in turns: every mode once, then every mode again; and
 * what gangs cost there. One table at the end, progress on stderr. Exit status 1 when a target was missed.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { controlPlanePrograms } from '../../test/e2e/programs.ts';
import { COMMIT, MACHINE } from '../row.ts';
import { Cluster } from './cluster.ts';
import { drain } from './drain.ts';
import { startGangs, verdicts, waiting } from './gangs.ts';
import { MODES, type Mode } from './modes.ts';
import { modesOf, PARTS, type Part, shareOut } from './parts.ts';
import { type Row, rowAsJson, rowAsText, rowsOf, TABLE_HEAD, type Turn } from './report.ts';

const HELP = `npm run bench:e2e -- [PART…] [options]
${PARTS.map(({ name, says, sizes }) => `  ${name.padEnd(19)} ${says} (${sizes.join(' and ')} nodes)`).join('\n')}
  without a name: all of them
  --nodes 1000,5000   other cluster sizes
  --pods 3000         pods of a run; where all nodes are looked at for each of them, on large clusters a third
  --plain 0           per cent of them that want no GPU
  --turns 3           in each every mode runs once
  --only a,b          of the modes (an unknown name lists them)
  --waiting 10000     members of gangs that wait
  --minutes 29        no turn begins that would end later; each size gets at least one
  --json              one object a line
  --profile           CPU profiles of the extender, into profiles/
The control plane: MUSTER_CONTROL_PLANE=<dir>, or built with Go as npm run test:e2e does.
`;
/** cluster size from which slow modes get a part of the pods */
const LARGE = 2_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    nodes: { type: 'string' },
    pods: { type: 'string', default: '3000' },
    plain: { type: 'string', default: '0' },
    turns: { type: 'string' },
    only: { type: 'string' },
    waiting: { type: 'string', default: '10000' },
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

type Extent = {
  readonly pods: number;
  readonly plainPercent: number;
  readonly waiting: number;
  readonly wanted: readonly string[] | null;
  readonly profileInto: string | null;
  /** minutes since the start */
  readonly elapsed: () => number;
};

async function main(): Promise<number> {
  const begun = performance.now();
  const refuse = (problem: string): number => {
    process.stderr.write(`${problem}\n${HELP}`);
    return 2;
  };
  const [pods, minutes, plainPercent] = [Number(values.pods), Number(values.minutes), Number(values.plain)];
  const sizes = values.nodes?.split(',').map(Number);
  const turns = values.turns === undefined ? undefined : Number(values.turns);
  const members = Number(values.waiting);
  if (!(plainPercent >= 0 && plainPercent <= 100)) return refuse('--plain takes a number from 0 to 100');
  if ([...(sizes ?? []), pods, members, turns ?? 1].some((number) => !Number.isInteger(number) || number < 1))
    return refuse('--nodes, --pods, --waiting and --turns take whole numbers from 1 on');
  if (!(minutes > 0)) return refuse('--minutes takes a number above 0');
  const strange = positionals.filter((name) => PARTS.every((part) => part.name !== name));
  if (strange.length > 0) return refuse(`no part named ${strange.join(', ')}`);
  const wanted = values.only?.split(',') ?? null;
  const unknown = wanted?.filter((name) => MODES.every((mode) => mode.name !== name)) ?? [];
  if (unknown.length > 0) {
    const known = MODES.map(({ name, says }) => `  ${name.padEnd(18)} ${says}`).join('\n');
    process.stderr.write(`no mode named ${unknown.join(', ')}; there are\n${known}\n`);
    return 2;
  }
  const found = await controlPlanePrograms();
  if ('problem' in found) {
    process.stderr.write(`bench:e2e: no control plane to measure: ${found.problem}\n`);
    return 1;
  }
  process.env.MUSTER_CONTROL_PLANE = found.directory;
  const profileInto = values.profile ? join(process.cwd(), 'profiles') : null;
  if (profileInto !== null && !existsSync(profileInto)) mkdirSync(profileInto);
  const parts = partsFor(positionals, wanted).map((part) => ({
    ...part,
    sizes: sizes ?? part.sizes,
    turns: turns ?? part.turns,
  }));
  const elapsed = (): number => (performance.now() - begun) / 60_000;
  const extent = { pods, plainPercent, waiting: members, wanted, profileInto, elapsed };
  const until = shareOut(parts, minutes);
  const rows: Row[] = [];
  for (const [at, part] of parts.entries())
    for (const [which, size] of part.sizes.entries()) {
      const say = (line: string): void => {
        process.stderr.write(`${elapsed().toFixed(1).padStart(5)} min  ${part.name}, ${size} nodes: ${line}\n`);
      };
      const cluster = await Cluster.start(size, say);
      try {
        const run = part.modes.length > 0 ? modesOn : gangsOn;
        rows.push(...(await run(cluster, part, extent, until[at]![which]!, say)));
      } finally {
        await cluster.stop();
      }
    }
  return show(rows, found.directory, elapsed());
}

/** Modes that are named run in the part that they are in, or wherever no part is named. */
function partsFor(named: readonly string[], wanted: readonly string[] | null): readonly Part[] {
  if (named.length > 0) return PARTS.filter(({ name }) => named.includes(name));
  if (wanted === null) return PARTS;
  const all = wanted.every((mode) => mode.startsWith('pipeline')) ? 'pipeline' : 'nominated';
  return PARTS.filter(({ name }) => name === all);
}

type Say = (line: string) => void;

async function modesOn(cluster: Cluster, part: Part, extent: Extent, until: number, say: Say): Promise<Row[]> {
  const { pods, plainPercent, wanted, profileInto, elapsed } = extent;
  const size = cluster.nodes.length;
  const all = new Map<string, Turn[]>();
  const modes = new Set<Mode>();
  let longest = 0;
  for (let turn = 1; turn <= part.turns; turn++) {
    if (turn > 1 && elapsed() + longest > until) {
      say(`turns ${turn} to ${part.turns} left out: the time would not be enough`);
      break;
    }
    const began = elapsed();
    for (const mode of modesOf(part, turn, wanted)) {
      modes.add(mode);
      const drained = await drain(cluster, mode, {
        pods: mode.slow && size >= LARGE ? Math.ceil(pods / 3) : pods,
        plainPercent,
        run: `r${turn}-${mode.name}`,
        profileInto,
      });
      all.set(mode.name, [...(all.get(mode.name) ?? []), { turn, drained }]);
      say(`turn ${turn} of ${part.turns}, ${mode.name}: ${drained.podsPerSecond.toFixed(1)} pods/s`);
    }
    longest = Math.max(longest, elapsed() - began);
  }
  return rowsOf(size, [...modes], all);
}

async function gangsOn(cluster: Cluster, part: Part, extent: Extent, _: number, say: Say): Promise<Row[]> {
  const { pods, waiting: members, profileInto } = extent;
  const gangs = { turns: part.turns, large: 512, small: pods, waiting: members, profileInto, say };
  if (part.name === 'waiting') return await waiting(cluster, gangs);
  const rows = await verdicts(cluster, gangs);
  return cluster.nodes.length >= LARGE ? rows : [...rows, ...(await startGangs(cluster, gangs))];
}

function show(rows: readonly Row[], programs: string, minutes: number): number {
  if (values.json) for (const row of rows) process.stdout.write(`${rowAsJson(row)}\n`);
  else {
    process.stdout.write(`${MACHINE}, ${versionOf(programs)}, commit ${COMMIT}, ${minutes.toFixed(0)} minutes\n\n`);
    process.stdout.write(TABLE_HEAD);
    for (const row of rows) process.stdout.write(`${rowAsText(row)}\n`);
  }
  const missed = rows.filter(({ met }) => met === false).map(({ name }) => name);
  if (missed.length > 0) process.stderr.write(`missed: ${missed.join('; ')}\n`);
  return missed.length > 0 ? 1 : 0;
}

/** `Kubernetes v1.37.2, etcd 3.6.14` */
function versionOf(programs: string): string {
  const first = (program: string): string =>
    execFileSync(join(programs, program), ['--version'], { encoding: 'utf8' }).split('\n', 1)[0]!;
  return `${first('kube-scheduler')}, ${first('etcd').replace(' Version:', '')}`;
}
