/** The command `muster` and its subcommands. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { benchCommand } from './bench.ts';
import { clusterCommand } from './cluster.ts';
import { demoCommand } from './demo.ts';
import { failureText } from './errors.ts';
import { extenderCommand } from './extender.ts';
import { endOfMisuse, replayCommand } from './replay.ts';
import { simCommand } from './sim.ts';
import { whyCommand } from './why.ts';

/** Sets the exit status of the process. */
export async function runProgram(): Promise<void> {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  const replay = replayCommand();
  const program = new Command('muster')
    .description('GPU fractions on the stock kube-scheduler')
    .version(version)
    .showHelpAfterError('(muster --help, or muster <command> --help, shows what there is)')
    .addCommand(demoCommand())
    .addCommand(clusterCommand())
    .addCommand(simCommand())
    .addCommand(extenderCommand(version))
    .addCommand(whyCommand())
    .addCommand(replay)
    .addCommand(benchCommand())
    .addCommand(
      new Command('version').description('versions of muster and Node.js, as bug reports need them').action(() => {
        process.stdout.write(
          `muster ${version}, Node.js ${process.versions.node}, ${process.platform} ${process.arch}\n`,
        );
      }),
    );
  for (const command of program.commands) command.copyInheritedSettings(program);
  replay.exitOverride(endOfMisuse);
  try {
    await program.parseAsync();
  } catch (error) {
    process.stderr.write(`muster: ${failureText(error)}\n`);
    process.exitCode = 1;
  }
}
