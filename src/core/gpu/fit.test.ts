import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  anyLedger,
  anyRequest,
  device,
  devices,
  fraction,
  ledgerOf,
  memory,
  one,
  requestOf,
  WHOLE,
} from '../../../test/build/gpu.ts';
import type { Device } from './device.ts';
import { place, verdict } from './fit.ts';
import type { DeviceLedger } from './ledger.ts';
import { peakOf } from './peak.ts';
import { isIsland } from './policies/link.ts';
import { DEVICE_POLICIES, type DevicePolicy, type GpuRequest } from './request.ts';
import { mibOn } from './share.ts';
import { newVerdict } from './verdict.ts';

/** Places the request again and again, taking each claim, until one is refused; how many fit. */
function fill(ledger: DeviceLedger, request: GpuRequest, policy: DevicePolicy = 'pack'): number {
  for (let count = 0; ; count++) {
    const placed = place(ledger, request, policy, false);
    if (!placed.fits) return count;
    expect(ledger.take(peakOf(placed.claim))).toEqual([]);
  }
}

const positions = (ledger: DeviceLedger, request: GpuRequest, policy: DevicePolicy, required = false) => {
  const placed = place(ledger, request, policy, required);
  if (!placed.fits) return placed.reason;
  return placed.claim.containers.map((container) => container.devices.map((share) => ledger.positionOf(share)));
};

describe('amounts that others got wrong', () => {
  const cases: [string, readonly Device[], GpuRequest, number][] = [
    ['23 pods of 2000 MiB fit 46068 MiB, not 24', devices(1, 46068), one(memory(2000)), 23],
    ['ten tenths fill a device, the eleventh is refused', devices(1, 46068), one(fraction(100)), 10],
    ['ten tenths fill a device of odd size', devices(1, 15109), one(fraction(100)), 10],
    ['three times 0.3', devices(1, 81920), one(fraction(300)), 3],
    ['two halves per device on three devices', devices(3, 24268), one(fraction(500)), 6],
    ['whole devices', devices(8, 24268), one(WHOLE), 8],
    ['pairs of whole devices', devices(7, 24268), one(WHOLE, 2), 3],
    ['a share of a device too small for its thousandths is still 1 MiB', devices(1, 3), one(fraction(1)), 3],
  ];
  it.each(cases)('%s', (_, list, request, fits) => {
    expect(fill(ledgerOf(list), request)).toBe(fits);
  });

  it('4096 MiB on a 15360 MiB device stay 4096', () => {
    const placed = place(ledgerOf(devices(1, 15360)), one(memory(4096)), 'pack', false);
    expect(placed.fits && placed.claim.containers[0]!.devices).toEqual([
      { uuid: 'GPU-0', index: 0, mib: 4096, milli: 0 },
    ]);
  });

  it('three times 0.3 leaves exactly 0.1', () => {
    const ledger = ledgerOf(devices(1, 10_000));
    fill(ledger, one(fraction(300)));
    expect(ledger.freeMilli(0)).toBe(100);
    expect(ledger.freeMib(0)).toBe(1000);
    expect(fill(ledger, one(fraction(100)))).toBe(1);
  });
});

