/** Definitions, tables and discovery against a real kube-apiserver: where they differ, the embedded one is wrong. */
import { afterAll, beforeAll, describe } from 'vitest';
import { crdContract } from '../contract/crd.ts';
import { ControlPlane } from './harness/control-plane.ts';

let plane: ControlPlane;

beforeAll(async () => {
  plane = await ControlPlane.start();
});
afterAll(async () => await plane?.stop());

describe('a real kube-apiserver', () => {
  crdContract(async () => {
    const { url, ca, token } = plane.admin;
    return { url, ca, token, close: async () => {} };
  });
});
