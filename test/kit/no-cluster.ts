/** For an extender that runs without a cluster: its picture is given, and whatever it writes lands. */
import { type ExtenderConfig, readConfig } from '../../src/extender/config.ts';
import type { Transport } from '../../src/kube/ports.ts';

/** It decides at once, patiently waits for nothing and says nothing. */
export const quietConfig = (over: object = {}): ExtenderConfig =>
  readConfig({
    leadership: 'always',
    callDeadlineMs: 100,
    listen: { port: 0 },
    logLevel: 'silent',
    patienceMs: 0,
    ...over,
  });

/** Every write is answered with success, and nothing can be watched. */
export const landing: Transport = {
  request: async () => ({ status: 201, body: Buffer.from('{}'), retryAfterSeconds: null }),
  stream: async () => {
    throw new Error('no informer runs here');
  },
  close: async () => {},
};
