import { afterEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../test/build/manual-clock.ts';
import { ApiDouble, sendStatus } from '../../test/kit/api-double.ts';
import { eventually } from '../../test/kit/eventually.ts';
import type { Item, Sink } from './delivered.ts';
import type { ReflectorError } from './errors.ts';
import { inlineDecoder } from './inline-decoder.ts';
import { nodeClock } from './node-adapter.ts';
import type { Clock, Transport } from './ports.ts';
import { Reflector, type ReflectorOptions } from './reflector.ts';
import { connect } from './undici-adapter.ts';

type Pod = { node: string };
const projectPod = (object: unknown): Pod | null => {
  const { spec } = object as { spec: { node?: unknown; broken?: unknown } };
  if (spec.broken === true) return null;
  return { node: typeof spec.node === 'string' ? spec.node : '' };
};

/** Keeps what a sink is told, as sentences and as the resulting state. */
class Recorder implements Sink<Pod> {
  readonly log: string[] = [];
  readonly byUid = new Map<string, Item<Pod>>();
  failOn: string | null = null;

  upsert(item: Item<Pod>): void {
    this.log.push(`upsert ${item.name} ${item.uid}`);
    if (item.name === this.failOn) throw new Error('sink cannot take it');
    this.byUid.set(item.uid, item);
  }

  remove(key: { uid: string; name: string }): void {
    this.log.push(`remove ${key.name} ${key.uid}`);
    this.byUid.delete(key.uid);
  }

  synced(): void {
    this.log.push('synced');
  }

  state(): string[] {
    return [...this.byUid.values()].map((item) => `${item.name}@${item.resourceVersion}`).sort();
  }

  /** what was told since the last call */
  take(): string[] {
    return this.log.splice(0);
  }
}

const cleanup: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const step of cleanup.splice(0).reverse()) await step();
});

async function setUp(options: Partial<ReflectorOptions<Pod>> & { prepare?: (api: ApiDouble) => void } = {}): Promise<{
  api: ApiDouble;
  clock: ManualClock;
  sink: Recorder;
  errors: ReflectorError[];
  reflector: Reflector<Pod>;
  inSync: () => boolean;
}> {
  const { prepare, ...overrides } = options;
  const api = await new ApiDouble().start();
  cleanup.push(() => api.stop());
  prepare?.(api);
  const transport: Transport = await connect({ server: api.url, component: 'test', clock: nodeClock });
  cleanup.push(() => transport.close());
  const clock = new ManualClock();
  const sink = new Recorder();
  const errors: ReflectorError[] = [];
  const reflector = new Reflector<Pod>({
    transport,
    clock: clock satisfies Clock,
    rng: { next: () => 0 },
    decoder: inlineDecoder(projectPod),
    sink,
    path: '/api/v1/pods',
    onError: (error) => errors.push(error),
    ...overrides,
  });
  cleanup.push(() => reflector.stop());
  reflector.start();
  const inSync = (): boolean => JSON.stringify(sink.state()) === JSON.stringify(api.state());
  return { api, clock, sink, errors, reflector, inSync };
}

const five = (api: ApiDouble): void => {
  for (let i = 1; i <= 5; i += 1) api.put(`p${i}`);
};
const paged = { watchList: false, pageSize: 2, prepare: five };

