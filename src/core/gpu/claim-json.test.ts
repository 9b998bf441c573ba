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
import { bindAnnotations } from './bind-annotations.ts';
import type { Claim, ContainerClaim } from './claim.ts';
import { decodeClaim, encodeClaim } from './claim-json.ts';
import { place } from './fit.ts';

const container = (more: object): string =>
  JSON.stringify({
    containers: [{ name: 'a', slot: 'c0', devices: [{ uuid: 'GPU-0', index: 0, mib: 1, milli: 1 }], ...more }],
  });
const share = (more: object): string =>
  container({ devices: [{ uuid: 'GPU-0', index: 0, mib: 10, milli: 100, ...more }] });

describe('the claim annotation', () => {
  it('comes back as it was written', () => {
    let claims = 0;
    fc.assert(
      fc.property(anyLedger(6), anyRequest(4, 2), (ledger, request) => {
        const placed = place(ledger, request, 'spread', false);
        if (!placed.fits) return;
        claims++;
        expect(decodeClaim(encodeClaim(placed.claim))).toEqual({ ok: true, claim: placed.claim });
      }),
      { numRuns: 300 },
    );
    expect(claims).toBeGreaterThan(20);
  });

  it('is read in the order of a claim whatever its own order, with unknown keys ignored', () => {
    const text = JSON.stringify({
      later: true,
      containers: ['c10', 'c2', 'i1', 'i0'].map((slot) => ({
        name: slot,
        slot,
        note: 'x',
        devices: [{ index: 0, mib: 1, milli: 0, more: {} }],
      })),
    });
    const read = decodeClaim(text);
    expect(read.ok && read.claim.containers.map((c: ContainerClaim) => c.slot)).toEqual(['i0', 'i1', 'c2', 'c10']);
    expect(read.ok && read.claim.containers[0]).toEqual({
      name: 'i0',
      slot: 'i0',
      sidecar: false,
      devices: [{ uuid: null, index: 0, mib: 1, milli: 0 }],
    });
  });

  it.each([
    ['nothing', '', 'not JSON'],
    ['half a claim', container({}).slice(0, -3), 'not JSON'],
    ['null', 'null', 'claim.containers'],
    ['a list', '[]', 'claim.containers'],
    ['no containers', '{"containers":[]}', 'claim.containers'],
    ['containers by name', '{"containers":{"a":{}}}', 'claim.containers'],
    ['a container that is null', '{"containers":[null]}', 'containers[0]'],
    ['too many containers', JSON.stringify({ containers: Array.from({ length: 65 }, () => 1) }), 'claim.containers'],
    ['too long a text', `"${'x'.repeat(270_000)}"`, 'longer'],
    ['deep nesting', '['.repeat(30_000) + ']'.repeat(30_000), 'claim'],
    ['no name', container({ name: '' }), 'name'],
    ['slot of another kind', container({ slot: 'x0' }), 'slot'],
    ['slot with leading zero', container({ slot: 'c00' }), 'slot'],
    ['sidecar among app containers', container({ sidecar: true }), 'sidecar'],
    ['sidecar as text', container({ slot: 'i0', sidecar: 'true' }), 'sidecar'],
    ['no devices', container({ devices: [] }), 'devices'],
    ['uuid with comma', share({ uuid: 'GPU-0,GPU-1' }), 'uuid'],
    ['empty uuid', share({ uuid: '' }), 'uuid'],
    ['uuid all', share({ uuid: 7 }), 'uuid'],
    ['negative index', share({ index: -1 }), 'index'],
    ['minus zero', '{"containers":[{"name":"a","slot":"c0","devices":[{"index":-0,"mib":1,"milli":1}]}]}', 'index'],
    ['fraction of MiB', share({ mib: 1.5 }), 'mib'],
    ['no MiB', share({ mib: 0 }), 'mib'],
    ['MiB as text', share({ mib: '10' }), 'mib'],
    ['MiB beyond any device', share({ mib: 2 ** 24 + 1 }), 'mib'],
    ['infinite', share({}).replace('"mib":10', '"mib":1e999'), 'mib'],
    ['more than a device', share({ milli: 1001 }), 'milli'],
    ['no milli', share({ milli: undefined }), 'milli'],
  ])('with %s is refused and says where', (_, text, where) => {
    const read = decodeClaim(text);
    expect(read.ok ? '' : read.error).toContain(where);
  });

  it('refuses a slot or a device that appears twice', () => {
    const twice = (text: string): string => {
      const read = decodeClaim(text);
      return read.ok ? '' : read.error;
    };
    const entry = { name: 'a', slot: 'c0', devices: [{ uuid: 'GPU-0', index: 0, mib: 1, milli: 1 }] };
    expect(twice(JSON.stringify({ containers: [entry, entry] }))).toContain('c0 appears twice');
    expect(twice(container({ devices: [...entry.devices, ...entry.devices] }))).toContain('devices[1] appears twice');
  });

  it('never throws', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.jsonValue().map((v) => container({ devices: v })),
        ),
        (text) => {
          const read = decodeClaim(text);
          expect(read.ok || read.error.length > 0).toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('what a Binding carries', () => {
  const claimed = (request: Parameters<typeof place>[1], list = devices(3, 8000)): Claim => {
    const placed = place(ledgerOf(list), request, 'pack', false);
    if (!placed.fits) throw new Error(placed.reason);
    return placed.claim;
  };
  const without = (annotations: Record<string, string>): Record<string, string> => {
    const { 'muster.dev/claim': claim = '', ...rest } = annotations;
    expect(decodeClaim(claim).ok).toBe(true);
    return rest;
  };

  it.each<[string, Claim, Record<string, string>]>([
    [
      'a fraction is limited in memory and compute',
      claimed(one(fraction(255))),
      {
        'muster.dev/visible-devices.c0': 'GPU-0',
        'muster.dev/gpu-memory-limit.c0': '2040m',
        'muster.dev/gpu-sm-limit.c0': '26',
      },
    ],
    [
      'whole devices are not limited',
      claimed(one(WHOLE, 2)),
      {
        'muster.dev/visible-devices.c0': 'GPU-0,GPU-1',
        'muster.dev/gpu-memory-limit.c0': '',
        'muster.dev/gpu-sm-limit.c0': '0',
      },
    ],
    [
      'memory only has no limit of compute',
      claimed(one(memory(500))),
      {
        'muster.dev/visible-devices.c0': 'GPU-0',
        'muster.dev/gpu-memory-limit.c0': '500m',
        'muster.dev/gpu-sm-limit.c0': '0',
      },
    ],
    [
      'all compute with some memory is limited in memory only',
      claimed(one(memory(500, 1000))),
      {
        'muster.dev/visible-devices.c0': 'GPU-0',
        'muster.dev/gpu-memory-limit.c0': '500m',
        'muster.dev/gpu-sm-limit.c0': '0',
      },
    ],
    [
      'every container has its own',
      claimed(requestOf([{ role: 'init', share: fraction(1) }, { share: fraction(500) }])),
      {
        'muster.dev/visible-devices.i0': 'GPU-0',
        'muster.dev/gpu-memory-limit.i0': '8m',
        'muster.dev/gpu-sm-limit.i0': '1',
        'muster.dev/visible-devices.c0': 'GPU-0',
        'muster.dev/gpu-memory-limit.c0': '4000m',
        'muster.dev/gpu-sm-limit.c0': '50',
      },
    ],
  ])('%s', (_, claim, expected) => {
    expect(without(bindAnnotations(claim, devices(3, 8000)))).toEqual(expected);
  });

  it('devices without uuid are named by index, and of different sizes the smallest limit holds', () => {
    const list = [device(2, 8000, { uuid: null }), device(5, 4000, { uuid: null })];
    expect(without(bindAnnotations(claimed(one(fraction(500), 2), list), list))).toEqual({
      'muster.dev/visible-devices.c0': '2,5',
      'muster.dev/gpu-memory-limit.c0': '2000m',
      'muster.dev/gpu-sm-limit.c0': '50',
    });
  });
});