describe('device choice', () => {
  const used: [number, number][] = [
    [0, 0],
    [50, 500],
    [30, 300],
    [50, 500],
  ];
  const chain = (a: number, b: number): number => (Math.abs(a - b) === 1 ? 100 : 0);
  /** two groups of four with strong links inside, weak ones across; 0-1 and 6-7 are the strongest pairs */
  const quads = (a: number, b: number): number =>
    a === b ? 0 : a + b === 13 ? 40 : a + b === 1 ? 30 : a >> 2 === b >> 2 ? 20 : 1;
  const linked = (count: number, weight: (a: number, b: number) => number): readonly Device[] =>
    devices(count, 100).map((entry, a) => ({ ...entry, links: Array.from({ length: count }, (_, b) => weight(a, b)) }));
  const numa = (...nodes: (number | null)[]): readonly Device[] =>
    nodes.map((node, index) => device(index, 100, { numa: node }));

  const cases: [string, DeviceLedger, GpuRequest, DevicePolicy, number[][]][] = [
    [
      'pack takes the fullest device, lowest of equals',
      ledgerOf(devices(4, 100), used),
      one(fraction(200)),
      'pack',
      [[1]],
    ],
    ['pack skips what does not fit', ledgerOf(devices(4, 100), used), one(fraction(600)), 'pack', [[2]]],
    [
      'pack takes the fullest ones for several',
      ledgerOf(devices(4, 100), used),
      one(fraction(200), 3),
      'pack',
      [[1, 2, 3]],
    ],
    ['spread takes the emptiest', ledgerOf(devices(4, 100), used), one(fraction(200)), 'spread', [[0]]],
    [
      'spread takes the emptiest ones for several',
      ledgerOf(devices(4, 100), used),
      one(fraction(200), 2),
      'spread',
      [[0, 2]],
    ],
    [
      'pack takes the smallest of idle devices',
      ledgerOf([device(0, 81920), device(1, 15360)]),
      one(memory(8000)),
      'pack',
      [[1]],
    ],
    [
      'pack counts memory as well as compute',
      ledgerOf(devices(2, 100), [
        [10, 0],
        [0, 5],
      ]),
      one(memory(5)),
      'pack',
      [[0]],
    ],
    [
      'pack puts containers of one pod on one device',
      ledgerOf(devices(4, 100)),
      requestOf([{ share: fraction(300) }, { share: fraction(300) }]),
      'pack',
      [[0], [0]],
    ],
    [
      'spread puts containers of one pod on different devices',
      ledgerOf(devices(4, 100)),
      requestOf([{ share: fraction(300) }, { share: fraction(300) }]),
      'spread',
      [[0], [1]],
    ],
    ['link takes the best connected pair', ledgerOf(linked(8, quads)), one(WHOLE, 2), 'link', [[6, 7]]],
    ['link takes a whole group', ledgerOf(linked(8, quads)), one(WHOLE, 4), 'link', [[4, 5, 6, 7]]],
    [
      'link takes lowest positions where links are unknown',
      ledgerOf(devices(8, 100)),
      one(WHOLE, 3),
      'link',
      [[0, 1, 2]],
    ],
    ['link takes one device where it hurts least', ledgerOf(linked(5, chain)), one(WHOLE), 'link', [[0]]],
    [
      'link takes the one of equally full devices whose links are weakest',
      ledgerOf(
        linked(4, (a, b) => (a === b ? 0 : a === 2 || b === 2 ? 10 : 100)),
        [
          [50, 500],
          [50, 500],
          [50, 500],
          [50, 500],
        ],
      ),
      one(fraction(200)),
      'link',
      [[2]],
    ],
    [
      'link takes a share of a device that is in use',
      ledgerOf(linked(5, chain), [
        [0, 0],
        [0, 0],
        [20, 200],
      ]),
      one(fraction(200)),
      'link',
      [[2]],
    ],
    ['numa stays in one node', ledgerOf(numa(0, 1, 0, 1)), one(WHOLE, 2), 'numa', [[0, 2]]],
    [
      'numa takes the tightest node',
      ledgerOf(numa(0, 1, 0, 1), [
        [0, 0],
        [50, 500],
      ]),
      requestOf([{ share: fraction(500) }, { share: fraction(500) }]),
      'numa',
      [[1], [3]],
    ],
    ['numa crosses nodes where it must', ledgerOf(numa(0, 1, null)), one(WHOLE, 3), 'numa', [[0, 1, 2]]],
    [
      'an init container uses what the app uses later',
      ledgerOf(devices(2, 100), [
        [0, 0],
        [100, 1000],
      ]),
      requestOf([{ role: 'init', share: fraction(900) }, { share: fraction(800) }]),
      'pack',
      [[0], [0]],
    ],
    [
      'an init container stays off the device of a sidecar that fills it',
      ledgerOf(devices(2, 100)),
      requestOf([
        { role: 'sidecar', share: fraction(800) },
        { role: 'init', share: fraction(300) },
        { share: fraction(200) },
      ]),
      'pack',
      [[0], [1], [0]],
    ],
  ];
  it.each(cases)('%s', (_, ledger, request, policy, expected) => {
    expect(positions(ledger, request, policy)).toEqual(expected);
  });

  it('required numa and link give the same choice where it exists', () => {
    expect(positions(ledgerOf(numa(0, 1, 0, 1)), one(WHOLE, 2), 'numa', true)).toEqual([[0, 2]]);
    expect(positions(ledgerOf(linked(5, chain), [[100, 1000]]), one(WHOLE, 2), 'link', true)).toEqual([[1, 2]]);
  });

  const refusals: [string, DeviceLedger, GpuRequest, DevicePolicy, boolean, string][] = [
    ['no devices', ledgerOf([]), one(WHOLE), 'pack', false, 'gpu-none'],
    ['too few', ledgerOf(devices(2, 100)), one(WHOLE, 3), 'pack', false, 'gpu-too-few'],
    [
      'too few healthy',
      ledgerOf([device(0, 100), device(1, 100, { healthy: false })]),
      one(WHOLE, 2),
      'pack',
      false,
      'gpu-too-few',
    ],
    ['all unhealthy', ledgerOf(devices(1, 100, { healthy: false })), one(WHOLE), 'pack', false, 'gpu-too-few'],
    [
      'wrong model',
      ledgerOf(devices(1, 100)),
      one(WHOLE, 1, { models: { allow: ['H100'], deny: [] } }),
      'pack',
      false,
      'gpu-model',
    ],
    [
      'denied model',
      ledgerOf(devices(1, 100)),
      one(WHOLE, 1, { models: { allow: [], deny: ['a100'] } }),
      'pack',
      false,
      'gpu-model',
    ],
    [
      'uuid of another node',
      ledgerOf(devices(1, 100)),
      one(WHOLE, 1, { uuids: { allow: ['GPU-7'], deny: [] } }),
      'pack',
      false,
      'gpu-model',
    ],
    [
      'part of a uuid',
      ledgerOf(devices(1, 100)),
      one(WHOLE, 1, { uuids: { allow: ['GPU-'], deny: [] } }),
      'pack',
      false,
      'gpu-model',
    ],
    ['too small', ledgerOf(devices(2, 100), [[90, 0]]), one(memory(101)), 'pack', false, 'gpu-too-small'],
    [
      'one large device is not two',
      ledgerOf([device(0, 200), device(1, 100)]),
      one(memory(150), 2),
      'pack',
      false,
      'gpu-too-few',
    ],
    [
      'more than an empty node',
      ledgerOf(devices(1, 100)),
      requestOf([{ share: WHOLE }, { share: fraction(1) }]),
      'pack',
      false,
      'gpu-too-few',
    ],
    [
      'full',
      ledgerOf(devices(2, 100), [
        [100, 1000],
        [90, 900],
      ]),
      one(fraction(200)),
      'pack',
      false,
      'gpu-full',
    ],
    ['full of memory', ledgerOf(devices(1, 100), [[80, 0]]), one(memory(30)), 'pack', false, 'gpu-full'],
    [
      'fragmented',
      ledgerOf(devices(2, 100), [
        [60, 600],
        [60, 600],
      ]),
      one(fraction(500)),
      'pack',
      false,
      'gpu-fragmented',
    ],
    [
      'fragmented for a whole device',
      ledgerOf(devices(2, 100), [
        [10, 100],
        [90, 900],
      ]),
      one(WHOLE),
      'pack',
      false,
      'gpu-fragmented',
    ],
    [
      'links across groups only',
      ledgerOf(linked(4, chain), [
        [0, 0],
        [100, 1000],
      ]),
      one(WHOLE, 3),
      'link',
      true,
      'gpu-topology',
    ],
    [
      'NUMA nodes too small now',
      ledgerOf(numa(0, 1, 0, 1), [
        [100, 1000],
        [100, 1000],
      ]),
      one(WHOLE, 2),
      'numa',
      true,
      'gpu-topology',
    ],
    ['NUMA unknown', ledgerOf(numa(null)), one(WHOLE), 'numa', true, 'gpu-topology'],
    [
      'required numa, but full anyway',
      ledgerOf(numa(0, 1), [
        [100, 1000],
        [90, 900],
      ]),
      one(WHOLE),
      'numa',
      true,
      'gpu-full',
    ],
  ];
  it.each(refusals)('%s', (_, ledger, request, policy, required, reason) => {
    expect(positions(ledger, request, policy, required)).toBe(reason);
  });

  it('a device that is awaited is kept from others and named as the cause', () => {
    const ledger = ledgerOf(devices(1, 100));
    const awaited = [{ uuid: 'GPU-0', index: 0, mib: 100, milli: 1000 }];
    ledger.await(awaited);
    expect(positions(ledger, one(fraction(1)), 'pack')).toBe('gpu-awaited');
    ledger.take([{ uuid: 'GPU-0', index: 0, mib: 100, milli: 1000 }]);
    expect(positions(ledger, one(fraction(1)), 'pack')).toBe('gpu-full');
    ledger.give(awaited);
    ledger.unawait(awaited);
    expect(positions(ledger, one(WHOLE), 'pack')).toEqual([[0]]);
  });

  it('models match anywhere in the name whatever the case, and deny wins', () => {
    const list = [device(0, 100, { model: 'NVIDIA-H100' }), device(1, 100, { model: 'Tesla-T4' }), device(2, 100)];
    const request = one(WHOLE, 1, { models: { allow: ['h100', 'a100'], deny: ['nvidia-h'] } });
    expect(positions(ledgerOf(list), request, 'pack')).toEqual([[2]]);
  });
});

