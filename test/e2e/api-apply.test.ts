/** Apply, ownership of fields, defaults and rules against a real kube-apiserver: where they differ, the embedded API is wrong. */
import { afterAll, beforeAll, describe } from 'vitest';
import { connect } from '../../src/kube/undici-adapter.ts';
import { applyContract } from '../contract/apply.ts';
import { ControlPlane } from './harness/control-plane.ts';

let plane: ControlPlane;

beforeAll(async () => {
  plane = await ControlPlane.start();
});
afterAll(async () => await plane?.stop());

describe('a real kube-apiserver', () => {
  applyContract(async () => await connect({ component: 'e2e', kubeconfig: plane.kubeconfig('admin') }));
});
