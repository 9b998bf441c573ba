/** The access contract of the embedded API, run against a real kube-apiserver: where they differ, the embedded one is wrong. */
import { afterAll, beforeAll, describe } from 'vitest';
import { accessContract } from '../contract/access.ts';
import { ControlPlane } from './harness/control-plane.ts';

let plane: ControlPlane;

beforeAll(async () => {
  plane = await ControlPlane.start({ users: { alice: ['team'], bob: [] } });
});
afterAll(async () => await plane?.stop());

describe('a real kube-apiserver', () => {
  accessContract(async () => ({ url: plane.url, ca: plane.ca, token: (user) => plane.token(user) }));
});
