/** The command `muster bench`. What it runs is loaded only then. */
import { Command } from 'commander';
import { SCHEDULER_NAME } from '../core/names.ts';
import { outputOption, urlOption } from './asking.ts';
import type { BenchOptions } from './bench/run.ts';
import { wholeNumber } from './cluster/options.ts';

const HELP = `
It sends what kube-scheduler sends (a pod and the names of all nodes) and gets what filter would answer: a dry decision. Nothing is
held, bound or written, and the pods of the cluster notice nothing but the time their extender spends on it: one thread.
Pods: those of the scheduler that wait; if none waits, those that run; else usual shares. Names: of all nodes, read from the API.
The extender answers dry decisions to callers on its own machine only, and only while it decides.

In a cluster, run it in the pod that leads, with its rights:
  $ kubectl -n muster-system exec deploy/muster-scheduler -c extender -- muster bench

From elsewhere, with your own rights (list nodes and pods):
  $ kubectl -n muster-system port-forward deploy/muster-scheduler 8888 &
  $ muster bench --url http://127.0.0.1:8888 --kubeconfig ~/.kube/config

Examples:
  $ muster bench --calls 5000 --seconds 60
  $ muster bench --callers 16
  $ muster bench -o json | jq .callMs.p99

What the numbers mean, and which to expect: docs/benchmarks.md.
`;

export function benchCommand(): Command {
  return new Command('bench')
    .description('measure an installed extender with dry decisions: nothing is held, bound or written')
    .addOption(urlOption())
    .option('--kubeconfig <file>', 'default: $KUBECONFIG, ~/.kube/config, service account')
    .option('--context <name>', "context of the kubeconfig; default: the file's current one")
    .option('--calls <number>', 'ends after so many calls', wholeNumber(1, 1_000_000), 1_000)
    .option('--seconds <number>', 'or after so long', wholeNumber(1, 600), 10)
    .option('--callers <number>', 'calls under way at a time; kube-scheduler has one', wholeNumber(1, 64), 1)
    .option('--scheduler-name <name>', 'whose pods are asked about', SCHEDULER_NAME)
    .addOption(outputOption())
    .addHelpText('after', HELP)
    .action(async (options: BenchOptions) => {
      const { runBench } = await import('./bench/run.ts');
      await runBench(options);
    });
}
