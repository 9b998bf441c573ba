/** The command `muster demo`. What it runs is loaded only then. */
import { Command, InvalidArgumentError } from 'commander';
import { DEFAULTS } from './demo/options.ts';

function number(least: number, most: number, whole: boolean): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !(value >= least && value <= most) || (whole && !Number.isInteger(value))) {
      throw new InvalidArgumentError(`expected a ${whole ? 'whole ' : ''}number from ${least} to ${most}.`);
    }
    return value;
  };
}

export function demoCommand(): Command {
  return new Command('demo')
    .description('an embedded cluster on this machine: pods arrive, the real extender places them')
    .option('--for <seconds>', 'end after so many seconds (default: when interrupted)', number(1, 86_400, false))
    .option('--seed <number>', 'which stream of pods arrives', number(0, 2 ** 31 - 1, true), DEFAULTS.seed)
    .option('--nodes <count>', 'mixed nodes, every twelfth without GPUs', number(1, 500, true), DEFAULTS.nodes)
    .option('--rate <pods>', 'arriving pods per second', number(0.1, 500, false), DEFAULTS.rate)
    .action(async (given: { for?: number; seed: number; nodes: number; rate: number }) => {
      const { promise: ended, resolve: end } = Promise.withResolvers<void>();
      process.once('SIGINT', end);
      process.once('SIGTERM', end);
      const { seed, nodes, rate } = given;
      const options = { forSeconds: given.for ?? null, seed, nodes, rate };
      const [{ runDemo }, { startDemoExtender }] = await Promise.all([
        import('./demo/run.ts'),
        import('./demo/extender-process.ts'),
      ]);
      process.exitCode = await runDemo(options, startDemoExtender, process.stdout, ended);
    });
}
