/** The access contract against the embedded API over HTTPS with RBAC. */
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { afterAll, describe } from 'vitest';
import { issueServing, makeAuthority } from '../../../src/kube/authority.ts';
import { nodeClock } from '../../../src/kube/node-adapter.ts';
import { WebhookCaller } from '../../../src/kube/webhook-adapter.ts';
import type { User } from '../../../src/sim/api/access/user.ts';
import { Api } from '../../../src/sim/api/api.ts';
import { type ApiServer, listen } from '../../../src/sim/api/server.ts';
import { accessContract } from '../../contract/access.ts';

const user = (name: string, ...groups: string[]): User => ({ name, uid: `${name}-uid`, groups, extra: {} });

describe('the embedded API', () => {
  const webhooks = new WebhookCaller();
  let server: ApiServer | null = null;
  afterAll(async () => {
    await server?.close();
    await webhooks.close();
  });
  accessContract(async () => {
    const authority = await makeAuthority(nodeClock.now(), 'test');
    const tls = await issueServing(authority, ['127.0.0.1', 'localhost'], nodeClock.now());
    const { privateKey } = generateKeyPairSync('ec', {
      namedCurve: 'P-256',
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      publicKeyEncoding: { type: 'spki', format: 'pem' },
    });
    const tokens = new Map([
      ['token-admin', user('admin', 'system:masters')],
      ['token-alice', user('alice', 'team')],
      ['token-bob', user('bob')],
    ]);
    const api = new Api({
      clock: nodeClock,
      newUid: randomUUID,
      access: { authorization: 'rbac', tokens, serviceAccountKey: privateKey },
      callWebhook: webhooks.call,
    });
    server = await listen(api, { tls: { ...tls, clientCa: authority.certificate } });
    return { url: server.url, ca: authority.certificate, token: (name) => `token-${name}` };
  });
});
