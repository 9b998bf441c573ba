/** Makes certificates: an authority of our own, what it signs for servers, and what it signs for users. ECDSA on P-256. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

/** PEM; `certificate` may be a chain, leaf first. */
export type Certificate = { readonly certificate: string; readonly key: string };

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;
export const AUTHORITY_LIFETIME_MS = 3_650 * DAY_MS;
export const SERVING_LIFETIME_MS = 90 * DAY_MS;
/** Certificates start that much earlier: clocks of the API servers may lag behind ours. */
export const BACKDATED_MS = 5 * 60_000;

/** A new self-signed authority; `nowMs` since the epoch. `name` is its common name but for a random end: two live side by side during a rotation. */
export async function makeAuthority(nowMs: number, name = 'muster webhook authority'): Promise<Certificate> {
  cryptoProvider.set(webcrypto as Crypto);
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: `CN=${name} ${serialNumber().slice(0, 8)}`,
    ...lifetime(nowMs, nowMs + AUTHORITY_LIFETIME_MS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: `${certificate.toString('pem').trim()}\n`, key: await pemOf(keys.privateKey) };
}

/** A serving certificate for the hosts (names or IP addresses), signed by the authority and never outliving it. */
export function issueServing(
  authority: Certificate,
  hosts: readonly string[],
  nowMs: number,
  commonName = 'muster webhook',
): Promise<Certificate> {
  const names = new SubjectAlternativeNameExtension(
    hosts.map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value })),
  );
  return issue(authority, [{ CN: [commonName] }], ExtendedKeyUsage.serverAuth, [names], nowMs);
}

/** A certificate that says who a client is: API servers read the user from its common name, the groups from its organizations. */
export function issueClient(
  authority: Certificate,
  user: string,
  groups: readonly string[],
  nowMs: number,
): Promise<Certificate> {
  const subject = [...groups.map((group) => ({ O: [group] })), { CN: [user] }];
  return issue(authority, subject, ExtendedKeyUsage.clientAuth, [], nowMs);
}

async function issue(
  authority: Certificate,
  subject: { [attribute: string]: string[] }[],
  usage: string,
  more: Extension[],
  nowMs: number,
): Promise<Certificate> {
  cryptoProvider.set(webcrypto as Crypto);
  const issuer = new X509Certificate(authority.certificate);
  const signingKey = await webcrypto.subtle.importKey('pkcs8', derOf(authority.key), ALGORITHM, false, ['sign']);
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject,
    issuer: issuer.subject,
    ...lifetime(nowMs, Math.min(nowMs + SERVING_LIFETIME_MS, issuer.notAfter.getTime())),
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([usage]),
      ...more,
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
  return { certificate: `${certificate.toString('pem').trim()}\n`, key: await pemOf(keys.privateKey) };
}

const lifetime = (nowMs: number, untilMs: number) => ({
  notBefore: new Date(nowMs - BACKDATED_MS),
  notAfter: new Date(untilMs),
});

/** 16 random bytes; the first bit is 0, because serial numbers are positive. */
function serialNumber(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return Buffer.from(bytes).toString('hex');
}

async function pemOf(key: CryptoKey): Promise<string> {
  const base64 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key)).toString('base64');
  return `-----BEGIN PRIVATE KEY-----\n${base64.replace(/.{64}(?=.)/g, '$&\n')}\n-----END PRIVATE KEY-----\n`;
}

const derOf = (pem: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64'));
