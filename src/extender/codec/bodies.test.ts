import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Bodies } from './bodies.ts';

const LIMIT = 3 * 1024 * 1024;
type Taken = { readonly body: Buffer; readonly bodies: Bodies };

/** What the next request is read with, and what is done with its body before its memory is given back. */
let bodies: Bodies;
let look: (taken: Taken) => string;
const server = createServer((request, response) => {
  const reader = bodies;
  reader.read(
    request,
    (body) => {
      const said = look({ body, bodies: reader });
      reader.release(body);
      response.end(said);
    },
    () => {
      response.shouldKeepAlive = false;
      response.end('too large');
    },
  );
});
let url = '';
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => void server.close());

/** `announced`: whether content-length is sent, else the body comes chunked. */
function post(body: Buffer, announced = true): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(
      url,
      { method: 'POST', headers: announced ? { 'content-length': body.length } : { 'transfer-encoding': 'chunked' } },
      (response: IncomingMessage) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('end', () => resolve(Buffer.concat(chunks).toString()));
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

/** No two places of it are alike, and no two of them. */
const bodyOf = (length: number, seed: number): Buffer => {
  const body = Buffer.alloc(length);
  for (let at = 0; at < length; at++) body[at] = (at * 31 + (at >> 8) * 17 + seed) & 255;
  return body;
};

describe('a request body', () => {
  it.each([
    ['empty', 0],
    ['of one byte', 1],
    ['that fits one chunk', 4_000],
    ['of many chunks', 300_000],
    ['at the limit', LIMIT],
  ])('%s is read whole, announced or not, one after the other', async (_what, length) => {
    bodies = new Bodies(LIMIT);
    for (let seed = 0; seed < 4; seed++) {
      const body = bodyOf(length, seed);
      look = ({ body: read }) => String(read.equals(body));
      expect(await post(body, true)).toBe('true');
      expect(await post(body, false)).toBe('true');
    }
  });

  it('above the limit is refused, announced or not, and the next one is read', async () => {
    bodies = new Bodies(LIMIT);
    look = ({ body }) => String(body.length);
    const large = Buffer.alloc(LIMIT + 1);
    for (const announced of [true, false]) {
      // the connection may be closed under who is still sending
      expect(await post(large, announced).catch(() => 'too large')).toBe('too large');
      expect(await post(bodyOf(10, 0), announced)).toBe('10');
    }
  });

  it('lies where the last one lay, and never where one lies that was not given back', async () => {
    bodies = new Bodies(LIMIT);
    const seen: ArrayBufferLike[] = [];
    look = ({ body }) => {
      seen.push(body.buffer);
      return 'ok';
    };
    await post(bodyOf(100_000, 1));
    await post(bodyOf(50_000, 2));
    expect(seen[1]).toBe(seen[0]);

    const kept: Buffer[] = [];
    const reader = bodies;
    const release = reader.release.bind(reader);
    reader.release = (body) => void (kept.includes(body) || release(body));
    look = ({ body }) => {
      kept.push(body);
      return 'ok';
    };
    const bodiesSent = [3, 4, 5].map((seed) => bodyOf(90_000, seed));
    for (const body of bodiesSent) await post(body);
    expect(kept.map((body, at) => body.equals(bodiesSent[at]!))).toEqual([true, true, true]);
  });

  it('that is given back twice, or is nobody of ours, is not lent to two', async () => {
    bodies = new Bodies(LIMIT);
    const reader = bodies;
    const stranger = Buffer.alloc(1024 * 1024);
    const seen = new Set<ArrayBufferLike>();
    let both: Buffer[] = [];
    look = ({ body }) => {
      reader.release(body);
      reader.release(body);
      reader.release(stranger);
      both.push(Buffer.from(body));
      seen.add(body.buffer);
      return 'ok';
    };
    const sent = [6, 7].map((seed) => bodyOf(200_000, seed));
    both = [];
    await Promise.all(sent.map((body) => post(body)));
    expect(both.map((read) => sent.some((body) => body.equals(read)))).toEqual([true, true]);
    expect(seen.has(stranger.buffer)).toBe(false);
  });

  it('whose sender goes away is no body, and its memory is used again', async () => {
    bodies = new Bodies(LIMIT);
    let read = 0;
    look = () => String(++read);
    const gone = httpRequest(url, { method: 'POST', headers: { 'content-length': 500_000 } });
    gone.on('error', () => {});
    gone.write(bodyOf(100_000, 8));
    await new Promise((resolve) => setTimeout(resolve, 50));
    gone.destroy();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await post(bodyOf(10, 9))).toBe('1');
  });
});
