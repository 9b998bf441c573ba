/** The command `muster cluster`. What it runs is loaded only then. */
import { Command, Option } from 'commander';
import { SCHEDULER_NAME } from '../core/names.ts';
import { type ClusterCommandOptions, serviceOption, urlOption, wholeNumber } from './cluster/options.ts';

const HELP = `
The list of nodes is YAML or JSON. An entry is a Node as "kubectl get node -o yaml" shows it, or short:
  - {count: 4, gpus: 8, model: A100-SXM4-80GB, memoryMiB: 81920}
  - {count: 2, gpus: 4, model: t4, source: labels, labels: {pool: cheap}}
  - {count: 3, cpu: 64, memoryGiB: 256}
Keys: count, name (beginning of the names), gpus, model (h100, a100, l40s, t4 or any text), memoryMiB (of one GPU), cpu, memoryGiB,
source (annotation, slices, labels: how the node tells its GPUs), managed (false: not Muster's), labels.

Examples:
  $ muster cluster --nodes nodes.yaml --port 6443 --tls --kubeconfig k.yaml
  $ KUBECONFIG=k.yaml kubectl apply -f deploy/00-namespace.yaml -f deploy/10-service-account.yaml -f deploy/20-rbac.yaml

  The real extender beside it (extender.yaml: {leadership: always, envGuard: false, listen: {port: 8888}}):
  $ muster cluster --nodes nodes.yaml --port 6443 --kubeconfig k.yaml --extender http://127.0.0.1:8888 &
  $ muster extender --config extender.yaml --kubeconfig k.yaml

  A cluster that is there again tomorrow:
  $ muster cluster --nodes nodes.yaml --save c.save --save-every 60
  $ muster cluster --load c.save --save c.save

It listens on 127.0.0.1 only. Without --tls it speaks plain HTTP and everybody may everything. A save holds keys and Secrets.
SIGTERM: saves where --save says so, then exits with status 0. SIGUSR1: saves now.
`;

export function clusterCommand(): Command {
  return new Command('cluster')
    .description(
      'serve an embedded Kubernetes cluster on this machine: API server, controllers, kube-scheduler, kubelets',
    )
    .option('--nodes <file>', 'nodes to begin with, YAML or JSON; without it there are none')
    .option('--port <number>', 'port on 127.0.0.1; 0: any free one', wholeNumber(0, 65_535), 0)
    .option('--save <file>', 'save the cluster there when it ends and at SIGUSR1')
    .option('--load <file>', 'begin with what was saved there')
    .option('--save-every <seconds>', 'save that often too', wholeNumber(1, 86_400))
    .option('--kubeconfig <file>', 'where the kubeconfig is written; default: a file in the temporary folder')
    .option('--tls', 'HTTPS with a certificate of its own, tokens and RBAC')
    .addOption(
      new Option('--authorization <mode>', 'who may do what; default: rbac with --tls, else off').choices([
        'off',
        'rbac',
      ]),
    )
    .option('--no-scheduler', 'pods are not placed: bring a kube-scheduler')
    .option('--no-controllers', 'no garbage collector, jobs, deployments, …: bring a kube-controller-manager')
    .option('--no-kubelet', 'bound pods do not run')
    .option('--extender <url>', 'the extender that kube-scheduler asks, on this machine', urlOption)
    .option('--scheduler-name <name>', 'the profile that asks the extender', SCHEDULER_NAME)
    .option(
      '--service <namespace/name=host:port>',
      'where the Service of a webhook really is; may come again',
      serviceOption,
      new Map<string, string>(),
    )
    .option('--max-in-flight <number>', 'more requests at a time are refused with 429', wholeNumber(1, 1_000_000))
    .addHelpText('after', HELP)
    .action(async (options: ClusterCommandOptions) => {
      const { promise: ended, resolve: end } = Promise.withResolvers<void>();
      process.once('SIGINT', end);
      process.once('SIGTERM', end);
      const { runCluster } = await import('./cluster/run.ts');
      const running = await runCluster(options, (line) => process.stdout.write(`${line}\n`));
      await ended;
      await running.stop();
    });
}