describe('score inputs', () => {
  it('say what the pod adds, what it opens and what stays', () => {
    const ledger = ledgerOf(devices(3, 200), [[100, 400]]);
    const out = newVerdict();
    expect(verdict(ledger, one(fraction(250), 2), 'pack', false, out)).toBe(true);
    expect(Array.from(out.positions.subarray(0, out.touched))).toEqual([0, 1]);
    expect(Array.from(out.addMib.subarray(0, out.touched))).toEqual([50, 50]);
    expect(out).toMatchObject({ touched: 2, opened: 1, leftover: 250 + 750, linkWeight: 0, reason: null });
  });
});

// The oracle: every assignment, checked by simulating the start of each container.

function* sets(from: readonly number[], count: number): Generator<readonly number[]> {
  if (count === 0) yield [];
  else {
    for (let at = 0; at <= from.length - count; at++) {
      for (const rest of sets(from.slice(at + 1), count - 1)) yield [from[at]!, ...rest];
    }
  }
}

function startsEverywhere(ledger: DeviceLedger, request: GpuRequest, choice: readonly (readonly number[])[]): boolean {
  const running: number[] = [];
  const fits = (): boolean =>
    ledger.devices.every((entry, position) => {
      let mib = 0;
      let milli = 0;
      for (const container of running) {
        if (!choice[container]!.includes(position)) continue;
        mib += mibOn(request.containers[container]!.share, entry.mib);
        milli += request.containers[container]!.share.milli;
      }
      return mib === 0 || (mib <= ledger.freeMib(position) && milli <= ledger.freeMilli(position));
    });
  for (const [container, { role }] of request.containers.entries()) {
    if (choice[container] === undefined) continue;
    running.push(container);
    if (!fits()) return false;
    if (role === 'init') running.pop();
  }
  return true;
}

