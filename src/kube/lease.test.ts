import { describe, expect, it } from 'vitest';
import { leaseSelector, leasesPath, projectLease } from './lease.ts';

describe('a Lease', () => {
  it.each([
    [
      'that is held',
      {
        spec: {
          holderIdentity: 'muster-0_5f2c',
          renewTime: '2026-11-24T14:00:00.123456Z',
          leaseDurationSeconds: 15,
          leaseTransitions: 3,
        },
      },
      {
        holderIdentity: 'muster-0_5f2c',
        renewTimeMs: Date.UTC(2026, 10, 24, 14, 0, 0, 123),
        leaseDurationSeconds: 15,
        leaseTransitions: 3,
      },
    ],
    [
      'that nobody holds',
      { spec: {} },
      { holderIdentity: '', renewTimeMs: null, leaseDurationSeconds: 0, leaseTransitions: 0 },
    ],
    ['without a spec', {}, { holderIdentity: '', renewTimeMs: null, leaseDurationSeconds: 0, leaseTransitions: 0 }],
    ['with a renewTime that is no time', { spec: { renewTime: 'yesterday' } }, null],
    ['that is no object', 'lease', null],
  ])('%s is read', (_, object, facts) => {
    expect(projectLease(object)).toEqual(facts);
  });

  it('is found by namespace and name', () => {
    expect(`${leasesPath('kube-system')}?${leaseSelector('kube-scheduler')}`).toBe(
      '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases?metadata.name=kube-scheduler',
    );
  });
});