describe.each([
  { way: 'WatchList', options: { prepare: five }, lists: 0 },
  { way: 'pages', options: paged, lists: 3 },
])('the first list by $way', ({ options, lists }) => {
  it('delivers everything, then synced once, and goes on with the watch', async () => {
    const { api, sink, reflector, inSync } = await setUp(options);
    await reflector.whenSynced();
    expect(sink.take()).toEqual([1, 2, 3, 4, 5].map((i) => `upsert p${i} uid-${i}`).concat('synced'));
    expect(api.requestsOf('list')).toHaveLength(lists);
    await eventually(() => reflector.stats.live && api.watches === 1);
    api.put('p1', { node: 'n1' });
    api.delete('p2');
    api.put('p6');
    await eventually(inSync);
    expect(sink.take()).toEqual(['upsert p1 uid-1', 'remove p2 uid-2', 'upsert p6 uid-6']);
    expect(reflector.stats).toMatchObject({ lists: 1, relists: 0, reconnects: 0, decodeErrors: 0 });
  });

  it('is consistent: no request names resourceVersion=0, every watch asks for bookmarks and a time limit', async () => {
    const { api, reflector } = await setUp(options);
    await eventually(() => reflector.stats.live && api.watches === 1);
    for (const url of api.requests) expect(url.searchParams.get('resourceVersion')).not.toBe('0');
    for (const { searchParams } of api.requestsOf('watch')) {
      expect(searchParams.get('allowWatchBookmarks')).toBe('true');
      expect(Number(searchParams.get('timeoutSeconds'))).toBeGreaterThanOrEqual(300);
      expect(Number(searchParams.get('timeoutSeconds'))).toBeLessThanOrEqual(600);
    }
  });

  it('resumes where a broken watch ended, without a list', async () => {
    const { api, clock, sink, reflector, inSync } = await setUp(options);
    await eventually(() => reflector.stats.live && api.watches === 1);
    const listed = api.requestsOf('list').length;
    sink.take();
    api.breakWatches();
    api.put('p6');
    api.delete('p1');
    await eventually(() => reflector.stats.reconnects === 1 && clock.nextInMs !== null);
    clock.advance(200);
    await eventually(inSync);
    expect(sink.take()).toEqual(['upsert p6 uid-6', 'remove p1 uid-1']);
    expect(api.requestsOf('list')).toHaveLength(listed);
    expect(reflector.stats.relists).toBe(0);
  });

  it('relist resolves when the sink has heard what the watch withheld, without a pause', async () => {
    const { api, sink, errors, reflector, inSync } = await setUp(options);
    await eventually(() => reflector.stats.live && api.watches === 1);
    sink.take();
    api.put('p6');
    api.delete('p1');
    // nothing of the watch has been read yet: both calls come in the same turn as the changes
    await Promise.all([reflector.relist(), reflector.relist()]);
    expect(inSync()).toBe(true);
    expect(sink.take()).toContain('synced');
    expect(reflector.stats.relists).toBe(1);
    await eventually(() => reflector.stats.live);
    api.put('p7');
    await eventually(inSync);
    expect(errors).toEqual([]);
  });

  it('relist is heard also while a watch is being opened', async () => {
    const { api, clock, reflector, inSync } = await setUp(options);
    await eventually(() => reflector.stats.live && api.watches === 1);
    const opening: (() => void)[] = [];
    api.intercept = (url, response) => {
      if (!url.searchParams.has('resourceVersion')) return false;
      opening.push(() => response.writeHead(200).flushHeaders());
      return true;
    };
    clock.advance(5_000);
    api.endWatches();
    await eventually(() => opening.length === 1);
    api.put('p6');
    const relisted = reflector.relist();
    api.intercept = () => false;
    opening[0]?.();
    await relisted;
    expect(inSync()).toBe(true);
  });

  it('lists again after 410 and delivers only what differs', async () => {
    const { api, clock, sink, errors, reflector, inSync } = await setUp(options);
    await eventually(() => reflector.stats.live && api.watches === 1);
    clock.advance(60_000);
    sink.take();
    api.breakWatches();
    api.delete('p3');
    api.put('p4', { node: 'n4' });
    api.put('p9');
    api.compact();
    await eventually(() => clock.nextInMs === 100);
    clock.advance(200);
    // the broken watch had its pause; the 410 says that the server answers, and adds none
    await eventually(() => errors.some((error) => error.code === 'expired') && inSync());
    expect(sink.take().toSorted()).toEqual(['remove p3 uid-3', 'synced', 'upsert p4 uid-4', 'upsert p9 uid-6']);
    expect(reflector.stats.relists).toBe(1);
  });

  it('lists at once when the first answer after a long outage is a 410', async () => {
    const { api, clock, errors, reflector, inSync } = await setUp(options);
    await eventually(() => reflector.stats.live && api.watches === 1);
    api.intercept = (_url, response) => {
      response.destroy();
      return true;
    };
    api.breakWatches();
    // pauses grow to half a minute meanwhile
    for (let failures = 0; failures < 12; failures++) {
      await eventually(() => errors.length > failures && clock.nextInMs !== null);
      clock.advance(30_000);
    }
    api.put('p9');
    api.compact();
    api.intercept = () => false;
    // no time passes any more
    await eventually(() => errors.at(-1)?.code === 'expired' && inSync());
  });

  it('shows a recreation in a gap as the end of one uid and the start of another', async () => {
    const { api, clock, sink, reflector, inSync } = await setUp(options);
    await eventually(() => reflector.stats.live && api.watches === 1);
    sink.take();
    api.breakWatches();
    api.delete('p2');
    api.put('p2');
    api.compact();
    while (!inSync()) {
      await eventually(() => inSync() || clock.nextInMs !== null);
      clock.advance(1_000);
    }
    expect(sink.take()).toEqual(['remove p2 uid-2', 'upsert p2 uid-6', 'synced']);
  });
});

