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

const HELP = `
On a terminal it is a live view with keys (? shows them); elsewhere a line a second. NO_COLOR is honoured.
Exit status 0: no device was ever over 100 %.

Examples:
  $ muster demo
  $ muster demo --for 20 --nodes 30 --rate 40
  $ muster demo --for 20 | tail -1
`;

export function demoCommand(): Command {
  return new Command('demo')
    .description('an embedded cluster on this machine: pods arrive, the real extender places them')
    .option('--for <seconds>', 'end after so many seconds (default: when interrupted)', number(1, 86_400, false))
    .option('--seed <number>', 'which stream of pods arrives', number(0, 2 ** 31 - 1, true), DEFAULTS.seed)
    .option('--nodes <count>', 'mixed nodes, every twelfth without GPUs', number(1, 500, true), DEFAULTS.nodes)
    .option('--rate <pods>', 'arriving pods per second', number(0.1, 500, false), DEFAULTS.rate)
    .addHelpText('after', HELP)
    .action(async (given: { for?: number; seed: number; nodes: number; rate: number }) => {
      const { promise: ended, resolve: end } = Promise.withResolvers<void>();
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => end());
      const { seed, nodes, rate } = given;
      const options = { forSeconds: given.for ?? null, seed, nodes, rate };
      const [{ runDemo }, { startDemoExtender }] = await Promise.all([
        import('./demo/run.ts'),
        import('./demo/extender-process.ts'),
      ]);
      const { stdout, stdin, stderr } = process;
      // nobody reads any more (`| head -1`, a closed window): nothing is left to show
      stdout.on('error', () => end());
      const out = {
        write: (text: string) => stdout.write(text),
        terminal: isLive(stdout) ? { stdout, stdin, stderr } : null,
      };
      process.exitCode = await runDemo(options, startDemoExtender, out, ended);
    });
}

/** A terminal that can be drawn on; logs of CI jobs that pose as one cannot. */
function isLive(stdout: NodeJS.WriteStream): boolean {
  const { CI = '', TERM = '' } = process.env;
  return stdout.isTTY && TERM !== 'dumb' && ['', '0', 'false'].includes(CI);
}
