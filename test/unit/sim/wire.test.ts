/** What only a wire shows: client certificates, watchers that do not read, too many requests at once. */
import { randomUUID } from 'node:crypto';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { issueClient, makeAuthority } from '../../../src/kube/authority.ts';
import { nodeClock } from '../../../src/kube/node-adapter.ts';
import { Api } from '../../../src/sim/api/api.ts';
import type { JsonObject } from '../../../src/sim/api/object.ts';
import { listen } from '../../../src/sim/api/server.ts';
import { eventually } from '../../kit/eventually.ts';
import { securedApi } from '../../kit/secured-api.ts';

const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

const configMap = (name: string, bytes = 1) =>
  Buffer.from(JSON.stringify({ metadata: { name }, data: { text: 'x'.repeat(bytes) } }));

describe('client certificates', () => {
  async function whoAmI(tls: object): Promise<{ status: number; body: JsonObject }> {
    const secured = await securedApi({});
    closing.push(() => secured.close());
    const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
    const credentials = typeof tls === 'function' ? await tls(secured.authority) : tls;
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': 'application/json' };
      const options = { method: 'POST', headers, agent: false, ca: secured.authority.certificate, ...credentials };
      const out = request(secured.url + path, options, (answer) => {
        let text = '';
        answer.on('data', (chunk: Buffer) => {
          text += chunk.toString();
        });
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: JSON.parse(text) as JsonObject }));
      });
      out.on('error', reject);
      out.end('{}');
    });
  }

  it('tell user and groups', async () => {
    const answer = await whoAmI(async (authority: { certificate: string; key: string }) => {
      const { certificate, key } = await issueClient(authority, 'carol', ['system:masters', 'ops'], nodeClock.now());
      return { cert: certificate, key };
    });
    expect(answer.body.status).toEqual({
      userInfo: { username: 'carol', groups: ['system:masters', 'ops', 'system:authenticated'] },
    });
  });

  it('of another authority are refused', async () => {
    const other = await makeAuthority(nodeClock.now(), 'other');
    const { certificate, key } = await issueClient(other, 'carol', ['system:masters'], nodeClock.now());
    expect(await whoAmI({ cert: certificate, key })).toMatchObject({ status: 401, body: { message: 'Unauthorized' } });
  });
});

describe('a watcher that does not read', () => {
  const MIB = 1024 * 1024;
  const openApi = async () => {
    const api = new Api({ clock: nodeClock, newUid: randomUUID });
    const server = await listen(api, { watchBacklogBytes: 8 * MIB });
    closing.push(() => server.close());
    const write = (name: string, bytes: number) =>
      api.handle({
        method: 'POST',
        path: '/api/v1/namespaces/default/configmaps',
        contentType: 'application/json',
        body: configMap(name, bytes),
      });
    const watch = (query: string) =>
      new Promise<IncomingMessage>((resolve, reject) => {
        const out = httpRequest(`${server.url}/api/v1/configmaps?watch=true${query}`, { agent: false }, (answer) => {
          answer.on('error', () => {});
          answer.pause();
          resolve(answer);
        });
        out.on('error', reject);
        out.end();
      });
    return { api, write, watch };
  };

  it('is cut off when too much waits for it, and another one who reads is not', async () => {
    const { write, watch } = await openApi();
    const silent = await watch('&resourceVersion=0');
    const reading = await watch('&resourceVersion=0');
    let bytes = 0;
    reading.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
    });
    reading.resume();
    const gone = new Promise<boolean>((resolve) => silent.socket.once('close', () => resolve(true)));
    const before = process.memoryUsage().rss;
    for (let at = 0; at < 150; at += 1) {
      await write(`c${at}`, 200_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    silent.resume();
    expect(await gone).toBe(true);
    await eventually(() => bytes > 150 * 200_000);
    // the objects themselves are 30 MB, and as much again in transit
    expect(process.memoryUsage().rss - before).toBeLessThan(250 * MIB);
    expect(reading.socket.destroyed).toBe(false);
    reading.socket.destroy();
  });

  it('holds back the beginning instead of piling it up', async () => {
    const { write, watch } = await openApi();
    for (let at = 0; at < 2_000; at += 1) await write(`c${at}`, 10_000);
    const slow = await watch('&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true');
    let text = '';
    await new Promise((resolve) => setTimeout(resolve, 200));
    slow.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    slow.resume();
    await eventually(() => text.includes('initial-events-end'));
    expect(text.split('\n').filter((line) => line.startsWith('{"type":"ADDED"')).length).toBe(2_000);
    slow.socket.destroy();
  });
});

describe('more requests at a time than allowed', () => {
  it('are told to come back, and watches do not count', async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const api = new Api({
      clock: nodeClock,
      newUid: randomUUID,
      maxInFlight: 2,
      admit: async ({ object }) => {
        await held;
        return object;
      },
    });
    const call = (method: string, path: string, body: Buffer | null = null) =>
      api.handle({ method, path, contentType: 'application/json', body });
    const writes = ['a', 'b'].map((name) => call('POST', '/api/v1/namespaces/default/configmaps', configMap(name)));
    expect(await call('GET', '/api/v1/pods')).toMatchObject({ status: 429, retryAfterSeconds: 1 });
    expect(await call('GET', '/api/v1/pods?watch=true')).toMatchObject({ status: 200 });
    release();
    expect((await Promise.all(writes)).map(({ status }) => status)).toEqual([201, 201]);
    expect(await call('GET', '/api/v1/pods')).toMatchObject({ status: 200 });
  });
});

describe('bodies and paths that no client should send, or only kubectl', () => {
  it('a custom object nested without end is refused in words, and the server goes on', async () => {
    const api = new Api({ clock: nodeClock, newUid: randomUUID });
    const server = await listen(api);
    closing.push(() => server.close());
    const post = (path: string, body: string) =>
      fetch(server.url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
    const definition = {
      metadata: { name: 'deeps.example.com' },
      spec: {
        group: 'example.com',
        scope: 'Cluster',
        names: { plural: 'deeps', singular: 'deep', kind: 'Deep', listKind: 'DeepList' },
        versions: [{ name: 'v1', served: true, storage: true, schema }],
      },
    };
    const made = await post('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', JSON.stringify(definition));
    expect(made.status).toBe(201);
    const deep = (levels: number) =>
      `{"apiVersion":"example.com/v1","kind":"Deep","metadata":{"name":"d${levels}"},"a":${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}}`;
    await vi.waitFor(async () => expect((await post('/apis/example.com/v1/deeps', deep(100))).status).toBe(201));
    const refused = await post('/apis/example.com/v1/deeps', deep(50_000));
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({ message: 'the body of the request is nested too deeply' });
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
  });

  it('/openapi/v2 is a document without definitions, in the form that was asked for', async () => {
    const server = await listen(new Api({ clock: nodeClock, newUid: randomUUID }));
    closing.push(() => server.close());
    const kubectl = { accept: 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf' };
    const packed = await fetch(`${server.url}/openapi/v2`, { headers: kubectl });
    expect([packed.status, (await packed.arrayBuffer()).byteLength]).toEqual([200, 0]);
    expect(await (await fetch(`${server.url}/openapi/v2`)).json()).toMatchObject({ swagger: '2.0', paths: {} });
  });
});