describe('a watch', () => {
  it('that the server ends in good order is opened again at once', async () => {
    const { api, clock, reflector } = await setUp({ prepare: five });
    await eventually(() => reflector.stats.live && api.watches === 1);
    clock.advance(5_000);
    api.endWatches();
    await eventually(() => api.requestsOf('watch').length === 2);
    expect(reflector.stats.reconnects).toBe(0);
  });

  it('that ends as soon as it began is not opened again in a tight loop', async () => {
    const { api, clock } = await setUp({ prepare: five });
    await eventually(() => api.watches === 1);
    api.endWatches();
    await eventually(() => clock.nextInMs === 100);
    expect(api.requestsOf('watch')).toHaveLength(1);
  });

  it('moves its resourceVersion with bookmarks', async () => {
    const { api, clock, reflector } = await setUp({ prepare: five });
    await eventually(() => reflector.stats.live && api.watches === 1);
    const events = reflector.stats.events;
    api.bookmark();
    await eventually(() => reflector.stats.events === events + 1);
    clock.advance(5_000);
    api.endWatches();
    await eventually(() => api.requestsOf('watch').length === 2);
    expect(api.requestsOf('watch')[1]?.searchParams.get('resourceVersion')).toBe('106');
  });

  it('that falls silent is dropped a little after the time limit the server was given', async () => {
    const { api, clock, errors, reflector } = await setUp({ prepare: five });
    await eventually(() => reflector.stats.live && api.watches === 1);
    clock.advance(314_000);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(api.watches).toBe(1);
    clock.advance(1_000);
    await eventually(() => errors.length === 1 && api.watches === 0);
    expect(errors[0]?.code).toBe('silent');
    await eventually(() => clock.nextInMs !== null);
    clock.advance(200);
    await eventually(() => api.watches === 1);
  });

  it('that speaks in time is kept', async () => {
    const { api, clock, errors, reflector } = await setUp({ prepare: five });
    await eventually(() => reflector.stats.live && api.watches === 1);
    for (let round = 0; round < 4; round += 1) {
      const events = reflector.stats.events;
      clock.advance(200_000);
      api.bookmark();
      await eventually(() => reflector.stats.events === events + 1);
    }
    expect(errors).toEqual([]);
    expect(api.requestsOf('watch')).toHaveLength(1);
  });

  it('that repeats events tells the sink nothing twice', async () => {
    const { api, sink, reflector } = await setUp({ prepare: five });
    await eventually(() => reflector.stats.live && api.watches === 1);
    const pod = api.put('p1', { node: 'n1' });
    api.raw(`${JSON.stringify({ type: 'MODIFIED', object: pod })}\n`.repeat(3));
    api.delete('p5');
    await eventually(() => sink.log.includes('remove p5 uid-5'));
    expect(sink.log.filter((line) => line === 'upsert p1 uid-1')).toHaveLength(2);
  });

  it('ignores a late deletion of an older uid', async () => {
    const { api, sink, reflector } = await setUp({ prepare: five });
    await eventually(() => reflector.stats.live && api.watches === 1);
    sink.take();
    const metadata = { uid: 'uid-0', namespace: 'default', name: 'p1', resourceVersion: '106' };
    api.raw(`${JSON.stringify({ type: 'DELETED', object: { metadata, spec: {} } })}\n`);
    api.put('p6');
    await eventually(() => sink.log.length > 0);
    expect(sink.take()).toEqual(['upsert p6 uid-6']);
  });

  it.each([
    ['garbage', '{"type":"MODIFIED","obj\n'],
    ['an event without an object', '{"type":"ADDED"}\n'],
    ['an event of unknown type', '{"type":"TOUCHED","object":{"metadata":{}}}\n'],
    ['a line that is no object', '[1,2]\n'],
    ['bytes that are no UTF-8 text of JSON', Buffer.from([0xff, 0xfe, 0x0a])],
  ])('with %s is dropped, counted, and followed by a list', async (_, line) => {
    const { api, clock, sink, errors, reflector, inSync } = await setUp(paged);
    await eventually(() => reflector.stats.live && api.watches === 1);
    api.raw(line);
    api.put('p6');
    await eventually(() => reflector.stats.decodeErrors === 1 && clock.nextInMs !== null);
    expect(sink.state()).not.toContain('p6@106');
    clock.advance(200);
    await eventually(inSync);
    expect(errors.map((error) => error.code)).toEqual(['decode']);
    expect(reflector.stats.relists).toBe(1);
  });

  it('puts a line together that arrives in pieces, also inside a character', async () => {
    const { api, sink, reflector } = await setUp({ prepare: five });
    await eventually(() => reflector.stats.live && api.watches === 1);
    const metadata = { uid: 'uid-9', namespace: 'default', name: 'größe-𝄞', resourceVersion: '106' };
    const bytes = Buffer.from(`${JSON.stringify({ type: 'ADDED', object: { metadata, spec: {} } })}\n`);
    for (const byte of bytes) {
      api.raw(Buffer.from([byte]));
      if (byte > 0x7f) await new Promise((resolve) => setTimeout(resolve, 3));
    }
    await eventually(() => sink.log.includes('upsert größe-𝄞 uid-9'));
  });

  it('with an ERROR other than 410 is opened again from the same point', async () => {
    const { api, clock, errors, reflector } = await setUp(paged);
    await eventually(() => reflector.stats.live && api.watches === 1);
    api.raw(
      `${JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code: 500, message: 'etcd has no leader' } })}\n`,
    );
    await eventually(() => clock.nextInMs === 100);
    clock.advance(100);
    await eventually(() => api.requestsOf('watch').length === 2);
    expect(errors.map((error) => error.code)).toEqual(['status']);
    expect(reflector.stats.lists).toBe(1);
  });

  it('from a resourceVersion that a restored server has not reached leads to a list', async () => {
    const { api, clock, reflector } = await setUp(paged);
    await eventually(() => reflector.stats.live && api.watches === 1);
    clock.advance(60_000);
    const details = { causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }] };
    api.raw(
      `${JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code: 504, reason: 'Timeout', details } })}\n`,
    );
    await eventually(() => reflector.stats.relists === 1);
  });

  it('refused five times in a row makes the reflector doubt its resourceVersion and list', async () => {
    const { api, clock, reflector } = await setUp(paged);
    await eventually(() => reflector.stats.live && api.watches === 1);
    api.intercept = (url, response) => {
      if (!url.searchParams.has('watch')) return false;
      sendStatus(response, 500, 'InternalError', 'no');
      return true;
    };
    api.breakWatches();
    for (let n = 0; reflector.stats.relists === 0 && n < 20; n += 1) {
      await eventually(() => reflector.stats.relists > 0 || clock.nextInMs !== null);
      clock.advance(40_000);
    }
    expect(reflector.stats.relists).toBe(1);
  });
});

