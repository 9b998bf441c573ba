import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { nodeClock } from '../../../src/kube/node-adapter.ts';
import { Api } from '../../../src/sim/api/api.ts';
import { inProcess } from '../../../src/sim/api/in-process.ts';
import { listen } from '../../../src/sim/api/server.ts';
import { Client } from '../../contract/client.ts';
import { crdContract } from '../../contract/crd.ts';
import { definition, mainVersion } from '../../contract/crd-samples.ts';

it('a watch ends when the definition of its kind is deleted', async () => {
  const api = new Api({ clock: nodeClock, newUid: randomUUID });
  const client = new Client(await inProcess(api, 'test'));
  const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  await client.must('POST', definitions, definition('ends.example.com', 'Gizmo', [mainVersion()]));
  const kind = '/apis/ends.example.com/v1/gizmos';
  await expect.poll(async () => (await client.get(kind)).status).toBe(200);
  const watch = await client.watch(`${kind}?watch=true&resourceVersion=0`);
  await client.must('DELETE', `${definitions}/gizmos.ends.example.com`);
  expect(await watch.next()).toBeNull();
  await client.close();
});

describe('the embedded API over HTTP', () => {
  crdContract(() => listen(new Api({ clock: nodeClock, newUid: randomUUID })));
});
