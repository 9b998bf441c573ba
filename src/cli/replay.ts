/** The command `muster replay`. What it runs is loaded only then, as with the extender. */
import { Command, type CommanderError, Option } from 'commander';
import { DEVICE_POLICIES, NODE_POLICIES } from '../core/gpu/request.ts';
import { ExtenderError } from '../extender/errors.ts';
import { outputOption } from './asking.ts';
import type { ReplayOptions } from './replay-run.ts';

const HELP = `
A recording of this very build must replay to the last byte: the first difference is shown with both answers, the pod and the
nodes, and is a bug. Of another build, with another policy, or with --diff, every decision that changed is listed instead; what
happened afterwards stays as it was recorded.

Exit status: 0 the same, 1 different, 2 the file cannot be read, or the command is not understood.

Examples:
  $ muster replay muster-recording.ndjson.gz
  $ muster replay muster-recording.ndjson.gz --policy spread
  $ muster replay muster-recording.ndjson.gz --diff -o json | jq .changed

An extender records while its configuration has \`record: {}\`. To fetch it (from the extender's own machine only):
  $ curl -sfo muster-recording.ndjson.gz 127.0.0.1:8888/debug/recording
`;

/** A command that is not understood must not look like a replay that differs. */
export function endOfMisuse(error: CommanderError): never {
  process.exit(error.exitCode === 0 ? 0 : 2);
}

export function replayCommand(): Command {
  return new Command('replay')
    .description('feed a recording of an extender to this build: the same answers, or the first that differs')
    .argument('<file>', 'recording; .gz and .zst are unpacked')
    .addOption(new Option('--policy <name>', 'node policy to try instead of the recorded one').choices(NODE_POLICIES))
    .addOption(new Option('--device-policy <name>', 'device policy to try').choices(DEVICE_POLICIES))
    .option('--diff', 'list every decision that changed instead of the first difference', false)
    .addOption(outputOption())
    .addHelpText('after', HELP)
    .action(async (path: string, options: ReplayOptions) => {
      const { runReplay } = await import('./replay-run.ts');
      try {
        process.exitCode = await runReplay(path, options);
      } catch (error) {
        if (!(error instanceof ExtenderError) || error.code !== 'recording') throw error;
        process.stderr.write(`muster: ${error.message}\n`);
        process.exitCode = 2;
      }
    });
}
