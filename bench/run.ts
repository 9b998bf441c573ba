/**
 * `npm run bench -- [NAME…] [--json] [--profile]`: all benchmarks, or those named. Ends in under ten minutes. Every number is
 * measured in a process of its own with the load on another core; ratios are to a bare node:http echo in the same run.
 * Exit status 1 when a target was missed.
 */
import { Argument, program } from 'commander';
import { bind } from './bind.ts';
import { profileInto } from './child.ts';
import { filterAt, filterNominated, fullNodes, prioritize } from './filter.ts';
import { fit } from './fit.ts';
import { gangPlan } from './gang-plan.ts';
import { gangVictims } from './gang-victims.ts';
import { gangWaiting } from './gang-waiting.ts';
import { growth } from './growth.ts';
import { memory } from './memory.ts';
import { partsAt } from './parts.ts';
import { recordingAt } from './recording.ts';
import { COMMIT, MACHINE, type Measured, show, TABLE_HEAD } from './row.ts';
import { simApi } from './sim-api.ts';

const BENCHES: Readonly<Record<string, () => Promise<Measured[]>>> = {
  'filter-1000': filterAt(1_000, 0.7),
  'filter-5000': filterAt(5_000, 0.65),
  'filter-nominated': filterNominated,
  prioritize,
  'full-nodes': fullNodes,
  bind,
  growth,
  'gang-plan': gangPlan,
  'gang-victims': gangVictims,
  'gang-waiting': gangWaiting,
  memory,
  fit,
  'parts-1000': partsAt(1_000),
  'parts-5000': partsAt(5_000),
  'recording-5000': recordingAt(5_000),
  'sim-api': simApi,
};

const names = Object.keys(BENCHES);
program
  .name('bench')
  .description(
    'Speed, as ratios to a bare node:http echo in the same run. Ends in under ten minutes; exit status 1 when a target was missed.',
  )
  .addArgument(new Argument('[name...]', 'which to run, all if none is named').choices(names))
  .option('--json', 'one JSON object a line: name, value, unit, floor, ratio, target, machine, commit')
  .option('--profile', 'writes CPU profiles of the servers to profiles/')
  .parse();
const values = program.opts<{ json?: boolean; profile?: boolean }>();
if (values.profile) profileInto('profiles');
if (!values.json) process.stdout.write(`${MACHINE}, commit ${COMMIT}\n\n${TABLE_HEAD}`);
const missed: string[] = [];
for (const name of program.args.length > 0 ? program.args : names)
  missed.push(...show(await BENCHES[name]!(), values.json === true));
if (missed.length > 0) process.stderr.write(`missed: ${missed.join('; ')}\n`);
if (values.profile) process.stderr.write('CPU profiles of the servers are in profiles/\n');
process.exitCode = missed.length > 0 ? 1 : 0;
