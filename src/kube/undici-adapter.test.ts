import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../test/build/manual-clock.ts';
import { testAuthority } from '../../test/kit/certificates.ts';
import { eventually } from '../../test/kit/eventually.ts';
import { ConnectError, TransportError } from './errors.ts';
import { findEndpoint } from './kubeconfig-adapter.ts';
import { mergePatch } from './patch.ts';
import type { Transport } from './ports.ts';
import { type ConnectOptions, connect } from './undici-adapter.ts';

const cleanup: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of cleanup.splice(0).reverse()) await step();
});

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'muster-kube-'));
  cleanup.push(() => rmSync(folder, { recursive: true }));
});

async function listen<S extends Server>(server: S): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanup.push(() => {
    if ('closeAllConnections' in server) (server.closeAllConnections as () => void)();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const serve = (listener: RequestListener): Promise<number> => listen(createServer(listener));

async function open(options: Partial<ConnectOptions>): Promise<Transport> {
  const transport = await connect({ component: 'test', ...options });
  cleanup.push(() => transport.close());
  return transport;
}

const toPort = (port: number): Promise<Transport> => open({ server: `http://127.0.0.1:${port}` });
const get = (path: string, timeoutMs = 5_000) => ({ method: 'GET', path, timeoutMs }) as const;

async function read(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) text += chunk;
  return text;
}

async function fails(promise: Promise<unknown>): Promise<TransportError> {
  try {
    await promise;
  } catch (error) {
    expect(error).toBeInstanceOf(TransportError);
    return error as TransportError;
  }
  throw new Error('it did not fail');
}

function kubeconfig(user: object, cluster: object, name = 'config'): string {
  const path = join(folder, name);
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'main',
    contexts: [{ name: 'main', context: { cluster: 'here', user: 'me' } }],
    clusters: [{ name: 'here', cluster }],
    users: [{ name: 'me', user }],
  };
  writeFileSync(path, JSON.stringify(config));
  return path;
}

describe('a request', () => {
  it('carries method, path, query, JSON body, content type and a User-Agent, and no wish for compression', async () => {
    const seen: { line: string; body: string; headers: IncomingMessage['headers'] }[] = [];
    const port = await serve(async (request, response) => {
      seen.push({ line: `${request.method} ${request.url}`, body: await read(request), headers: request.headers });
      response.writeHead(201, { 'retry-after': '3' }).end('{"ok":true}');
    });
    const transport = await toPort(port);
    const body = { metadata: { labels: { ä: 'ö' } } };
    const response = await transport.request(mergePatch({ path: '/api/v1/pods/x?dryRun=All', timeoutMs: 1_000 }, body));
    expect(response).toEqual({ status: 201, body: Buffer.from('{"ok":true}'), retryAfterSeconds: 3 });
    expect(seen[0]).toMatchObject({
      line: 'PATCH /api/v1/pods/x?dryRun=All',
      body: JSON.stringify(body),
      headers: {
        'content-type': 'application/merge-patch+json',
        'accept-encoding': 'identity',
        accept: 'application/json',
      },
    });
    expect(seen[0]?.headers['user-agent']).toMatch(/^muster\/\d+\.\d+\.\d+ \(test\)$/);
  });

  it('resolves for every HTTP status', async () => {
    const port = await serve((request, response) => void response.writeHead(Number(request.url?.slice(1))).end('no'));
    const transport = await toPort(port);
    for (const status of [200, 400, 404, 409, 410, 429, 500, 503]) {
      expect((await transport.request(get(`/${status}`))).status).toBe(status);
    }
  });

  it('reuses connections', async () => {
    const server = createServer((_, response) => void response.end('{}'));
    let connections = 0;
    server.on('connection', () => {
      connections += 1;
    });
    const transport = await toPort(await listen(server));
    for (let n = 0; n < 50; n += 1) await transport.request(get('/'));
    expect(connections).toBeLessThanOrEqual(2);
  });

  it.each<{ name: string; code: string; may: boolean; start: () => Promise<number>; timeoutMs?: number }>([
    {
      name: 'to a port where nobody listens was surely not sent',
      code: 'unsent',
      may: false,
      start: async () => {
        const server = createTcpServer();
        await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
        const { port } = server.address() as AddressInfo;
        await new Promise((resolve) => server.close(resolve));
        return port;
      },
    },
    {
      name: 'whose connection is cut after it was sent may have happened',
      code: 'broken',
      may: true,
      start: () => serve((request) => void request.socket.destroy()),
    },
    {
      name: 'whose answer is cut in the middle may have happened',
      code: 'broken',
      may: true,
      start: () =>
        serve((request, response) => {
          response.writeHead(200, { 'content-length': '100' });
          response.write('{"half":');
          setTimeout(() => request.socket.destroy(), 10);
        }),
    },
    {
      name: 'answered with something that is not HTTP may have happened',
      code: 'broken',
      may: true,
      start: () => listen(createTcpServer((socket) => void socket.on('data', () => socket.end('hello\r\n\r\n')))),
    },
    {
      name: 'without an answer in time may have happened',
      code: 'timeout',
      may: true,
      timeoutMs: 50,
      start: () => serve(() => {}),
    },
    {
      name: 'whose answer does not end in time may have happened',
      code: 'timeout',
      may: true,
      timeoutMs: 50,
      start: () => serve((_, response) => void response.writeHead(200).write('{')),
    },
  ])('$name', async ({ code, may, start, timeoutMs }) => {
    const transport = await toPort(await start());
    const body = { secret: 'hunter2' };
    const error = await fails(
      transport.request({ method: 'POST', path: '/api/v1/bindings?x=y', body, timeoutMs: timeoutMs ?? 5_000 }),
    );
    expect({ code: error.code, may: error.mayHaveHappened }).toEqual({ code, may });
    expect(error.message).toMatch(/^POST \/api\/v1\/bindings: /);
    expect(error.message).not.toContain('hunter2');
  });

  it('still queued for a connection at its deadline is never sent', async () => {
    const seen: string[] = [];
    const held: ServerResponse[] = [];
    const port = await serve((request, response) => {
      seen.push(request.url ?? '');
      held.push(response);
    });
    const transport = await open({ server: `http://127.0.0.1:${port}`, connections: 1 });
    const first = transport.request(get('/first'));
    await eventually(() => held.length === 1);
    const error = await fails(transport.request(get('/second', 50)));
    expect(error.code).toBe('unsent');
    held[0]?.end('{}');
    await first;
    const third = transport.request(get('/third'));
    await eventually(() => held.length === 2);
    held[1]?.end('{}');
    await third;
    expect(seen).toEqual(['/first', '/third']);
  });

  it('under way when the transport is closed fails as aborted', async () => {
    let arrived = false;
    const port = await serve(() => {
      arrived = true;
    });
    const transport = await toPort(port);
    const failure = fails(transport.request(get('/')));
    await eventually(() => arrived);
    await transport.close();
    expect((await failure).code).toBe('aborted');
    expect((await fails(transport.request(get('/')))).code).toBe('aborted');
  });
});

