import { randomUUID } from 'node:crypto';
import { describe } from 'vitest';
import { nodeClock } from '../../../src/kube/node-adapter.ts';
import { Api } from '../../../src/sim/api/api.ts';
import { listen } from '../../../src/sim/api/server.ts';
import { crdContract } from '../../contract/crd.ts';

describe('the embedded API over HTTP', () => {
  crdContract(() => listen(new Api({ clock: nodeClock, newUid: randomUUID })));
});
