import { describe, expect, it } from 'vitest';
import { TransportError } from '../kube/errors.ts';
import { failureText, UsageError } from './errors.ts';

describe('what a failed command says', () => {
  it.each([
    [new UsageError('say a file'), 'say a file'],
    [new TransportError('unsent', 'GET /api/v1/nodes: nothing was sent (ECONNREFUSED)'), /^GET .*\(ECONNREFUSED\)$/],
  ])('%s is a text without a stack', (error, expected) => {
    expect(failureText(error)).toMatch(expected);
  });

  it('of a fault of ours shows where', () => {
    expect(failureText(new TypeError('x is not a function'))).toMatch(/\n {4}at /);
  });
});
