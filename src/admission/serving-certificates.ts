/** The certificate the webhook serves, wherever it comes from (certs.ts makes it, file-certificates.ts reads it). */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { Certificate } from '../kube/authority.ts';
import { AdmissionError } from './errors.ts';

export type ServingCertificate = Certificate;

export interface ServingCertificates {
  /** Resolves as soon as there is one; rejects when closed before. */
  first(): Promise<ServingCertificate>;
  /** Called with every later one; returns how to stop that. */
  onChange(listener: (certificate: ServingCertificate) => void): () => void;
}

/** Where a source puts what it found. Equal certificates are not announced again. */
export class CertificateSlot implements ServingCertificates {
  readonly #listeners = new Set<(certificate: ServingCertificate) => void>();
  readonly #first = Promise.withResolvers<ServingCertificate>();
  #current: ServingCertificate | null = null;

  constructor() {
    // closed before anybody waited is no error
    this.#first.promise.catch(() => undefined);
  }

  get current(): ServingCertificate | null {
    return this.#current;
  }

  first(): Promise<ServingCertificate> {
    return this.#current === null ? this.#first.promise : Promise.resolve(this.#current);
  }

  onChange(listener: (certificate: ServingCertificate) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  put(certificate: ServingCertificate): void {
    const before = this.#current;
    if (before?.certificate === certificate.certificate && before.key === certificate.key) return;
    this.#current = certificate;
    if (before === null) this.#first.resolve(certificate);
    else for (const listener of this.#listeners) listener(certificate);
  }

  close(): void {
    this.#first.reject(new AdmissionError('certificates', 'closed before there was a certificate to serve'));
  }
}

/** The key is the certificate's; false also when either cannot be read. */
export function isPair({ certificate, key }: ServingCertificate): boolean {
  try {
    return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}
