import { X509Certificate } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { applyPatch, type Operation } from 'rfc6902';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../test/build/manual-clock.ts';
import type { Transport } from '../kube/ports.ts';
import { connect } from '../kube/undici-adapter.ts';
import { SelfMadeCertificates, webhookHosts } from './certs.ts';
import type { MutateOptions } from './mutate.ts';
import { startWebhook, type Webhook } from './server.ts';

const HOST = 'muster-webhook.muster-system.svc';
const SECRET = '/api/v1/namespaces/muster-system/secrets/certs';
const HOOKS = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/muster';
const DAY_MS = 86_400_000;

type Stored = { metadata: { resourceVersion: string } } & Record<string, unknown>;

/** The two objects of this room over real HTTP, with the API server's rules for resourceVersion. */
class SecretAndHooks {
  readonly objects = new Map<string, Stored>();
  #version = 1;
  readonly #server: Server = createServer((request, response) => {
    void read(request).then((body) => {
      const [status, answer] = this.#serve(request.method ?? '', request.url ?? '', body);
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    });
  });

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.objects.set(HOOKS, {
      metadata: { resourceVersion: '1' },
      webhooks: [{ name: 'pods.muster.dev', clientConfig: {} }],
    });
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  get secret(): Record<string, string> {
    const data = (this.objects.get(SECRET)?.data ?? {}) as Record<string, string>;
    return Object.fromEntries(
      Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]),
    );
  }

  get bundle(): string {
    const webhooks = (this.objects.get(HOOKS)?.webhooks ?? []) as { clientConfig: { caBundle?: string } }[];
    return Buffer.from(webhooks[0]?.clientConfig.caBundle ?? '', 'base64').toString();
  }

  #serve(method: string, path: string, body: unknown): [number, unknown] {
    if (method === 'POST')
      return this.#create(`${path}/${(body as { metadata: { name: string } }).metadata.name}`, body as Stored);
    const found = this.objects.get(path);
    if (found === undefined) return [404, { kind: 'Status', message: 'not found' }];
    if (method === 'PATCH') {
      const copy = structuredClone(found);
      if (applyPatch(copy, body as Operation[]).some((failure) => failure !== null)) return [422, { kind: 'Status' }];
      return [200, this.#store(path, copy)];
    }
    if (method === 'PUT') {
      if ((body as Stored).metadata.resourceVersion !== found.metadata.resourceVersion)
        return [409, { kind: 'Status' }];
      return [200, this.#store(path, body as Stored)];
    }
    return [200, found];
  }

  #create(path: string, body: Stored): [number, unknown] {
    return this.objects.has(path) ? [409, { kind: 'Status', message: 'exists' }] : [201, this.#store(path, body)];
  }

  #store(path: string, object: Stored): Stored {
    this.#version += 1;
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } };
    this.objects.set(path, stored);
    return stored;
  }
}

async function read(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return chunks.length === 0 ? null : JSON.parse(Buffer.concat(chunks).toString());
}

const count = (pem: string): number => pem.split('BEGIN CERTIFICATE').length - 1;

/** What a TLS client that trusts `ca` sees served for HOST; throws when it does not trust it. */
function handshake(port: number, ca: string, host = HOST): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host: '127.0.0.1', port, ca, servername: host }, () => {
      const serial = socket.getPeerX509Certificate()?.serialNumber ?? '';
      socket.destroy();
      resolve(serial);
    });
    socket.on('error', reject);
  });
}

it.each([
  ['::', [HOST]],
  ['0.0.0.0', [HOST]],
  ['127.0.0.1', [HOST, '127.0.0.1']],
])('a webhook that listens on %s is reached at %j', (host, hosts) => {
  expect(webhookHosts({ service: 'muster-webhook', namespace: 'muster-system', host })).toEqual(hosts);
});

