import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ManualClock } from '../../test/build/manual-clock.ts';
import { issueServing, makeAuthority } from '../kube/authority.ts';
import { connect } from '../kube/undici-adapter.ts';
import { type AdmissionOptions, startAdmission } from './start.ts';

async function options(folder: string, clock: ManualClock, errors: unknown[]): Promise<AdmissionOptions> {
  return {
    transport: await connect({ server: 'http://127.0.0.1:1', component: 'test' }),
    clock,
    host: '127.0.0.1',
    port: 0,
    certificates: { kind: 'files', certFile: join(folder, 'tls.crt'), keyFile: join(folder, 'tls.key') },
    mutate: {
      schedulerNames: ['muster-scheduler'],
      runtimeClassName: null,
      runtimeClassExists: () => false,
      largestDeviceMib: 81_920,
      dialects: { aliyunUnit: 'GiB' },
    },
    deciding: () => false,
    onError: (error) => errors.push(error),
  };
}

function post(port: number, ca: string, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request(
      {
        host: '127.0.0.1',
        port,
        ca,
        agent: false,
        path: '/mutate',
        method: 'POST',
        headers: { 'content-type': 'application/json' },
      },
      (response) => {
        let text = '';
        response.on('data', (chunk) => {
          text += String(chunk);
        });
        response.on('end', () => resolve(text));
      },
    );
    call.on('error', reject);
    call.end(body);
  });
}

it('the webhook answers reviews over TLS with a mounted certificate, and closes', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'muster-admission-'));
  const authority = await makeAuthority(Date.now());
  const serving = await issueServing(authority, ['127.0.0.1'], Date.now());
  await writeFile(join(folder, 'tls.crt'), serving.certificate);
  await writeFile(join(folder, 'tls.key'), serving.key);
  const errors: unknown[] = [];
  const settings = await options(folder, new ManualClock(), errors);
  const admission = startAdmission(settings);
  const { port } = await admission.listening;
  const review = {
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: 'u-1',
      operation: 'CREATE',
      kind: { group: '', version: 'v1', kind: 'Pod' },
      object: { spec: { schedulerName: 'muster-scheduler', containers: [{ name: 'main' }] } },
    },
  };
  const { response } = JSON.parse(await post(port, authority.certificate, JSON.stringify(review)));
  expect(response).toMatchObject({ uid: 'u-1', allowed: true, patchType: 'JSONPatch' });
  await admission.close();
  await expect(post(port, authority.certificate, '')).rejects.toThrow(/ECONNREFUSED/);
  expect(errors).toEqual([]);
  await settings.transport.close();
  await rm(folder, { recursive: true });
});

it('closing a webhook that never got a certificate ends', async () => {
  const errors: unknown[] = [];
  const settings = await options('/nowhere', new ManualClock(), errors);
  const admission = startAdmission(settings);
  await admission.close();
  await expect(admission.listening).rejects.toThrow(/closed before/);
  await settings.transport.close();
});