describe('a stream', () => {
  it('gives chunks as they come and ends with the server', async () => {
    const port = await serve(async (_, response) => {
      for (const part of ['a', 'b', 'c']) {
        response.write(part);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      response.end();
    });
    const { status, chunks } = await (await toPort(port)).stream(get('/'));
    const parts: string[] = [];
    for await (const chunk of chunks) parts.push(chunk.toString());
    expect({ status, parts }).toEqual({ status: 200, parts: ['a', 'b', 'c'] });
  });

  it('is not ended by the time limit for its headers', async () => {
    const port = await serve((_, response) => {
      response.write('a');
      setTimeout(() => response.end('b'), 120);
    });
    const { chunks } = await (await toPort(port)).stream(get('/', 60));
    let text = '';
    for await (const chunk of chunks) text += chunk.toString();
    expect(text).toBe('ab');
  });

  it('without headers in time fails', async () => {
    const port = await serve(() => {});
    expect((await fails((await toPort(port)).stream(get('/', 50)))).code).toBe('timeout');
  });

  it('tells its Retry-After when refused', async () => {
    const port = await serve((_, response) => void response.writeHead(429, { 'retry-after': '4' }).end('later'));
    const stream = await (await toPort(port)).stream(get('/'));
    expect(stream).toMatchObject({ status: 429, retryAfterSeconds: 4 });
    stream.abort();
  });

  it.each([
    {
      name: 'cut by the server',
      code: 'broken',
      end: (_: { abort(): void }, response: ServerResponse) => response.destroy(),
    },
    { name: 'aborted by us', code: 'aborted', end: (stream: { abort(): void }) => stream.abort() },
  ])('$name gives what came before, then throws $code', async ({ code, end }) => {
    let response!: ServerResponse;
    const port = await serve((_, r) => {
      response = r;
      r.write('a');
    });
    const stream = await (await toPort(port)).stream(get('/'));
    const parts: string[] = [];
    const error = await fails(
      (async () => {
        for await (const chunk of stream.chunks) {
          parts.push(chunk.toString());
          end(stream, response);
        }
      })(),
    );
    expect({ parts, code: error.code }).toEqual({ parts: ['a'], code });
  });

  it('holds the server back when it is not read', async () => {
    let written = 0;
    const block = Buffer.alloc(64 * 1024, 'x');
    const port = await serve(async (_, response) => {
      while (written < 200 && !response.destroyed) {
        written += 1;
        if (!response.write(block)) await new Promise((resolve) => response.once('drain', resolve));
      }
      response.end();
    });
    const stream = await (await toPort(port)).stream(get('/'));
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(written).toBeLessThan(200);
    let bytes = 0;
    for await (const chunk of stream.chunks) bytes += chunk.length;
    expect(bytes).toBe(200 * block.length);
  });

  it('left by its reader closes the connection', async () => {
    let closed = false;
    const port = await serve((_, response) => {
      response.on('close', () => {
        closed = true;
      });
      response.write('a');
    });
    const { chunks } = await (await toPort(port)).stream(get('/'));
    for await (const chunk of chunks) if (chunk.length > 0) break;
    await eventually(() => closed);
  });
});

describe('over TLS', () => {
  async function tlsServer(): Promise<{
    port: number;
    ca: string;
    issue: Awaited<ReturnType<typeof testAuthority>>['issue'];
  }> {
    const authority = await testAuthority();
    const own = await authority.issue('server');
    const server = createTlsServer({ ...own, ca: authority.ca, requestCert: true, rejectUnauthorized: false });
    server.on('request', (request, response) => {
      const peer = (request.socket as TLSSocket).getPeerCertificate();
      response.end(
        JSON.stringify({ user: peer.subject?.CN ?? '', authorization: request.headers.authorization ?? '' }),
      );
    });
    return { port: await listen(server), ca: authority.ca, issue: authority.issue };
  }
  const base64 = (text: string): string => Buffer.from(text).toString('base64');

  it('a kubeconfig with authority and client certificate is trusted and proves who we are', async () => {
    const { port, ca, issue } = await tlsServer();
    const { cert, key } = await issue('carol');
    const path = kubeconfig(
      { 'client-certificate-data': base64(cert), 'client-key-data': base64(key) },
      { server: `https://127.0.0.1:${port}`, 'certificate-authority-data': base64(ca) },
    );
    const response = await (await open({ kubeconfig: path })).request(get('/'));
    expect(JSON.parse(response.body.toString())).toEqual({ user: 'carol', authorization: '' });
  });

  it('a server whose certificate is not trusted gets nothing', async () => {
    const { port } = await tlsServer();
    const path = kubeconfig({ token: 'hunter2' }, { server: `https://127.0.0.1:${port}` });
    const error = await fails((await open({ kubeconfig: path })).request(get('/')));
    expect(error.code).toBe('unsent');
    expect(JSON.stringify(error) + error.message + String(error.cause)).not.toContain('hunter2');
  });

  it("a pod's service account token is read again within a minute", async () => {
    const { port, ca } = await tlsServer();
    writeFileSync(join(folder, 'ca.crt'), ca);
    writeFileSync(join(folder, 'token'), 'first\n');
    const env = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(port) };
    const saved = { ...process.env };
    Object.assign(process.env, env, { KUBECONFIG: '', HOME: folder });
    cleanup.push(() => {
      process.env = saved;
    });
    const clock = new ManualClock();
    const transport = await open({ serviceAccount: folder, clock });
    const token = async (): Promise<unknown> =>
      JSON.parse((await transport.request(get('/'))).body.toString()).authorization;
    expect(await token()).toBe('Bearer first');
    writeFileSync(join(folder, 'token'), 'second\n');
    expect(await token()).toBe('Bearer first');
    clock.advance(60_000);
    expect(await token()).toBe('Bearer second');
    rmSync(join(folder, 'token'));
    clock.advance(60_000);
    expect(await token()).toBe('Bearer second');
  });
});

