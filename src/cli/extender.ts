/** The command `muster extender`. What it runs is loaded only then: help and small commands need not wait for it. */
import { Command } from 'commander';
import type { ExtenderOptions } from './extender-process.ts';

const HELP = `
The configuration is YAML or JSON and every key has a default; schedulerIdentity is the environment's POD_NAME,
else the host name. The least that runs on one machine beside a scheduler without leader election:

  leadership: always
  listen: {port: 8888}

Examples:
  $ muster extender --config extender.yaml
  $ muster extender --config extender.yaml --kubeconfig ~/.kube/config --context staging
  $ curl '127.0.0.1:8888/readyz?verbose'
  $ muster why team/train-0

SIGTERM: no new connection or decision; binds in flight get their answers, then exit with status 0.
`;

export function extenderCommand(version: string): Command {
  return new Command('extender')
    .description('serve kube-scheduler: filter, prioritize, preempt and bind with GPU devices in view')
    .requiredOption('--config <file>', 'configuration, YAML or JSON')
    .option('--kubeconfig <file>', 'overrides the configuration; default: $KUBECONFIG, ~/.kube/config, service account')
    .option('--context <name>', "context of the kubeconfig; default: the file's current one")
    .addHelpText('after', HELP)
    .action(async (options: ExtenderOptions) => {
      const { runExtender } = await import('./extender-process.ts');
      await runExtender(version, options);
    });
}
