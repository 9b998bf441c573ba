import { describe, expect, it } from 'vitest';
import { readStatus } from './status-error.ts';

const answer = (status: number, body: unknown, retryAfterSeconds: number | null = null) => ({
  status,
  body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
  retryAfterSeconds,
});

describe('the status of a refused call', () => {
  it.each([
    [
      'is read from the Status object',
      answer(409, { kind: 'Status', code: 409, reason: 'Conflict', message: 'pod x is assigned already' }),
      { code: 409, reason: 'Conflict', message: 'pod x is assigned already', retryAfterSeconds: null },
    ],
    [
      'takes the wait from the Status when no header names one',
      answer(429, {
        kind: 'Status',
        code: 429,
        reason: 'TooManyRequests',
        message: 'no',
        details: { retryAfterSeconds: 10 },
      }),
      { code: 429, reason: 'TooManyRequests', message: 'no', retryAfterSeconds: 10 },
    ],
    [
      'prefers the header',
      answer(429, { kind: 'Status', message: 'no', details: { retryAfterSeconds: 10 } }, 3),
      { code: 429, reason: '', message: 'no', retryAfterSeconds: 3 },
    ],
    [
      'of a proxy that answers in HTML is its code',
      answer(502, '<html>bad gateway</html>'),
      { code: 502, reason: '', message: 'HTTP status 502', retryAfterSeconds: null },
    ],
    [
      'is not read from some other object',
      answer(200, { kind: 'Pod', message: 'x', reason: 'y', code: 7 }),
      { code: 200, reason: '', message: 'HTTP status 200', retryAfterSeconds: null },
    ],
    [
      'of an empty body is its code',
      answer(503, ''),
      { code: 503, reason: '', message: 'HTTP status 503', retryAfterSeconds: null },
    ],
    [
      'of a body that is null is its code',
      answer(500, 'null'),
      { code: 500, reason: '', message: 'HTTP status 500', retryAfterSeconds: null },
    ],
  ])('%s', (_, response, status) => {
    expect(readStatus(response)).toEqual(status);
  });

  it('has a bounded message', () => {
    const { message } = readStatus(answer(422, { kind: 'Status', message: 'x'.repeat(10_000) }));
    expect(message).toHaveLength(500);
    expect(message.endsWith('…')).toBe(true);
  });
});