describe('credentials', () => {
  const echo = (): Promise<number> =>
    serve((request, response) => {
      const { authorization } = request.headers;
      response.writeHead(authorization === 'Bearer stale' ? 401 : 200).end(authorization ?? '');
    });

  it('of a credential plugin are used', async () => {
    const port = await echo();
    const credential = {
      kind: 'ExecCredential',
      apiVersion: 'client.authentication.k8s.io/v1',
      status: { token: 'made' },
    };
    const path = kubeconfig(
      {
        exec: {
          apiVersion: 'client.authentication.k8s.io/v1',
          command: process.execPath,
          args: ['-e', `console.log(${JSON.stringify(JSON.stringify(credential))})`],
        },
      },
      { server: `http://127.0.0.1:${port}` },
    );
    const response = await (await open({ kubeconfig: path })).request(get('/'));
    expect(response.body.toString()).toBe('Bearer made');
  });

  it('of a plugin that fails give an error without what the plugin said', async () => {
    const path = kubeconfig(
      {
        exec: {
          apiVersion: 'client.authentication.k8s.io/v1',
          command: process.execPath,
          args: ['-e', 'console.error("hunter2"); process.exit(1)'],
        },
      },
      { server: 'http://127.0.0.1:1' },
    );
    const error = await open({ kubeconfig: path }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConnectError);
    expect(error).toMatchObject({ code: 'credentials' });
    expect((error as Error).cause).toBeUndefined();
    expect(String(error)).not.toContain('hunter2');
  });

  it('refused with 401 are read again, and the call is made once more when they changed', async () => {
    const port = await echo();
    const plugin = join(folder, 'plugin.cjs');
    const tokens = join(folder, 'tokens');
    writeFileSync(tokens, 'stale');
    // runs out at once, so that every reading runs the plugin
    writeFileSync(
      plugin,
      `const token = require('node:fs').readFileSync(${JSON.stringify(tokens)}, 'utf8');
       console.log(JSON.stringify({ status: { token, expirationTimestamp: '2020-01-01T00:00:00Z' } }));`,
    );
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: process.execPath, args: [plugin] };
    const transport = await open({ kubeconfig: kubeconfig({ exec }, { server: `http://127.0.0.1:${port}` }) });
    expect((await transport.request(get('/'))).status).toBe(401);
    writeFileSync(tokens, 'fresh');
    const response = await transport.request(get('/'));
    expect({ status: response.status, body: response.body.toString() }).toEqual({ status: 200, body: 'Bearer fresh' });
    writeFileSync(tokens, 'stale');
  });

  it('of a plugin that hangs later on do not hold calls up for longer than their time', async () => {
    const port = await echo();
    const plugin = join(folder, 'plugin.cjs');
    const hang = join(folder, 'hang');
    writeFileSync(
      plugin,
      `const status = { token: 'old', expirationTimestamp: '2020-01-01T00:00:00Z' };
       if (require('node:fs').existsSync(${JSON.stringify(hang)})) setTimeout(() => {}, 3000);
       else console.log(JSON.stringify({ status }));`,
    );
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: process.execPath, args: [plugin] };
    const clock = new ManualClock();
    const transport = await open({ clock, kubeconfig: kubeconfig({ exec }, { server: `http://127.0.0.1:${port}` }) });
    writeFileSync(hang, '');
    clock.advance(60_000);
    const answer = transport.request(get('/', 10_000));
    await eventually(() => clock.nextInMs === 5_000);
    clock.advance(5_000);
    expect((await answer).body.toString()).toBe('Bearer old');
    // and the next call does not wait at all
    expect((await transport.request(get('/', 10_000))).body.toString()).toBe('Bearer old');
  });

  it('that did not change since a 401 are not tried again', async () => {
    let calls = 0;
    const port = await serve((_, response) => {
      calls += 1;
      response.writeHead(401).end();
    });
    const stream = await (await toPort(port)).stream(get('/'));
    expect({ status: stream.status, calls }).toEqual({ status: 401, calls: 1 });
    stream.abort();
  });
});

