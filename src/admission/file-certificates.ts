/** Certificates that somebody else makes and mounts (cert-manager): read again and again, served when they changed. */
import { readFile } from 'node:fs/promises';
import type { Clock } from '../kube/ports.ts';
import { AdmissionError } from './errors.ts';
import { Rounds } from './rounds.ts';
import { CertificateSlot, isPair } from './serving-certificates.ts';

export type FileCertificateOptions = {
  readonly certFile: string;
  readonly keyFile: string;
  readonly clock: Clock;
  /** each failed read; what was served before stays */
  readonly onError: (error: unknown) => void;
};

/** the kubelet itself needs up to a minute to renew a mounted Secret */
const ROUND_MS = 30_000;
const EAGER_MS = 2_000;

export class FileCertificates {
  readonly serving = new CertificateSlot();
  readonly #options: FileCertificateOptions;
  readonly #rounds: Rounds;

  constructor(options: FileCertificateOptions) {
    this.#options = options;
    this.#rounds = new Rounds({
      clock: options.clock,
      round: () => this.round(),
      pauseMs: () => (this.serving.current === null ? EAGER_MS : ROUND_MS),
      onError: options.onError,
    });
  }

  start(): void {
    void this.#rounds.start();
  }

  stop(): void {
    this.#rounds.stop();
    this.serving.close();
  }

  /** Reads both files once. Throws when one is missing or they do not belong together (the mount was just changing). */
  async round(): Promise<void> {
    const { certFile, keyFile } = this.#options;
    const [certificate, key] = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')]);
    if (!isPair({ certificate, key })) {
      throw new AdmissionError('certificates', `${certFile} and ${keyFile} are not a certificate and its key`);
    }
    this.serving.put({ certificate, key });
  }
}
