/** Devices, ledgers and requests for tests: a case names what matters and nothing else. */
import fc from 'fast-check';
import type { Device } from '../../src/core/gpu/device.ts';
import { DeviceLedger } from '../../src/core/gpu/ledger.ts';
import type { ContainerNeed, ContainerRole, ContainerSlot, GpuRequest, ShareNeed } from '../../src/core/gpu/request.ts';

export function device(index: number, mib: number, more: Partial<Device> = {}): Device {
  return { uuid: `GPU-${index}`, index, mib, model: 'NVIDIA-A100', numa: null, links: [], healthy: true, ...more };
}

export const devices = (count: number, mib: number, more: Partial<Device> = {}): readonly Device[] =>
  Array.from({ length: count }, (_, index) => device(index, mib, more));

export const fraction = (milli: number): ShareNeed => ({ milli, memory: { milli } });
export const memory = (mib: number, milli = 0): ShareNeed => ({ milli, memory: { mib } });
export const WHOLE = fraction(1000);

/** `used` as [MiB, milli] per position. */
export function ledgerOf(list: readonly Device[], used: readonly (readonly [number, number])[] = []): DeviceLedger {
  const ledger = new DeviceLedger(list);
  used.forEach(([mib, milli], position) => {
    const { uuid, index } = list[position]!;
    ledger.observe([{ uuid, index, mib, milli }]);
  });
  return ledger;
}

export type Wanted = { readonly role?: ContainerRole; readonly count?: number; readonly share: ShareNeed };

/** Slots by position: init containers and sidecars must come first. */
export function requestOf(wanted: readonly Wanted[], more: Partial<GpuRequest> = {}): GpuRequest {
  let apps = 0;
  let inits = 0;
  return {
    containers: wanted.map(({ role = 'app', count = 1, share }): ContainerNeed => {
      const slot: ContainerSlot = role === 'app' ? `c${apps++}` : `i${inits++}`;
      return { name: `container-${slot}`, slot, role, count, share };
    }),
    models: { allow: [], deny: [] },
    uuids: { allow: [], deny: [] },
    devicePolicy: null,
    devicePolicyRequired: false,
    nodePolicy: null,
    ...more,
  };
}

export const one = (share: ShareNeed, count = 1, more: Partial<GpuRequest> = {}): GpuRequest =>
  requestOf([{ share, count }], more);

// arbitraries: small numbers, so that shares meet and collide often

export const anyShare: fc.Arbitrary<ShareNeed> = fc.oneof(
  fc.integer({ min: 1, max: 5 }).map((tenth) => fraction(tenth * 100)),
  fc.integer({ min: 1, max: 1000 }).map(fraction),
  fc
    .tuple(fc.constantFrom(1, 2, 2, 3, 4, 6, 9, 11), fc.constantFrom(0, 0, 250, 500))
    .map(([mib, milli]) => memory(mib, milli)),
);

export const anyDevices = (most: number): fc.Arbitrary<readonly Device[]> =>
  fc
    .tuple(
      fc.array(
        fc.record({
          mib: fc.constantFrom(4, 8, 10, 10),
          healthy: fc.constantFrom(true, true, true, true, true, true, false),
          numa: fc.constantFrom(0, 1, null),
        }),
        { minLength: 1, maxLength: most, size: 'max' },
      ),
      fc.array(fc.constantFrom(0, 30, 100, 100, 200, 400), { minLength: most * most, maxLength: most * most }),
    )
    .map(([list, weights]) =>
      list.map(({ mib, healthy, numa }, index) =>
        device(index, mib, {
          healthy,
          numa,
          links: list.map((_, other) =>
            other === index ? 0 : weights[Math.min(index, other) * most + Math.max(index, other)]!,
          ),
        }),
      ),
    );

/** Devices with something used on each, now and then above 100 %, and now and then awaited. */
export const anyLedger = (most: number): fc.Arbitrary<DeviceLedger> =>
  anyDevices(most).chain((list) =>
    fc
      .array(
        fc.tuple(
          fc.constantFrom(0, 0, 0, 2, 3, 5, 11),
          fc.constantFrom(0, 0, 0, 200, 300, 500, 1100),
          fc.constantFrom(0, 0, 0, 0, 0, 0, 3),
        ),
        { minLength: list.length, maxLength: list.length },
      )
      .map((used) => {
        const ledger = ledgerOf(
          list,
          used.map(([mib, milli]) => [mib, milli] as const),
        );
        used.forEach(([, , awaited], position) => {
          const { uuid, index } = list[position]!;
          if (awaited > 0) ledger.await([{ uuid, index, mib: awaited, milli: awaited * 100 }]);
        });
        return ledger;
      }),
  );

export const anyRequest = (containers: number, count: number): fc.Arbitrary<GpuRequest> =>
  fc
    .array(
      fc.record({
        role: fc.constantFrom<ContainerRole>('app', 'app', 'init', 'sidecar'),
        count: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: count })),
        share: anyShare,
      }),
      { minLength: 1, maxLength: containers },
    )
    .map((wanted) => requestOf(wanted.toSorted((a, b) => Number(a.role === 'app') - Number(b.role === 'app'))));
