import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { node, pod, whole } from '../../../test/build/facts.ts';
import { eventually } from '../../../test/kit/eventually.ts';
import { Books } from '../../cluster/books.ts';
import { Picture } from '../../cluster/picture.ts';
import { nodeClock, nodeRng } from '../../kube/node-adapter.ts';
import type { Transport } from '../../kube/ports.ts';
import { connect } from '../../kube/undici-adapter.ts';
import { TEXTS } from '../errors.ts';
import { Binder } from './bind.ts';

type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void;

const POD = pod('p', whole);
const REQUEST = { uid: POD.uid, namespace: POD.namespace, name: POD.name, node: 'n1' };
const open: { server: Server; transport: Transport }[] = [];

/** A real API server's place: `post` answers Bindings, `get` reads of the pod. */
async function setUp(post: Handler, get: Handler = answer(404), deadlineMs = 300, mayBind: () => boolean = () => true) {
  const calls: { method: string; url: string; body: string }[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      calls.push({ method: request.method!, url: request.url!, body });
      (request.method === 'POST' ? post : get)(request, response, body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const transport = await connect({ server: url, component: 'test' });
  open.push({ server, transport });
  const picture = new Picture();
  for (const name of ['n1', 'n2']) picture.nodes.setFacts(name, node(name));
  picture.upsertPod(POD);
  const books = new Books(picture, nodeClock, {
    nodePolicy: 'pack',
    devicePolicy: 'pack',
    holdMs: 30_000,
    envGuard: false,
  });
  books.filter(POD, books.resolve(['n1']), 1);
  const binder = new Binder({
    decider: books,
    transport,
    clock: nodeClock,
    rng: nodeRng,
    mayBind,
    deadlineMs,
    devices: (name) => picture.nodes.get(name)?.facts?.devices ?? [],
  });
  return { binder, books, calls, server, hold: () => picture.holds.get(POD.uid)?.state ?? null };
}

function answer(status: number, body: object = {}, headers: Record<string, string> = {}): Handler {
  return (_request, response) =>
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}
const podOn = (nodeName?: string, uid = POD.uid) =>
  answer(200, { metadata: { uid }, spec: nodeName === undefined ? {} : { nodeName } });
const cut: Handler = (request) => request.socket.destroy();
const stall: Handler = () => {};

afterEach(async () => {
  for (const { server, transport } of open.splice(0)) {
    await transport.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

describe('bind', () => {
  it('sends one Binding with claim, environment and uid, and nothing else', async () => {
    const { binder, calls, hold } = await setUp(answer(201));
    expect(await binder.bind(REQUEST)).toEqual({ error: '', outcome: 'landed' });
    expect(calls.length).toBe(1);
    expect(calls[0]!.url).toMatch(/^\/api\/v1\/namespaces\/team\/pods\/p\/binding\?timeout=\d+ms$/);
    const body = JSON.parse(calls[0]!.body);
    expect(body).toMatchObject({
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: {
        name: 'p',
        namespace: 'team',
        uid: POD.uid,
        annotations: { 'muster.dev/visible-devices.c0': 'GPU-n1-0' },
      },
      target: { apiVersion: 'v1', kind: 'Node', name: 'n1' },
    });
    expect(JSON.parse(body.metadata.annotations['muster.dev/claim']).containers[0].devices[0].uuid).toBe('GPU-n1-0');
    expect(body.metadata.annotations['muster.dev/gpu-memory-limit.c0']).toBe(''); // a whole device
    expect(hold()).toBe('landed');
  });

  it.each([
    ['400', answer(400), answer(404), TEXTS['bind-refused'], null],
    ['403', answer(403), answer(404), TEXTS['bind-forbidden'], null],
    ['404', answer(404), answer(404), TEXTS['bind-not-found'], null],
    ['422', answer(422), answer(404), TEXTS['bind-refused'], null],
    ['409 and the pod is on this node', answer(409), podOn('n1'), '', 'landed'],
    ['409 and the pod is on another node', answer(409), podOn('n2'), TEXTS['bound-elsewhere'], null],
    ['409 and the pod is another one', answer(409), podOn('n1', 'other'), TEXTS['bind-conflict'], null],
    ['409 and the pod is gone', answer(409), answer(404), TEXTS['bind-conflict'], null],
    ['409 and the pod is unbound', answer(409), podOn(), TEXTS['bind-conflict'], null],
    [
      '429 for longer than the deadline',
      answer(429, {}, { 'retry-after': '5' }),
      answer(404),
      TEXTS['bind-busy'],
      null,
    ],
  ])('on %s gives a definite answer', async (_name, post, get, error, hold) => {
    const made = await setUp(post, get);
    expect((await made.binder.bind(REQUEST)).error).toBe(error);
    expect(made.hold()).toBe(hold);
  });

  it('waits out a 429 within the deadline', async () => {
    let posts = 0;
    const made = await setUp((...call) => answer(++posts === 1 ? 429 : 201)(...call), answer(404), 3_000);
    expect(await made.binder.bind(REQUEST)).toEqual({ error: '', outcome: 'landed' });
    expect(posts).toBe(2);
  });

  it.each([
    ['500 that landed', answer(500), podOn('n1'), 'landed'],
    ['503 that did not', answer(503), podOn(), null],
    ['a time-out that landed', stall, podOn('n1'), 'landed'],
    ['a time-out of a pod that is gone', stall, answer(404), null],
    ['a broken connection that landed', cut, podOn('n1'), 'landed'],
    ['a broken connection and another pod of that name', cut, podOn('n1', 'other'), null],
  ])('on %s keeps the hold until the pod was read back', async (_name, post, get, after) => {
    let reads = 0;
    // the first read finds the server still broken
    const made = await setUp(post, (...call) => (++reads === 1 ? answer(500) : get)(...call));
    const began = performance.now();
    expect(await made.binder.bind(REQUEST)).toEqual({ error: TEXTS['bind-unknown'], outcome: 'unknown' });
    expect(made.hold()).toBe('unknown');
    expect((await made.binder.bind(REQUEST)).error).toBe(TEXTS['bind-in-flight']);
    await eventually(() => made.binder.readingBack === 0);
    expect(performance.now() - began).toBeGreaterThanOrEqual(290);
    expect(reads).toBe(2);
    expect(made.hold()).toBe(after);
    expect(made.calls.filter(({ method }) => method === 'POST').length).toBe(1);
  });

  it('a server that cannot be reached is a refusal: nothing was sent', async () => {
    const made = await setUp(answer(201));
    await new Promise((resolve) => made.server.close(resolve));
    expect(await made.binder.bind(REQUEST)).toEqual({ error: TEXTS['bind-unsent'], outcome: 'refused' });
    expect(made.hold()).toBe(null);
  });

  it('concurrent binds of one pod send one Binding', async () => {
    const made = await setUp((...call) => setTimeout(() => answer(201)(...call), 50));
    const results = await Promise.all([
      made.binder.bind(REQUEST),
      made.binder.bind(REQUEST),
      made.binder.bind({ ...REQUEST, node: 'n2' }),
    ]);
    expect(results.map(({ error }) => error)).toEqual(['', '', TEXTS['bind-in-flight']]);
    expect((await made.binder.bind(REQUEST)).error).toBe(''); // landed already
    expect(made.calls.length).toBe(1);
  });

  it('sends nothing while not deciding, and no second attempt after leadership was lost', async () => {
    let may = false;
    const made = await setUp(answer(429), answer(404), 3_000, () => may);
    expect((await made.binder.bind(REQUEST)).error).toBe(TEXTS['not-deciding']);
    expect(made.calls.length).toBe(0);
    may = true;
    const result = made.binder.bind(REQUEST);
    await eventually(() => made.calls.length === 1);
    may = false;
    expect(await result).toEqual({ error: TEXTS['not-deciding'], outcome: 'refused' });
    expect(made.calls.length).toBe(1);
  });

  it('drain waits for binds in flight and takes no new ones', async () => {
    const made = await setUp((...call) => setTimeout(() => answer(201)(...call), 50));
    const result = made.binder.bind(REQUEST);
    await made.binder.drain();
    expect(await result).toEqual({ error: '', outcome: 'landed' });
    expect((await made.binder.bind({ ...REQUEST, uid: 'other' })).error).toBe(TEXTS['not-deciding']);
  });
});
