import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { ManualClock } from '../../test/build/manual-clock.ts';
import { connect } from '../kube/undici-adapter.ts';
import { RuntimeClasses } from './runtime-classes.ts';

it('runtime classes are known by name after a list, and the last good list stays', async () => {
  const answers: [number, unknown][] = [
    [200, { items: [{ metadata: { name: 'nvidia' } }, { metadata: {} }, null] }],
    [403, { kind: 'Status', message: 'forbidden' }],
    [200, { items: [] }],
  ];
  const server = createServer((_, response) => {
    const [status, body] = answers.shift() ?? [500, {}];
    response.writeHead(status).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const transport = await connect({
    server: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    component: 'test',
  });
  const clock = new ManualClock();
  const errors: unknown[] = [];
  const classes = new RuntimeClasses({ transport, clock, onError: (error) => errors.push(error) });

  expect(classes.has('nvidia')).toBe(false);
  await classes.start();
  expect(classes.has('nvidia')).toBe(true);
  expect(clock.nextInMs).toBe(30_000);
  await expect(classes.round()).rejects.toThrow('cannot list RuntimeClasses: forbidden');
  expect(classes.has('nvidia')).toBe(true);
  await classes.round();
  expect(classes.has('nvidia')).toBe(false);
  expect(errors).toEqual([]);

  classes.stop();
  await transport.close();
  server.closeAllConnections();
  server.close();
});
