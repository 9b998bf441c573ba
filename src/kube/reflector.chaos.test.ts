/** Random changes and random faults: whatever happens, the sink ends up equal to the server, and each uid's story is in order. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../test/build/manual-clock.ts';
import { ApiDouble, sendStatus } from '../../test/kit/api-double.ts';
import { eventually } from '../../test/kit/eventually.ts';
import { inlineDecoder } from './inline-decoder.ts';
import { Reflector } from './reflector.ts';
import { connect } from './undici-adapter.ts';

const name = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('put' as const), name }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete' as const), name }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('compact', 'break', 'end', 'garbage', 'half-line', 'refuse', 'bookmark', 'tick', 'breathe'),
      name,
    }),
  },
);

describe('a reflector', () => {
  it('ends up with what the server has, whatever happened in between', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.boolean(), async (steps, watchList) => {
        const api = await new ApiDouble().start();
        const transport = await connect({ server: api.url, component: 'test' });
        const clock = new ManualClock();
        const alive = new Map<string, string>();
        const faults: string[] = [];
        const reflector = new Reflector<string>({
          transport,
          clock,
          rng: { next: () => 0.5 },
          decoder: inlineDecoder(() => 'pod'),
          path: '/api/v1/pods',
          pageSize: 2,
          watchList,
          sink: {
            upsert: ({ uid, name, resourceVersion }) => {
              for (const [other, state] of alive) {
                if (other !== uid && state.startsWith(`${name}@`)) faults.push(`${uid} came before ${other} went`);
              }
              alive.set(uid, `${name}@${resourceVersion}`);
            },
            remove: ({ uid }) => {
              if (!alive.delete(uid)) faults.push(`${uid} went twice`);
            },
            synced: () => {},
          },
        });
        const inSync = (): boolean => JSON.stringify([...alive.values()].sort()) === JSON.stringify(api.state());
        try {
          reflector.start();
          for (const { kind, name } of steps) {
            if (kind === 'put') api.put(name);
            else if (kind === 'delete') {
              if (api.state().some((state) => state.startsWith(`${name}@`))) api.delete(name);
            } else if (kind === 'compact') api.compact();
            else if (kind === 'break') api.breakWatches();
            else if (kind === 'end') api.endWatches();
            else if (kind === 'garbage') api.raw('{"type":\n');
            else if (kind === 'half-line') api.raw('{"type":"MOD');
            else if (kind === 'bookmark') api.bookmark();
            else if (kind === 'tick') clock.advance(2_000);
            else if (kind === 'breathe') await new Promise((resolve) => setTimeout(resolve, 3));
            else {
              let left = 2;
              api.intercept = (_, response) => {
                left -= 1;
                if (left < 0) return false;
                sendStatus(response, left === 0 ? 500 : 429, 'No', 'no', { 'retry-after': '1' });
                return true;
              };
            }
          }
          // a half line swallows the event after it until the stream ends; nothing else ends it
          api.breakWatches();
          await eventually(() => {
            clock.advance(1_000);
            return inSync() && reflector.stats.live && api.watches === 1;
          });
          expect(faults).toEqual([]);
          expect(reflector.size).toBe(api.state().length);
        } finally {
          await reflector.stop();
          await transport.close();
          await api.stop();
        }
      }),
      { numRuns: 60 },
    );
  }, 60_000);
});
