/** What `muster replay FILE` does: feeds what an extender recorded to this build, and tells whether it answers the same. */
import type { DevicePolicy, NodePolicy } from '../core/gpu/request.ts';
import { buildHash } from '../extender/record/build.ts';
import { RecordingFile } from '../extender/record/file.ts';
import type { Header } from '../extender/record/format.ts';
import { type Difference, Replay } from '../extender/record/replay.ts';
import { differenceText, shortText } from './replay-text.ts';

/** lines between two looks at the clock */
const LINES_PER_LOOK = 1_000;
const PROGRESS_MS = 500;
/** differences kept for the answer; the others are counted */
const MOST_KEPT = 10_000;

export type ReplayOptions = {
  policy?: NodePolicy;
  devicePolicy?: DevicePolicy;
  diff: boolean;
  output: 'text' | 'json';
};
type Mode = { readonly strict: boolean; readonly why: string };
type Result = {
  readonly decisions: number;
  readonly lines: number;
  readonly count: number;
  readonly changed: readonly Difference[];
};

/** Returns the exit status. Throws ExtenderError('recording') for a file that cannot be read. */
export async function runReplay(path: string, options: ReplayOptions): Promise<number> {
  const file = await RecordingFile.open(path);
  const mode = modeOf(file.header, options);
  const started = performance.now();
  const result = await run(file, options, mode.strict);
  const seconds = (performance.now() - started) / 1000;
  if (options.output === 'json') {
    const { header } = file;
    const { count, ...rest } = result;
    process.stdout.write(
      `${JSON.stringify({ header, build: buildHash(), strict: mode.strict, same: count === 0, count, ...rest }, null, 2)}\n`,
    );
  } else process.stdout.write(text(file.header, mode, result, seconds));
  return result.count === 0 ? 0 : 1;
}

function modeOf({ version, build }: Header, { policy, devicePolicy, diff }: ReplayOptions): Mode {
  if (policy !== undefined || devicePolicy !== undefined) {
    const tried = [policy, devicePolicy].filter((name) => name !== undefined).join(' and ');
    return { strict: false, why: `tried with ${tried} instead: decisions that change are listed` };
  }
  if (build === '' || build !== buildHash())
    return {
      strict: false,
      why: `recorded by another build (Muster ${version}, ${build || 'unknown'}; this one is ${buildHash()}): decisions that change are listed`,
    };
  return diff
    ? { strict: false, why: 'decisions that change are listed' }
    : { strict: true, why: 'recorded by this build: every answer must be the same to the last byte' };
}

async function run(file: RecordingFile, options: ReplayOptions, strict: boolean): Promise<Result> {
  const { config } = file.header;
  const replay = new Replay(
    {
      ...config,
      ...(options.policy !== undefined && { nodePolicy: options.policy }),
      ...(options.devicePolicy !== undefined && { devicePolicy: options.devicePolicy }),
    },
    strict,
  );
  const changed: Difference[] = [];
  let count = 0;
  const progress = progressLine();
  for await (const line of file.entries()) {
    // the rest of a file is read all the same: a difference in a damaged one says nothing
    if (strict && count > 0) continue;
    const difference = await replay.feed(line);
    if (replay.lines % LINES_PER_LOOK === 0) progress.show(replay.lines, replay.decisions);
    if (difference === null) continue;
    count++;
    if (changed.length < MOST_KEPT) changed.push(difference);
  }
  progress.clear();
  return { decisions: replay.decisions, lines: replay.lines, count, changed };
}

function text(header: Header, mode: Mode, { decisions, lines, count, changed }: Result, seconds: number): string {
  const about = `${header.started} to ${header.written}, Muster ${header.version}; ${mode.why}`;
  const amount = `${decisions} decisions in ${lines} lines, ${seconds.toFixed(1)} s`;
  if (count === 0) return `${about}\n${amount}: the same\n`;
  if (mode.strict) return `${about}\n${differenceText(changed[0]!)}${amount}: different\n`;
  const more = count > changed.length ? `… and ${count - changed.length} more\n` : '';
  return `${about}\n${changed.map(shortText).join('')}${more}${amount}: ${count} changed\n`;
}

/** On a terminal only, and at most twice a second. */
function progressLine(): { show(lines: number, decisions: number): void; clear(): void } {
  if (!process.stderr.isTTY) return { show: () => {}, clear: () => {} };
  let at = performance.now();
  return {
    show(lines, decisions) {
      if (performance.now() - at < PROGRESS_MS) return;
      at = performance.now();
      process.stderr.write(`\r${lines} lines, ${decisions} decisions`);
    },
    clear: () => void process.stderr.write('\r\u001b[K'),
  };
}
