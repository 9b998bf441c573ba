import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Plan } from './plan.ts';
import { decodePlan, encodePlan } from './plan-json.ts';

const plan: Plan = {
  node: 'n1',
  gang: 'lab/train',
  until: 1_700_000_000_123,
  claim: {
    containers: [
      { name: 'main', slot: 'c0', sidecar: false, devices: [{ uuid: 'GPU-1', index: 0, mib: 100, milli: 500 }] },
    ],
  },
};

it.each<[string, Plan]>([
  ['a gang member’s', plan],
  ['a single pod’s', { ...plan, gang: null }],
  ['one without GPUs', { ...plan, claim: null }],
])('reads back %s', (_, written) => {
  expect(decodePlan(encodePlan(written))).toEqual(written);
});

it.each([
  '',
  'null',
  '[]',
  '{}',
  '{"node":"","until":"2026-01-01T00:00:00Z"}',
  '{"node":"n","until":"soon"}',
  '{"node":"n","until":"2026-01-01T00:00:00Z","gang":7}',
  '{"node":"n","until":"2026-01-01T00:00:00Z","claim":{"containers":[]}}',
  '{"node":"n","until":5}',
])('refuses %s', (text) => {
  expect(decodePlan(text)).toBeNull();
});

it('never throws, whatever stands there', () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => void decodePlan(text)));
});
