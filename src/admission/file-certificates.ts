/** Certificates that somebody else makes and mounts (cert-manager): read again and again, served when they changed. */
import { readFile } from 'node:fs/promises';
import type { Clock } from '../kube/ports.ts';
import { CertificateSource } from './certificate-source.ts';
import { AdmissionError } from './errors.ts';
import { isPair } from './serving-certificates.ts';

export type FileCertificateOptions = {
  readonly certFile: string;
  readonly keyFile: string;
  readonly clock: Clock;
  /** each failed read; what was served before stays */
  readonly onError: (error: unknown) => void;
};

/** the kubelet itself needs up to a minute to renew a mounted Secret */
const ROUND_MS = 30_000;

export class FileCertificates extends CertificateSource {
  readonly #options: FileCertificateOptions;

  constructor(options: FileCertificateOptions) {
    super(options.clock, ROUND_MS, options.onError);
    this.#options = options;
  }

  /** Reads both files once. Throws when one is missing or they do not belong together (the mount was just changing). */
  override async round(): Promise<void> {
    const { certFile, keyFile } = this.#options;
    const [certificate, key] = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')]);
    if (!isPair({ certificate, key })) {
      throw new AdmissionError('certificates', `${certFile} and ${keyFile} are not a certificate and its key`);
    }
    this.serving.put({ certificate, key });
  }
}
