/** What HAMi expects of its own parser (cases of other schedulers; they live beside the repository). */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { pod } from '../../test/build/asking-pods.ts';
import type { GpuAsk } from '../core/placement/pod-facts.ts';
import { readAsk } from './ask.ts';

const FILE = new URL('../../../shared/data/cases/hami/device__nvidia__device.json', import.meta.url);

type Parsed = { count: number; memMiB?: number; memPercent?: number; cores: number };
type Case = {
  name: string;
  kind: string;
  limits: Record<string, string>;
  requests: Record<string, string>;
  expect: { request: Parsed | null };
};

/** Where we mean something else, and why. */
const BY_DESIGN: Record<string, { ours: Parsed; why: string }> = {
  'memory percentage of 0 in Requests — treated as unset': {
    ours: { count: 1, memPercent: 100, cores: 100 },
    why: 'a bare count is whole devices with their compute, as with the vendor’s plugin',
  },
};

/** Our answer in HAMi's terms. A refusal is no request there. */
function inTheirTerms(ask: GpuAsk): Parsed | null {
  if (ask.kind !== 'request') return null;
  const need = ask.request.containers[0];
  if (need === undefined) return null;
  const { memory, milli } = need.share;
  const amount = 'mib' in memory ? { memMiB: memory.mib } : { memPercent: memory.milli / 10 };
  return { count: need.count, ...amount, cores: milli / 10 };
}

describe.skipIf(!existsSync(FILE))('HAMi’s parse-request cases (skipped where ../shared/data is absent)', () => {
  const cases: Case[] = existsSync(FILE)
    ? JSON.parse(readFileSync(FILE, 'utf8')).cases.filter(({ kind }: Case) => kind === 'parse-request')
    : [];
  it('there are cases, and every difference by design is one of them', () => {
    expect(cases.length).toBeGreaterThan(0);
    const names = cases.map(({ name }) => name);
    for (const name of Object.keys(BY_DESIGN)) expect(names).toContain(name);
  });
  for (const { name, limits, requests, expect: theirs } of cases) {
    const different = BY_DESIGN[name];
    it(different === undefined ? name : `${name}: by design, ${different.why}`, () => {
      const ask = readAsk(pod({}, { containers: [{ name: 'a', resources: { limits, requests } }] }));
      expect(inTheirTerms(ask)).toEqual(different?.ours ?? theirs.request);
    });
  }
});