function oracle(ledger: DeviceLedger, request: GpuRequest, policy: DevicePolicy, required: boolean): boolean {
  const healthy = ledger.devices.flatMap((entry, position) => (entry.healthy ? [position] : []));
  const linked = (set: readonly number[]): boolean => isIsland(ledger.devices, set);
  const descend = (choice: (readonly number[])[], allowed: readonly number[]): boolean => {
    const need = request.containers[choice.length];
    if (need === undefined) return true;
    for (const set of sets(allowed, need.count)) {
      if (required && policy === 'link' && !linked(set)) continue;
      choice.push(set);
      if (startsEverywhere(ledger, request, choice) && descend(choice, allowed)) return true;
      choice.pop();
    }
    return false;
  };
  if (!required || policy !== 'numa') return descend([], healthy);
  return [0, 1].some((node) =>
    descend(
      [],
      healthy.filter((position) => ledger.devices[position]!.numa === node),
    ),
  );
}

describe('laws', () => {
  const anyPolicy = fc.constantFrom(...DEVICE_POLICIES);

  it('a placement is found exactly when one exists', () => {
    let fit = 0;
    let unfit = 0;
    fc.assert(
      fc.property(anyLedger(4), anyRequest(4, 3), anyPolicy, fc.boolean(), (ledger, request, policy, required) => {
        const exists = oracle(ledger, request, policy, required);
        if (exists) fit++;
        else unfit++;
        expect(place(ledger, request, policy, required).fits).toBe(exists);
      }),
      { numRuns: 3000 },
    );
    expect(Math.min(fit, unfit)).toBeGreaterThan(600);
  });

  it('what is placed uses healthy, different devices and never passes 100 % of one', () => {
    fc.assert(
      fc.property(anyLedger(9), anyRequest(7, 4), anyPolicy, fc.boolean(), (ledger, request, policy, required) => {
        const placed = place(ledger, request, policy, required);
        if (!placed.fits) return;
        const choice = placed.claim.containers.map(({ devices: shares }) =>
          shares.map((share) => ledger.positionOf(share)),
        );
        choice.forEach((set, container) => {
          expect(new Set(set).size).toBe(request.containers[container]!.count);
          expect(set.every((position) => ledger.devices[position]!.healthy)).toBe(true);
        });
        expect(startsEverywhere(ledger, request, choice)).toBe(true);
        expect(ledger.take(peakOf(placed.claim))).toEqual([]);
      }),
      { numRuns: 1000 },
    );
  });

  it('the same input gives the same answer, changes nothing, and verdict agrees with place and with the peak', () => {
    const out = newVerdict();
    fc.assert(
      fc.property(anyLedger(6), anyRequest(4, 3), anyPolicy, fc.boolean(), (ledger, request, policy, required) => {
        const before = ledger.clone();
        const placed = place(ledger, request, policy, required);
        expect(verdict(ledger, request, policy, required, out)).toBe(placed.fits);
        expect(place(ledger.clone(), request, policy, required)).toEqual(placed);
        expect(ledger.usedMib).toEqual(before.usedMib);
        expect(ledger.awaitedMilli).toEqual(before.awaitedMilli);
        if (!placed.fits) {
          expect(out.reason).toBe(placed.reason);
          return;
        }
        const added = Array.from({ length: out.touched }, (_, at) => ({
          position: out.positions[at]!,
          mib: out.addMib[at]!,
          milli: out.addMilli[at]!,
        }));
        const peak = peakOf(placed.claim)
          .map((share) => ({ position: ledger.positionOf(share), mib: share.mib, milli: share.milli }))
          .sort((a, b) => a.position - b.position);
        expect(added).toEqual(peak);
      }),
      { numRuns: 1000 },
    );
  });
});
