/** Certificates that somebody else makes and mounts (cert-manager): read again and again, served when they changed. */
import { readFile } from 'node:fs/promises';
import type { Clock, Timer } from '../kube/ports.ts';
import { AdmissionError } from './errors.ts';
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
  #timer: Timer | null = null;
  #stopped = false;

  constructor(options: FileCertificateOptions) {
    this.#options = options;
  }

  start(): void {
    void this.#run();
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.serving.close();
  }

  async #run(): Promise<void> {
    try {
      await this.round();
    } catch (error) {
      this.#options.onError(error);
    }
    if (this.#stopped) return;
    this.#timer = this.#options.clock.after(
      this.serving.current === null ? EAGER_MS : ROUND_MS,
      () => void this.#run(),
    );
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
