import { monitorEventLoopDelay } from 'node:perf_hooks';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiDouble } from '../../test/kit/api-double.ts';
import { eventually } from '../../test/kit/eventually.ts';
import { alwaysThrows, smallPod, smallPodOrDeath } from '../../test/kit/projections.ts';
import { type DecodedObject, type Decoder, moduleBeside, type ProjectionRef, type WatchEvent } from './decoder.ts';
import { DecodeError } from './errors.ts';
import { inlineDecoder } from './inline-decoder.ts';
import { nodeClock, nodeRng } from './node-adapter.ts';
import { Reflector } from './reflector.ts';
import { connect } from './undici-adapter.ts';
import { DecodeThread } from './worker-decoder.ts';

const ref = ({ name }: { name: string }): ProjectionRef => ({
  module: moduleBeside(import.meta.url, '../../test/kit/projections'),
  name,
});

const pod = (name: string, padding = 0): object => ({
  metadata: { uid: `u-${name}`, namespace: 'ns', name, resourceVersion: '7', labels: { app: 'ä𝄞' } },
  padding: 'x'.repeat(padding),
});
const line = (type: string, object: object): string => `${JSON.stringify({ type, object })}\n`;
const page = (names: string[], token = ''): Buffer =>
  Buffer.from(JSON.stringify({ metadata: { resourceVersion: '9', continue: token }, items: names.map((n) => pod(n)) }));

type Decoded = { events: WatchEvent<unknown>[]; error: string | null };

async function decodeChunks(decoder: Decoder<unknown>, chunks: Buffer[]): Promise<Decoded> {
  const events: WatchEvent<unknown>[] = [];
  const watch = decoder.watch((batch) => void events.push(...batch));
  try {
    for (const chunk of chunks) await watch.write(chunk);
    await watch.end();
    return { events, error: null };
  } catch (error) {
    return { events, error: error instanceof DecodeError ? error.code : String(error) };
  }
}

