/** The contract that the embedded API server is held to, run against a real kube-apiserver: where they differ, the embedded one is wrong. */
import { afterAll, beforeAll, describe } from 'vitest';
import { connect } from '../../src/kube/undici-adapter.ts';
import { apiContract } from '../contract/api.ts';
import { ControlPlane } from './harness/control-plane.ts';

let plane: ControlPlane;

beforeAll(async () => {
  plane = await ControlPlane.start();
  // A restarted API server remembers no events before its start: that is how an old version is gone here.
  await plane.killAndRestartApiserver();
});
afterAll(async () => await plane?.stop());

describe('a real kube-apiserver', () => {
  apiContract(async () => await connect({ component: 'e2e', kubeconfig: plane.kubeconfig('admin') }));
});
