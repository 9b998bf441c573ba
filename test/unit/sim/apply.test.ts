import { randomUUID } from 'node:crypto';
import { afterAll, describe } from 'vitest';
import { nodeClock } from '../../../src/kube/node-adapter.ts';
import { connect } from '../../../src/kube/undici-adapter.ts';
import { Api } from '../../../src/sim/api/api.ts';
import { type ApiServer, listen } from '../../../src/sim/api/server.ts';
import { applyContract } from '../../contract/apply.ts';

describe('the embedded API over HTTP', () => {
  let server: ApiServer | null = null;
  afterAll(() => server?.close());
  applyContract(async () => {
    server = await listen(new Api({ clock: nodeClock, newUid: randomUUID, managedFields: 'always' }));
    return connect({ server: server.url, component: 'contract' });
  });
});
