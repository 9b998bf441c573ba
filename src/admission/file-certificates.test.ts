import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ManualClock } from '../../test/build/manual-clock.ts';
import { makeAuthority } from '../kube/authority.ts';
import { FileCertificates } from './file-certificates.ts';
import type { ServingCertificate } from './serving-certificates.ts';

let folder: string;
let certificates: FileCertificates;
const errors: unknown[] = [];
const clock = new ManualClock();

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muster-certs-'));
  errors.length = 0;
  certificates = new FileCertificates({
    certFile: join(folder, 'tls.crt'),
    keyFile: join(folder, 'tls.key'),
    clock,
    onError: (error) => errors.push(error),
  });
});
afterEach(async () => {
  certificates.stop();
  await rm(folder, { recursive: true });
});

async function write({ certificate, key }: Partial<ServingCertificate>): Promise<void> {
  if (certificate !== undefined) await writeFile(join(folder, 'tls.crt'), certificate);
  if (key !== undefined) await writeFile(join(folder, 'tls.key'), key);
}

it('mounted certificates are served once both files are there and belong together, and again when they change', async () => {
  const [first, second] = [await makeAuthority(Date.now()), await makeAuthority(Date.now())];
  await expect(certificates.round()).rejects.toThrow(/ENOENT/);
  await write(first);
  await certificates.round();
  expect(await certificates.serving.first()).toEqual(first);

  const seen: ServingCertificate[] = [];
  certificates.serving.onChange((certificate) => seen.push(certificate));
  await write({ certificate: second.certificate });
  await expect(certificates.round()).rejects.toThrow(/are not a certificate and its key/);
  await write({ key: second.key });
  await certificates.round();
  await certificates.round();
  expect(seen).toEqual([second]);
});

it('they are waited for, and the reason is told', async () => {
  certificates.start();
  while (clock.nextInMs === null) await new Promise((resolve) => setTimeout(resolve, 2));
  expect(errors).toHaveLength(1);
  const pair = await makeAuthority(Date.now());
  await write(pair);
  clock.advance(clock.nextInMs);
  expect(await certificates.serving.first()).toEqual(pair);
});

it('whoever waits for a first one learns that there will be none', async () => {
  const first = certificates.serving.first();
  certificates.stop();
  await expect(first).rejects.toThrow(/closed before/);
});