describe('self-made certificates', () => {
  let api: SecretAndHooks;
  let transport: Transport;
  let clock: ManualClock;
  let errors: unknown[];
  const closing: { stop(): void }[] = [];
  const webhooks: Webhook[] = [];

  beforeEach(async () => {
    api = new SecretAndHooks();
    transport = await connect({ server: await api.start(), component: 'test' });
    clock = new ManualClock();
    // certificates are read by real TLS clients, which live now
    clock.advance(Date.now() - clock.now());
    errors = [];
  });
  afterEach(async () => {
    for (const each of closing.splice(0)) each.stop();
    for (const each of webhooks.splice(0)) await each.close();
    await transport.close();
    api.stop();
  });

  function replica(deciding: () => boolean, hosts = [HOST]): SelfMadeCertificates {
    const certificates = new SelfMadeCertificates({
      transport,
      clock,
      namespace: 'muster-system',
      secretName: 'certs',
      hosts,
      configuration: 'muster',
      deciding,
      onError: (error) => errors.push(error),
    });
    closing.push(certificates);
    return certificates;
  }

  async function serve(certificates: SelfMadeCertificates): Promise<number> {
    const mutate: MutateOptions = {
      schedulerNames: [],
      runtimeClassName: null,
      runtimeClassExists: () => false,
      largestDeviceMib: 1,
      dialects: { aliyunUnit: 'GiB' },
    };
    const webhook = await startWebhook({
      host: '127.0.0.1',
      port: 0,
      clock,
      mutate,
      certificates: certificates.serving,
    });
    webhooks.push(webhook);
    return webhook.port;
  }

  const yes = () => true;
  const no = () => false;

  it('are made by whoever comes first and shared by all; only the deciding one tells the API server', async () => {
    const [one, other] = [replica(no), replica(no)];
    await Promise.all([one.round(), other.round()]);
    expect(one.serving.current).toEqual(other.serving.current);
    expect(api.bundle).toBe('');
    await replica(yes).round();
    expect(api.bundle).toBe(api.secret['ca.crt']);
  });

  it('pass a real handshake for the name of the Service, and no other', async () => {
    const certificates = replica(yes, [HOST, '127.0.0.1']);
    await certificates.round();
    const port = await serve(certificates);
    await expect(handshake(port, api.bundle)).resolves.toMatch(/^[0-9A-F]{32}$/);
    await expect(handshake(port, api.bundle, 'elsewhere.svc')).rejects.toThrow(/does not match/);
    const leaf = new X509Certificate(api.secret['tls.crt'] ?? '');
    expect(leaf.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(leaf.ca).toBe(false);
  });

  it('are renewed after two thirds of 90 days by the deciding one, and swapped in while serving', async () => {
    const [leader, follower] = [replica(yes), replica(no)];
    await leader.round();
    await follower.round();
    const port = await serve(follower);
    const before = await handshake(port, api.bundle);

    clock.advance(59 * DAY_MS);
    await leader.round();
    await follower.round();
    expect(await handshake(port, api.bundle)).toBe(before);

    clock.advance(1 * DAY_MS + 1);
    await follower.round();
    expect(follower.serving.current).toEqual(leader.serving.current);
    await leader.round();
    expect(follower.serving.current).not.toEqual(leader.serving.current);
    // made in a future that the client does not live in yet: only the swap is asserted, not its dates
    await follower.round();
    expect(follower.serving.current).toEqual(leader.serving.current);
    const served = await new Promise<string>((resolve) => {
      const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
        resolve(socket.getPeerX509Certificate()?.serialNumber ?? '');
        socket.destroy();
      });
    });
    expect(served).toBe(new X509Certificate(api.secret['tls.crt'] ?? '').serialNumber);
    expect(served).not.toBe(before);
    expect(count(api.bundle)).toBe(1);
  });

  it('change their authority with both trusted, until nobody serves what the old one signed', async () => {
    const leader = replica(yes);
    await leader.round();
    const old = api.secret['ca.crt'] ?? '';
    clock.advance(2_434 * DAY_MS);
    await leader.round(); // announces; the serving certificate is long due and waits its turn
    expect(count(api.bundle)).toBe(2);
    expect(api.bundle.startsWith(old)).toBe(true);
    const announced = api.secret['next-ca.crt'] ?? '';

    await leader.round();
    expect(new X509Certificate(leader.serving.current?.certificate ?? '').checkIssued(new X509Certificate(old))).toBe(
      true,
    );

    clock.advance(60 * 60_000);
    await leader.round();
    expect(api.secret['ca.crt']).toBe(announced);
    expect(
      new X509Certificate(leader.serving.current?.certificate ?? '').checkIssued(new X509Certificate(announced)),
    ).toBe(true);
    expect(count(api.bundle)).toBe(2);
    expect(api.bundle.includes(old.trim())).toBe(true);

    clock.advance(60 * 60_000);
    await leader.round();
    expect(api.bundle).toBe(announced);
    expect(Object.keys(api.secret).sort()).toEqual(['ca.crt', 'ca.key', 'tls.crt', 'tls.key']);
  });

  it('do not change their authority while the API server was not told of the next one', async () => {
    const leader = replica(yes);
    await leader.round();
    clock.advance(2_434 * DAY_MS);
    await leader.round();
    const hooks = api.objects.get(HOOKS);
    api.objects.delete(HOOKS);
    clock.advance(60 * 60_000);
    await expect(leader.round()).rejects.toThrow(/MutatingWebhookConfiguration muster/);
    await expect(leader.round()).rejects.toThrow();
    expect(api.secret['next-ca.crt']).toBeDefined();
    api.objects.set(HOOKS, hooks as Stored);
    await leader.round();
    expect(api.secret['previous-ca.crt']).toBeDefined();
  });

  const SPOILED: { name: string; spoil: (data: Record<string, string>) => Record<string, string> }[] = [
    { name: 'empty', spoil: () => ({}) },
    { name: 'without the key of the serving certificate', spoil: ({ 'tls.key': _, ...rest }) => rest },
    { name: 'with a key of another certificate', spoil: (data) => ({ ...data, 'tls.key': data['ca.key'] ?? '' }) },
    { name: 'with garbage', spoil: (data) => ({ ...data, 'tls.crt': 'AAAA' }) },
  ];
  for (const { name, spoil } of SPOILED) {
    it(`are made anew by the deciding one alone where the Secret is ${name}`, async () => {
      await replica(no).round();
      const secret = api.objects.get(SECRET) as Stored & { data: Record<string, string> };
      api.objects.set(SECRET, { ...secret, data: spoil(secret.data) });
      await expect(replica(no).round()).rejects.toThrow(/Secret certs is not usable/);
      const leader = replica(yes);
      await leader.round();
      expect(leader.serving.current?.certificate).toBe(api.secret['tls.crt']);
      expect(api.bundle).toBe(api.secret['ca.crt']);
    });
  }

  it('are made anew for another host', async () => {
    await replica(yes).round();
    await replica(yes, ['other.svc']).round();
    expect(new X509Certificate(api.secret['tls.crt'] ?? '').checkHost('other.svc')).toBe('other.svc');
  });

  it('of a deposed leader do not overwrite those of the next one', async () => {
    const [old, next] = [replica(yes), replica(yes)];
    await old.round();
    clock.advance(61 * DAY_MS);
    const [first, second] = await Promise.allSettled([old.round(), next.round()]);
    expect([first.status, second.status].sort()).toEqual(['fulfilled', 'rejected']);
    await old.round();
    await next.round();
    expect(old.serving.current).toEqual(next.serving.current);
  });

  it('start by themselves, keep trying, say why, and tell nobody their keys', async () => {
    const hooks = api.objects.get(HOOKS);
    api.objects.delete(HOOKS);
    const certificates = replica(yes);
    certificates.start();
    await certificates.serving.first();
    while (errors.length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    expect(String(errors[0])).toMatch(/cannot read MutatingWebhookConfiguration/);
    expect(JSON.stringify(errors.map((error) => [String(error), error]))).not.toContain('PRIVATE KEY');
    api.objects.set(HOOKS, hooks as Stored);
    while (clock.nextInMs === null) await new Promise((resolve) => setTimeout(resolve, 2));
    clock.advance(15_000);
    while (api.bundle === '') await new Promise((resolve) => setTimeout(resolve, 2));
    expect(api.bundle).toBe(api.secret['ca.crt']);
  });
});