describe('a list', () => {
  it('whose continue token runs out begins anew with larger pages, and deletes nothing wrongly', async () => {
    const { api, clock, sink, inSync, reflector } = await setUp({
      ...paged,
      prepare: (double) => {
        five(double);
        double.intercept = (url) => {
          if (url.searchParams.has('continue') && double.requestsOf('list').length === 2) double.compact();
          return false;
        };
      },
    });
    await eventually(() => clock.nextInMs !== null);
    clock.advance(200);
    await reflector.whenSynced();
    expect(inSync()).toBe(true);
    expect(sink.log.filter((line) => line.startsWith('remove'))).toEqual([]);
    expect(sink.log.filter((line) => line === 'synced')).toHaveLength(1);
    expect(api.requestsOf('list').map((url) => url.searchParams.get('limit'))).toEqual(['2', '2', '4', '4']);
  });

  it.each([429, 503])('refused with %i waits as long as Retry-After asks', async (code) => {
    let refused = 0;
    const { clock, reflector, errors } = await setUp({
      ...paged,
      prepare: (double) => {
        five(double);
        double.intercept = (_, response) => {
          if (refused > 0) return false;
          refused += 1;
          sendStatus(response, code, 'TooManyRequests', 'slow down', { 'retry-after': '7' });
          return true;
        };
      },
    });
    await eventually(() => clock.nextInMs === 7_000);
    expect(errors[0]?.code).toBe('status');
    expect(errors[0]?.message).toContain('slow down');
    clock.advance(7_000);
    await reflector.whenSynced();
  });

  it('also waits for Retry-After of a refused watch', async () => {
    const { clock } = await setUp({
      prepare: (double) => {
        double.intercept = (_, response) => {
          sendStatus(response, 429, 'TooManyRequests', 'slow down', { 'retry-after': '9' });
          return true;
        };
      },
    });
    await eventually(() => clock.nextInMs === 9_000);
  });

  it('that fails is tried again ever more slowly, up to 30 s', async () => {
    const { api, clock } = await setUp({
      ...paged,
      prepare: (double) => {
        double.intercept = (_, response) => {
          response.destroy();
          return true;
        };
      },
    });
    const pauses: number[] = [];
    for (let n = 1; n <= 10; n += 1) {
      await eventually(() => api.requests.length === n && clock.nextInMs !== null);
      pauses.push(clock.nextInMs ?? 0);
      clock.advance(60_000);
    }
    expect(pauses).toEqual([100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 15_000, 15_000]);
  });

  it.each(['refused', 'ignored'] as const)('by WatchList that is %s is replaced by pages', async (watchList) => {
    const { api, clock, inSync, reflector } = await setUp({
      prepare: (double) => {
        five(double);
        double.watchList = watchList;
      },
    });
    for (let n = 0; n < 3 && watchList === 'ignored' && !reflector.hasSynced; n += 1) {
      await eventually(() => api.watches === 1 || reflector.hasSynced);
      clock.advance(5_000);
      api.endWatches();
      await eventually(() => clock.nextInMs === 100 || clock.nextInMs === 200 || reflector.hasSynced);
      clock.advance(400);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await reflector.whenSynced();
    expect(inSync()).toBe(true);
    expect(api.requestsOf('list')).toHaveLength(1);
  });

  it('passes selectors on', async () => {
    const { api, reflector } = await setUp({ fieldSelector: 'spec.nodeName=n 1', labelSelector: 'a in (b,c)' });
    await reflector.whenSynced();
    expect(api.requests[0]?.searchParams.get('fieldSelector')).toBe('spec.nodeName=n 1');
    expect(api.requests[0]?.searchParams.get('labelSelector')).toBe('a in (b,c)');
  });
});

describe('an object', () => {
  it('that the projection refuses is reported by name and counts as absent', async () => {
    const { api, sink, errors, reflector } = await setUp({ prepare: five });
    await eventually(() => reflector.stats.live && api.watches === 1);
    sink.take();
    api.put('p1', { broken: true });
    api.put('p2', { node: 'n2' });
    await eventually(() => sink.log.includes('upsert p2 uid-2'));
    expect(sink.take()).toEqual(['remove p1 uid-1', 'upsert p2 uid-2']);
    expect(errors.map(({ code, message }) => [code, message])).toEqual([
      ['object', '/api/v1/pods: default/p1 is malformed'],
    ]);
    expect(reflector.stats.malformedObjects).toBe(1);
  });

  it('that the sink throws at is reported, and the reflector goes on', async () => {
    const { api, sink, errors, reflector } = await setUp({ prepare: five });
    await eventually(() => reflector.stats.live && api.watches === 1);
    sink.failOn = 'p1';
    api.put('p1', { node: 'n1' });
    api.put('p2', { node: 'n2' });
    await eventually(() => sink.byUid.get('uid-2')?.object.node === 'n2');
    expect(errors.map((error) => error.code)).toEqual(['sink']);
    expect(reflector.stats.sinkErrors).toBe(1);
  });
});

describe('stop', () => {
  it('ends an open watch, and the sink hears nothing more', async () => {
    const { api, sink, reflector } = await setUp({ prepare: five });
    await eventually(() => reflector.stats.live && api.watches === 1);
    await reflector.stop();
    sink.take();
    api.put('p1');
    await eventually(() => api.watches === 0);
    expect(sink.take()).toEqual([]);
  });

  it('does not wait for a list that hangs', async () => {
    const hang = (double: ApiDouble): void => {
      double.intercept = () => true;
    };
    const { api, reflector } = await setUp({ ...paged, prepare: hang });
    await eventually(() => api.requests.length === 1);
    await reflector.stop();
  });
});

describe('history that is gone', () => {
  const gone = `${JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } })}\n`;

  it('is listed again without a pause when it happens once, with a pause when it happens soon again', async () => {
    const { api, clock, reflector } = await setUp(paged);
    await eventually(() => reflector.stats.live && api.watches === 1);
    clock.advance(60_000);
    api.raw(gone);
    await eventually(() => reflector.stats.relists === 1 && api.watches === 1 && reflector.stats.live);
    const events = reflector.stats.events;
    api.bookmark();
    await eventually(() => reflector.stats.events === events + 1);
    api.raw(gone);
    await eventually(() => clock.nextInMs === 100);
    expect(reflector.stats.lists).toBe(2);
  });

  it('may also be told by the HTTP status of the watch', async () => {
    const { api, clock, reflector, inSync } = await setUp(paged);
    await eventually(() => reflector.stats.live && api.watches === 1);
    clock.advance(60_000);
    let refused = 0;
    api.intercept = (url, response) => {
      if (!url.searchParams.has('watch') || refused > 0) return false;
      refused += 1;
      sendStatus(response, 410, 'Gone', 'too old resource version');
      return true;
    };
    api.endWatches();
    api.put('p6');
    await eventually(() => reflector.stats.relists === 1 && inSync());
  });
});

describe('the auditor', () => {
  it('finds nothing when nothing differs', async () => {
    const { clock, reflector } = await setUp({ prepare: five });
    await reflector.whenSynced();
    const audit = reflector.audit(1_000);
    await eventually(() => (clock.nextInMs ?? Number.POSITIVE_INFINITY) <= 1_000);
    clock.advance(1_000);
    expect(await audit).toEqual([]);
  });

  it('names what a watch that lost events kept from the sink', async () => {
    const { api, clock, reflector } = await setUp({ prepare: five });
    await eventually(() => reflector.stats.live && api.watches === 1);
    const raw = api.raw;
    api.raw = () => {};
    api.put('p1', { node: 'n1' });
    api.delete('p2');
    api.put('p6');
    api.raw = raw;
    const audit = reflector.audit(1_000);
    await eventually(() => (clock.nextInMs ?? Number.POSITIVE_INFINITY) <= 1_000);
    clock.advance(1_000);
    expect((await audit).map(({ object, kind }) => `${object} ${kind}`).sort()).toEqual([
      'default/p1 stale',
      'default/p2 surplus',
      'default/p6 missing',
    ]);
  });
});
