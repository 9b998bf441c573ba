/**
 * An extender that decides nothing: answers the first 8 names it is offered and binds with one call. What is left of the distance
 * between it and Muster is Muster's; what is between it and kube-scheduler alone is the wire's.
 *
 * `node stub.ts '{"port": 1, "url": "https://…", "ca": "PEM", "token": "…"}'`
 */
import { createServer } from 'node:http';
import { Kube, messageOf, type Pod } from '../../test/e2e/harness/kube.ts';

const MOST_NAMES = 8;

type Binding = { PodName: string; PodNamespace: string; PodUID: string; Node: string };

const { port, ...api } = JSON.parse(process.argv[2] ?? '{}') as {
  port: number;
  url: string;
  ca: string;
  token: string;
};
const kube = new Kube(api);

const answers: Record<string, (body: string) => unknown> = {
  '/filter': (body) => ({ NodeNames: (JSON.parse(body) as { NodeNames: string[] }).NodeNames.slice(0, MOST_NAMES) }),
  '/prioritize': () => [],
  '/preempt': () => ({}),
  '/bind': async (body) => {
    const { PodName: name, PodNamespace: namespace, PodUID: uid, Node } = JSON.parse(body) as Binding;
    const answer = await kube.bind({ metadata: { name, namespace, uid } } as Pod, Node);
    return { Error: answer.status < 300 ? '' : messageOf(answer.body) };
  },
};

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    void (async () => {
      const answer = answers[request.url ?? ''];
      const reply = answer === undefined ? null : await answer(Buffer.concat(chunks).toString());
      response.writeHead(reply === null ? 404 : 200, { 'content-type': 'application/json' }).end(JSON.stringify(reply));
    })().catch((error: unknown) => response.writeHead(500).end(String(error)));
  });
});
server.keepAliveTimeout = 120_000;
server.listen(port, '127.0.0.1');
