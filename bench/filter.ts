/**
 * Requests per second of filter against a bare node:http echo of the same body and reply, in one run: `node bench/filter.ts`.
 * The aim is the floor: what it costs to read the body and write the reply. Real books over 1,000 and 5,000 nodes; a second
 * row offers another list every time, so that nothing seen before helps. The pods come again and again: after the first round
 * their holds are confirmed, so what a first decision costs is not in these numbers.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import autocannon from 'autocannon';
import { readConfig } from '../src/extender/config.ts';
import { startExtender } from '../src/extender/start.ts';
import { nodeClock, nodeRng } from '../src/kube/node-adapter.ts';
import type { Transport } from '../src/kube/ports.ts';
import { node } from '../test/build/facts.ts';
import { booksPicture } from '../test/kit/books-picture.ts';

const SECONDS = 1.5;
/** kube-scheduler asks for one pod after the other */
const CONNECTIONS = 1;
const transport: Transport = {
  request: async () => ({ status: 500, body: Buffer.alloc(0), retryAfterSeconds: null }),
  stream: async () => {
    throw new Error('not used');
  },
  close: async () => {},
};

async function measure(url: string, requests: autocannon.Request[]): Promise<number> {
  const result = await autocannon({ url, connections: CONNECTIONS, duration: SECONDS, requests, workers: 1 });
  if (result.non2xx > 0 || result.errors > 0)
    throw new Error(`${url}: ${result.non2xx} refused, ${result.errors} errors`);
  return result.requests.total / result.duration;
}

const post = (path: string, body: string): autocannon.Request => ({
  method: 'POST',
  path,
  headers: { 'content-type': 'application/json' },
  body,
});

async function compare(count: number): Promise<void> {
  const names = Array.from({ length: count }, (_, at) => `gpu-node-${String(at).padStart(5, '0')}.example.internal`);
  const { makePicture } = booksPicture(names.map((name) => node(name, 8)));
  const config = readConfig({ leadership: 'always', callDeadlineMs: 100, listen: { port: 0 }, logLevel: 'silent' });
  const extender = await startExtender(config, { transport, clock: nodeClock, rng: nodeRng, makePicture });
  await new Promise((resolve) => setTimeout(resolve, 150));
  const body = (list: readonly string[], uid: string) =>
    JSON.stringify({
      Pod: {
        metadata: {
          name: uid,
          namespace: 'bench',
          uid,
          annotations: { 'muster.dev/gpu-fraction': '0.5', note: 'x'.repeat(5_000) },
        },
        spec: { schedulerName: 'muster-scheduler', containers: [{ name: 'main' }] },
      },
      Nodes: null,
      NodeNames: list,
    });
  // the guard is off in this picture, so every pod is placed; its hold is confirmed by the next call of the same uid
  const same = Array.from({ length: 16 }, (_, at) => post('/filter', body(names, `pod-${at}`)));
  // more lists than are remembered
  const others = Array.from({ length: 40 }, (_, at) =>
    post('/filter', body([...names.slice(at), ...names.slice(0, at)], `pod-${at}`)),
  );
  const reply = Buffer.from(
    await (await fetch(`${extender.url}/filter`, { method: 'POST', body: body(names, 'pod-0') })).bytes(),
  );
  if (!reply.includes('"Error":""') || reply.includes('"NodeNames":[]'))
    throw new Error(`not a placement: ${reply.subarray(0, 300)}`);
  const echo = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      Buffer.concat(chunks);
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': reply.length }).end(reply);
    });
  });
  await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
  const echoUrl = `http://127.0.0.1:${(echo.address() as AddressInfo).port}`;
  // the first rounds compile the code of both
  await measure(echoUrl, same);
  await measure(extender.url, same);
  const floor = await measure(echoUrl, same);
  for (const [title, requests] of [
    ['same list', same],
    ['new lists', others],
  ] as const) {
    const rate = await measure(extender.url, requests);
    const ratio = (rate / floor).toFixed(2);
    process.stdout.write(
      `filter-${count} ${title}: ${rate.toFixed(0)}/s, echo ${floor.toFixed(0)}/s, ratio ${ratio} (body ${same[0]!.body!.length} B)\n`,
    );
  }
  echo.closeAllConnections();
  await new Promise((resolve) => echo.close(resolve));
  await extender.close();
}

for (const count of [1_000, 5_000]) await compare(count);
