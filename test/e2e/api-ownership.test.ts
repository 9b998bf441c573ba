/** How objects go, against a real kube-apiserver. No kube-controller-manager runs here: what its collectors do is not asked. */
import { afterAll, beforeAll, describe } from 'vitest';
import { connect } from '../../src/kube/undici-adapter.ts';
import { ownershipContract } from '../contract/ownership.ts';
import { ControlPlane } from './harness/control-plane.ts';

let plane: ControlPlane;

beforeAll(async () => {
  plane = await ControlPlane.start();
});
afterAll(async () => await plane?.stop());

describe('a real kube-apiserver', () => {
  ownershipContract(async () => await connect({ component: 'e2e', kubeconfig: plane.kubeconfig('admin') }));
});
