#!/usr/bin/env node
/** The command `muster`. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { ExtenderError } from '../extender/errors.ts';
import { ConnectError } from '../kube/errors.ts';
import { startDemoExtender } from './demo/extender-process.ts';
import { demoCommand } from './demo.ts';
import { extenderCommand } from './extender.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const program = new Command('muster')
  .description('GPU fractions and gangs on the stock kube-scheduler')
  .version(version)
  .showHelpAfterError('(muster --help, or muster <command> --help, shows what there is)')
  .addCommand(extenderCommand(version))
  .addCommand(demoCommand(startDemoExtender));

try {
  await program.parseAsync();
} catch (error) {
  // what the user can mend is one text; anything else is ours and shows where
  const mendable = error instanceof ExtenderError || error instanceof ConnectError;
  process.stderr.write(
    `muster: ${mendable || !(error instanceof Error) ? String((error as Error).message ?? error) : error.stack}\n`,
  );
  process.exitCode = 1;
}
