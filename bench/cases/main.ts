/**
 * Other schedulers’ own cases, run through our code: `npm run cases -- DIR [--json]`.
 * Prints every case that did not end `same`, then the counts of each folder; with `--json` one object a line, the counts last.
 * Exit status 1 when a case fails.
 */
import { program } from 'commander';
import { DESIGN_RULES, LATER_PARTS } from './rules.ts';
import { type Ended, type Report, runDirectory } from './run.ts';
import { RESULTS, type Tally, type Verdict } from './verdict.ts';

function reasonOf(verdict: Verdict): string {
  switch (verdict.result) {
    case 'same':
      return '';
    case 'equivalent':
    case 'fails':
      return verdict.why;
    case 'byDesign':
      return [DESIGN_RULES[verdict.rule], verdict.detail].filter(Boolean).join(' · ');
    case 'notYet':
      return [LATER_PARTS[verdict.part], verdict.detail].filter(Boolean).join(' · ');
  }
}

const counts = (tally: Tally): string =>
  RESULTS.map((result) => `${result} ${String(tally[result]).padStart(3)}`).join('  ');
const line = ({ folder, file, name, verdict }: Ended): string =>
  `${verdict.result.padEnd(10)} ${folder}/${file} | ${name}\n           ${reasonOf(verdict)}`;

/** A directory that cannot be read is said in one line. */
function read(directory: string): Report {
  try {
    return runDirectory(directory);
  } catch (error) {
    return program.error(`cases: ${(error as Error).message}`, { exitCode: 2 });
  }
}

program
  .name('cases')
  .argument('<dir>', 'a directory with one folder of case files per project')
  .option('--json', 'one JSON object a line: every case, every folder, the total last')
  .parse();
const [directory] = program.args;
const { json } = program.opts<{ json?: boolean }>();
const report = read(directory!);
if (json) {
  for (const { folder, file, name, verdict } of report.cases) {
    console.log(JSON.stringify({ folder, file, name, ...verdict, reason: reasonOf(verdict) }));
  }
  for (const [folder, tally] of report.folders) console.log(JSON.stringify({ folder, ...tally }));
  console.log(JSON.stringify(report.total));
} else {
  for (const ended of report.cases) if (ended.verdict.result !== 'same') console.log(line(ended));
  console.log();
  for (const [folder, tally] of report.folders) console.log(`${folder.padEnd(14)} ${counts(tally)}`);
  console.log(`${'all'.padEnd(14)} ${counts(report.total)}`);
}
process.exitCode = report.total.fails > 0 ? 1 : 0;
