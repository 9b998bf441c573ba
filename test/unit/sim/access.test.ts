/** The access contract against the embedded API over HTTPS with RBAC. */
import { afterAll, describe } from 'vitest';
import { accessContract } from '../../contract/access.ts';
import { type SecuredApi, securedApi } from '../../kit/secured-api.ts';

describe('the embedded API', () => {
  let secured: SecuredApi | null = null;
  afterAll(() => secured?.close());
  accessContract(async () => {
    secured = await securedApi({ alice: ['team'], bob: [] });
    return { url: secured.url, ca: secured.authority.certificate, token: secured.token };
  });
});