describe('the decode thread', () => {
  let thread: DecodeThread;
  beforeAll(() => {
    thread = new DecodeThread();
  });
  afterAll(() => thread.close());

  it('gives the same events as the inline decoder, however the bytes are cut', async () => {
    const anyLine = fc.oneof(
      fc.constantFrom(
        line('ADDED', pod('a')),
        line('MODIFIED', pod('größe')),
        line('DELETED', pod('odd-one')),
        line('BOOKMARK', { metadata: { resourceVersion: '8', annotations: { 'k8s.io/initial-events-end': 'true' } } }),
        line('ERROR', { kind: 'Status', code: 410, reason: 'Expired', message: 'old' }),
        line('ADDED', { metadata: { name: 'no-uid' } }),
        '\n',
      ),
      { weight: 1, arbitrary: fc.constantFrom('garbage\n', '{"type":"ADDED"}\n', '{"type"') },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyLine, { maxLength: 12 }),
        fc.array(fc.nat(400), { maxLength: 6 }),
        async (lines, cuts) => {
          const bytes = Buffer.from(lines.join(''));
          const edges = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
          const chunks = edges.slice(1).map((edge, i) => bytes.subarray(edges[i], edge));
          const onThread = await decodeChunks(thread.decoder(ref(smallPod)), chunks);
          const inline = await decodeChunks(inlineDecoder(smallPod), chunks);
          expect(onThread).toEqual(inline);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('decodes list pages in batches, in order, with their end', async () => {
    const names = Array.from({ length: 1_234 }, (_, i) => `p${i}`);
    const batches: (readonly DecodedObject<{ name: string }>[])[] = [];
    const end = await thread
      .decoder<{ name: string }>(ref(smallPod))
      .page(page(names, 'next'), (batch) => void batches.push(batch));
    expect(end).toEqual({ resourceVersion: '9', continueToken: 'next' });
    expect(batches.length).toBeGreaterThan(5);
    expect(batches.flat().map((item) => item.object?.name)).toEqual(names);
  });

  it.each([
    ['is not JSON', 'garbage', smallPod.name, 'malformed'],
    ['has no items', '{"metadata":{"resourceVersion":"1"},"items":{}}', smallPod.name, 'malformed'],
    ['has no resourceVersion', '{"items":[]}', smallPod.name, 'malformed'],
    ['is to be read by a projection that does not exist', '{}', 'nobody', 'projection'],
  ])('a page that %s fails', async (_, body, name, code) => {
    const failure = thread.decoder(ref({ name })).page(Buffer.from(body), () => {});
    await expect(failure).rejects.toMatchObject({ name: 'DecodeError', code });
  });

  it('takes a projection that throws as one that refuses the object', async () => {
    const items: DecodedObject<unknown>[] = [];
    await thread.decoder(ref(alwaysThrows)).page(page(['a']), (batch) => void items.push(...batch));
    expect(items).toEqual([{ uid: 'u-a', namespace: 'ns', name: 'a', resourceVersion: '7', object: null }]);
  });

  it('serves several watches at once without mixing them', async () => {
    const names = ['a', 'b', 'c', 'd'];
    const decoded = await Promise.all(
      names.map((name) =>
        decodeChunks(
          thread.decoder(ref(smallPod)),
          Array.from({ length: 50 }, (_, i) => Buffer.from(line('ADDED', pod(`${name}${i}`)))),
        ),
      ),
    );
    for (const [index, { events }] of decoded.entries()) {
      expect(events.map((event) => ('name' in event ? event.name : ''))).toEqual(
        Array.from({ length: 50 }, (_, i) => `${names[index]}${i}`),
      );
    }
  });

  it('delivers nothing after an abort', async () => {
    const events: unknown[] = [];
    const watch = thread.decoder(ref(smallPod)).watch((batch) => void events.push(...batch));
    const written = watch.write(Buffer.from(line('ADDED', pod('a')).repeat(2_000)));
    watch.abort();
    await written;
    await decodeChunks(thread.decoder(ref(smallPod)), [Buffer.from(line('ADDED', pod('b')))]);
    expect(events).toEqual([]);
  });

  it('makes the writer wait when the receiver is slow, so that memory stays bounded', async () => {
    const chunk = Buffer.from(line('ADDED', pod('a', 5_000)).repeat(50));
    let handled = 0;
    const watch = thread.decoder(ref(smallPod)).watch((batch) => {
      handled += batch.length;
    });
    let furthest = 0;
    for (let written = 1; written <= 100; written += 1) {
      await watch.write(chunk);
      furthest = Math.max(furthest, written * 50 - handled);
    }
    await watch.end();
    expect(handled).toBe(5_000);
    // 1 MiB not decoded yet is 200 events; batches on their way and the chunk in hand come on top
    expect(furthest).toBeLessThan(200 + 3 * 200 + 50);
  });

  it('hands over few batches per turn of the loop, also when their receiver is slow', async () => {
    const perTurn: number[] = [];
    let turn = 0;
    let turning = true;
    const next = (): void => {
      turn += 1;
      if (turning) setImmediate(next);
    };
    next();
    const body = page(Array.from({ length: 10_000 }, (_, i) => `p${i}`));
    await thread.decoder(ref(smallPod)).page(body, () => {
      perTurn[turn] = (perTurn[turn] ?? 0) + 1;
      const until = performance.now() + 4;
      while (performance.now() < until);
    });
    turning = false;
    const counts = perTurn.filter((count) => count > 0);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(50);
    expect(Math.max(...counts)).toBeLessThanOrEqual(4);
  });

  it('keeps the serving loop free while 20,000 events of 5 kB come in', async () => {
    const env = Array.from({ length: 90 }, (_, i) => ({ name: `VARIABLE_${i}`, value: `value of variable ${i}` }));
    const large = { ...pod('a'), spec: { containers: [{ name: 'main', image: 'registry.example/app:1', env }] } };
    const event = line('MODIFIED', large);
    expect(event.length).toBeGreaterThan(5_000);
    const block = Buffer.from(event.repeat(200));
    const decoder = thread.decoder(ref(smallPod));
    await decodeChunks(decoder, [block]);
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    let events = 0;
    const watch = decoder.watch((batch) => {
      events += batch.length;
    });
    for (let n = 0; n < 100; n += 1) {
      for (let at = 0; at < block.length; at += 65_536) await watch.write(block.subarray(at, at + 65_536));
    }
    await watch.end();
    delay.disable();
    expect(events).toBe(20_000);
    // ns; usually about 5 ms at most, the rest is margin for a busy machine
    expect(delay.percentile(99) / 1e6).toBeLessThan(50);
    expect(delay.max / 1e6).toBeLessThan(200);
  });
});

describe('a decode thread that dies', () => {
  it('fails what it was decoding, and the next call starts a new one', async () => {
    const thread = new DecodeThread();
    const decoder = thread.decoder(ref(smallPodOrDeath));
    const page1 = decoder.page(page(['a', 'poison']), () => {});
    const watch = decodeChunks(decoder, [Buffer.from(line('ADDED', pod('b')).repeat(10_000))]);
    await expect(page1).rejects.toMatchObject({ code: 'crashed' });
    expect((await watch).error).toBe('crashed');
    expect(thread.crashes).toBe(1);
    expect((await decodeChunks(decoder, [Buffer.from(line('ADDED', pod('c')))])).events).toHaveLength(1);
    await thread.close();
  });

  it('makes reflectors list again, and nothing is lost', async () => {
    const api = await new ApiDouble().start();
    const transport = await connect({ server: api.url, component: 'test' });
    const thread = new DecodeThread();
    const names = new Set<string>();
    const reflector = new Reflector<{ name: string }>({
      transport,
      clock: nodeClock,
      rng: nodeRng,
      decoder: thread.decoder(ref(smallPodOrDeath)),
      sink: { upsert: ({ name }) => names.add(name), remove: ({ name }) => names.delete(name), synced: () => {} },
      path: '/api/v1/pods',
    });
    api.put('p1');
    reflector.start();
    await eventually(() => reflector.stats.live && api.watches === 1);
    api.put('poison');
    await eventually(() => thread.crashes > 0);
    api.delete('poison');
    api.put('p2');
    await eventually(() => reflector.stats.relists > 0 && names.has('p2'));
    expect([...names].sort()).toEqual(['p1', 'p2']);
    await reflector.stop();
    await transport.close();
    await thread.close();
    await api.stop();
  });

  it('when closed fails what is under way, and everything later', async () => {
    const thread = new DecodeThread();
    const under = thread.decoder(ref(smallPod)).page(page(['a']), () => {});
    const closing = thread.close();
    await expect(under).rejects.toMatchObject({ code: 'closed' });
    await closing;
    await expect(thread.decoder(ref(smallPod)).page(page(['a']), () => {})).rejects.toMatchObject({ code: 'closed' });
  });
});

describe('the URL of a module beside the caller', () => {
  it.each([
    ['file:///app/src/kube/x.ts', './pod', 'file:///app/src/kube/pod.ts'],
    ['file:///app/dist/kube/x.js', './pod', 'file:///app/dist/kube/pod.js'],
    ['file:///app/src/kube/x.ts?t=1', '../cluster/pod', 'file:///app/src/cluster/pod.ts'],
  ])('from %s, %s is %s', (caller, path, url) => {
    expect(moduleBeside(caller, path)).toBe(url);
  });
});
