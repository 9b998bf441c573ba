/** Puts the webhook together: certificates, server. What the command line starts beside the extender. */
import type { Clock, Transport } from '../kube/ports.ts';
import { SelfMadeCertificates, webhookHosts } from './certs.ts';
import { FileCertificates } from './file-certificates.ts';
import type { MutateOptions } from './mutate.ts';
import { type MutatePluginOptions, startWebhook, type Webhook } from './server.ts';

export type AdmissionOptions = {
  readonly transport: Transport;
  readonly clock: Clock;
  /** `webhook` of the configuration file */
  readonly host: string;
  readonly port: number;
  readonly certificates:
    | { kind: 'self-made'; namespace: string; secret: string; service: string; configuration: string }
    | { kind: 'files'; certFile: string; keyFile: string };
  readonly mutate: MutateOptions;
  /** this process decides now: it alone moves shared certificates on */
  readonly deciding: () => boolean;
  /** what failed and is tried again */
  readonly onError: (error: unknown) => void;
  readonly onReview?: NonNullable<MutatePluginOptions['onReview']>;
};

export type Admission = {
  /** Resolves when the server listens (it needs a certificate first); rejects when it cannot, or was closed before. */
  readonly listening: Promise<Webhook>;
  /** to be called when this process begins to decide */
  onDeciding(): void;
  close(): Promise<void>;
};

/** Returns at once: the extender must not wait for a webhook that waits for a Secret. */
export function startAdmission(options: AdmissionOptions): Admission {
  const { clock, host, port, mutate, onReview } = options;
  const source = certificateSource(options);
  source.start();
  const listening = startWebhook({
    clock,
    host,
    port,
    mutate,
    certificates: source.serving,
    ...(onReview !== undefined && { onReview }),
  });
  // whoever does not wait for it hears of it here
  listening.catch(options.onError);
  return {
    listening,
    onDeciding() {
      if (source instanceof SelfMadeCertificates) source.soon();
    },
    async close() {
      source.stop();
      const webhook = await listening.catch(() => null);
      await webhook?.close();
    },
  };
}

function certificateSource(options: AdmissionOptions): SelfMadeCertificates | FileCertificates {
  const { certificates, transport, clock, deciding, onError, host } = options;
  if (certificates.kind === 'files') return new FileCertificates({ ...certificates, clock, onError });
  const { namespace, secret, service, configuration } = certificates;
  return new SelfMadeCertificates({
    transport,
    clock,
    namespace,
    secretName: secret,
    hosts: webhookHosts({ service, namespace, host }),
    configuration,
    deciding,
    onError,
  });
}
