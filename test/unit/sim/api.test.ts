import { randomUUID } from 'node:crypto';
import { afterAll, describe } from 'vitest';
import { nodeClock } from '../../../src/kube/node-adapter.ts';
import { connect } from '../../../src/kube/undici-adapter.ts';
import { Api } from '../../../src/sim/api/api.ts';
import { inProcess } from '../../../src/sim/api/in-process.ts';
import { type ApiServer, listen } from '../../../src/sim/api/server.ts';
import { apiContract } from '../../contract/api.ts';

const newApi = () => new Api({ clock: nodeClock, newUid: randomUUID, bookmarkEveryMs: 200 });

describe('the embedded API over HTTP', () => {
  let server: ApiServer | null = null;
  afterAll(() => server?.close());
  apiContract(async () => {
    server = await listen(newApi());
    return connect({ server: server.url, component: 'contract' });
  });
});

describe('the embedded API without sockets', () => {
  apiContract(async () => inProcess(newApi()));
});
