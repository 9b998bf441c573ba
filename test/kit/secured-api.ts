/** The embedded API over HTTPS with RBAC and token users, for tests that are about access. */
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { issueServing, makeAuthority } from '../../src/kube/authority.ts';
import { nodeClock } from '../../src/kube/node-adapter.ts';
import { WebhookCaller } from '../../src/kube/webhook-adapter.ts';
import type { User } from '../../src/sim/api/access/user.ts';
import { Api, type ApiOptions } from '../../src/sim/api/api.ts';
import { listen } from '../../src/sim/api/server.ts';

export type SecuredApi = {
  readonly api: Api;
  readonly url: string;
  /** PEM: of the authority that signed the server's certificate, and its key */
  readonly authority: { readonly certificate: string; readonly key: string };
  token(user: string): string;
  close(): Promise<void>;
};

/** @param users name → groups; `admin` is there always */
export async function securedApi(
  users: Readonly<Record<string, readonly string[]>>,
  options: Partial<ApiOptions> = {},
): Promise<SecuredApi> {
  const webhooks = new WebhookCaller();
  const authority = await makeAuthority(nodeClock.now(), 'test');
  const tls = await issueServing(authority, ['127.0.0.1', 'localhost'], nodeClock.now());
  const { privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  const token = (name: string) => `token-${name}`;
  const all = { admin: ['system:masters'], ...users };
  const tokens = new Map(
    Object.entries(all).map(([name, groups]): [string, User] => [
      token(name),
      { name, uid: `${name}-uid`, groups, extra: {} },
    ]),
  );
  const api = new Api({
    clock: nodeClock,
    newUid: randomUUID,
    access: { authorization: 'rbac', tokens, serviceAccountKey: privateKey },
    callWebhook: webhooks.call,
    ...options,
  });
  const server = await listen(api, { tls: { ...tls, clientCa: authority.certificate } });
  return {
    api,
    url: server.url,
    authority,
    token,
    async close() {
      await server.close();
      await webhooks.close();
    },
  };
}
