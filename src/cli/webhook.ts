/** The admission webhook in the extender's process: served by every replica, whoever decides. */
import { RuntimeClasses } from '../admission/runtime-classes.ts';
import { startAdmission } from '../admission/start.ts';
import { type ExtenderConfig, schedulerNames } from '../extender/config.ts';
import type { Extender } from '../extender/start.ts';
import type { Clock, Transport } from '../kube/ports.ts';

/** Listens as soon as there is a certificate; what goes wrong is written to stderr and tried again. */
export function startWebhookBeside(
  extender: Extender,
  config: ExtenderConfig,
  transport: Transport,
  clock: Clock,
): { onDeciding(): void; close(): Promise<void> } {
  const onError = (error: unknown): void => {
    process.stderr.write(`muster webhook: ${error instanceof Error ? error.message : String(error)}\n`);
  };
  const runtimeClasses = new RuntimeClasses({ transport, clock, onError });
  void runtimeClasses.start();
  const { host, port, certificates } = config.webhook;
  const admission = startAdmission({
    transport,
    clock,
    host,
    port,
    certificates,
    deciding: () => extender.deciding,
    onError,
    onReview: ({ outcome, durationMs }) => extender.metrics.review(outcome, durationMs / 1000),
    mutate: {
      schedulerNames: schedulerNames(config),
      runtimeClassName: config.runtimeClassName || null,
      runtimeClassExists: runtimeClasses.has,
      largestDeviceMib: config.largestDeviceMib,
      gate: config.placer.enabled,
      dialects: { aliyunUnit: config.aliyunUnit },
    },
  });
  // a failure is reported through onError
  admission.listening.then(
    (webhook) => process.stderr.write(`muster webhook listens on port ${webhook.port}\n`),
    () => {},
  );
  return {
    onDeciding: () => admission.onDeciding(),
    async close() {
      runtimeClasses.stop();
      await admission.close();
    },
  };
}