describe('a kubeconfig', () => {
  it.each([
    ['that is missing', () => join(folder, 'nowhere'), 'kubeconfig'],
    [
      'that is not YAML',
      () => {
        const path = join(folder, 'bad');
        writeFileSync(path, 'token: "hunter2\n\t- : {');
        return path;
      },
      'kubeconfig',
    ],
    ['whose server is no URL', () => kubeconfig({}, { server: 'not a url' }), 'kubeconfig'],
    ['that speaks plain http to another machine', () => kubeconfig({}, { server: 'http://10.0.0.1:8080' }), 'insecure'],
    ['that speaks plain http to a name', () => kubeconfig({}, { server: 'http://127.0.0.1.example.com' }), 'insecure'],
  ])('%s is refused', async (_, path, code) => {
    const error = await connect({ component: 'test', kubeconfig: path() }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConnectError);
    expect(error).toMatchObject({ code });
    expect((error as Error).cause).toBeUndefined();
    expect(String(error)).not.toContain('hunter2');
  });

  it('without the context asked for is refused', async () => {
    const path = kubeconfig({}, { server: 'http://127.0.0.1:1' });
    await expect(connect({ component: 'test', kubeconfig: path, context: 'other' })).rejects.toThrow('"other"');
  });

  it('may name a path before every request', async () => {
    const port = await serve((request, response) => void response.end(request.url));
    const path = kubeconfig({}, { server: `http://127.0.0.1:${port}/clusters/c-1/` });
    const response = await (await open({ kubeconfig: path })).request(get('/api?x=1'));
    expect(response.body.toString()).toBe('/clusters/c-1/api?x=1');
  });

  it('is not needed in a pod, nor is client-node then', async () => {
    writeFileSync(join(folder, 'token'), 't');
    writeFileSync(join(folder, 'ca.crt'), 'c');
    const env = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '6443' };
    const endpoint = await findEndpoint({ serviceAccount: folder }, env);
    expect(endpoint.origin).toBe('https://[fd00::1]:6443');
  });
});
