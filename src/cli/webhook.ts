/** The admission webhook in the extender's process: served by every replica, whoever decides. */
import { SelfMadeCertificates, webhookHosts } from '../admission/certs.ts';
import { FileCertificates } from '../admission/file-certificates.ts';
import { RuntimeClasses } from '../admission/runtime-classes.ts';
import { startWebhook } from '../admission/server.ts';
import { type ExtenderConfig, schedulerNames } from '../extender/config.ts';
import type { Extender } from '../extender/start.ts';
import type { Clock, Transport } from '../kube/ports.ts';

/** Listens as soon as there is a certificate; what goes wrong is written to stderr and tried again. */
export function startWebhookBeside(
  extender: Extender,
  config: ExtenderConfig,
  transport: Transport,
  clock: Clock,
): { close(): Promise<void> } {
  const { host, port, certificates } = config.webhook;
  const onError = (error: unknown): void => {
    process.stderr.write(`muster webhook: ${error instanceof Error ? error.message : String(error)}\n`);
  };
  const runtimeClasses = new RuntimeClasses({ transport, clock, onError });
  const source =
    certificates.kind === 'files'
      ? new FileCertificates({ ...certificates, clock, onError })
      : new SelfMadeCertificates({
          transport,
          clock,
          namespace: certificates.namespace,
          secretName: certificates.secret,
          hosts: webhookHosts({ service: certificates.service, namespace: certificates.namespace, host }),
          configuration: certificates.configuration,
          deciding: () => extender.deciding,
          onError,
        });
  source.start();
  void runtimeClasses.start();
  const started = startWebhook({
    host,
    port,
    certificates: source.serving,
    clock,
    mutate: {
      schedulerNames: schedulerNames(config),
      runtimeClassName: config.runtimeClassName === '' ? null : config.runtimeClassName,
      runtimeClassExists: runtimeClasses.has,
      largestDeviceMib: config.largestDeviceMib,
      dialects: { aliyunUnit: config.aliyunUnit },
    },
    onReview: ({ outcome, durationMs }) => extender.metrics.review(outcome, durationMs / 1000),
  });
  started.then((webhook) => process.stderr.write(`muster webhook listens on port ${webhook.port}\n`), onError);
  return {
    async close() {
      source.stop();
      runtimeClasses.stop();
      await started.then(
        (webhook) => webhook.close(),
        () => {},
      );
    },
  };
}
