import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { node } from '../../test/build/facts.ts';
import { booksPicture } from '../../test/kit/books-picture.ts';
import { type KeyPair, testAuthority } from '../../test/kit/certificates.ts';
import { eventually } from '../../test/kit/eventually.ts';
import { nodeClock, nodeRng } from '../kube/node-adapter.ts';
import type { Transport } from '../kube/ports.ts';
import { readConfig } from './config.ts';
import { TEXTS } from './errors.ts';
import { startExtender } from './start.ts';

const POD = {
  metadata: { name: 'p', namespace: 'n', uid: 'u', annotations: { 'muster.dev/gpu-fraction': '0.5' } },
  spec: { containers: [{ name: 'main' }] },
};
const FILTER = JSON.stringify({ Pod: POD, Nodes: null, NodeNames: ['n1'] });
const BIND = JSON.stringify({ PodName: 'p', PodNamespace: 'n', PodUID: 'u', Node: 'n1' });
const picture = () => booksPicture([node('n1')]).makePicture;
const base = { leadership: 'always', callDeadlineMs: 1_000, logLevel: 'info' } as const;

const silent: Transport = {
  request: async () => ({ status: 201, body: Buffer.from('{}'), retryAfterSeconds: null }),
  stream: async () => {
    throw new Error('no informer runs here');
  },
  close: async () => {},
};

describe('while it does not decide yet', () => {
  const filtered = async (patienceMs: number): Promise<{ Error: string; NodeNames: string[] | null }> => {
    const config = readConfig({ ...base, logLevel: 'silent', callDeadlineMs: 300, patienceMs, listen: { port: 0 } });
    const extender = await startExtender(config, {
      transport: silent,
      clock: nodeClock,
      rng: nodeRng,
      makePicture: picture(),
    });
    const answer = await fetch(`${extender.url}/filter`, { method: 'POST', body: FILTER });
    const result = (await answer.json()) as { Error: string; NodeNames: string[] | null };
    await extender.close();
    return result;
  };

  it('keeps filter waiting rather than failing the pod, if it decides soon', async () => {
    expect(await filtered(5_000)).toMatchObject({ Error: '', NodeNames: ['n1'] });
  });

  it('fails filter with a constant text when patience runs out', async () => {
    expect((await filtered(20)).Error).toBe(TEXTS['not-deciding']);
  });
});

describe('draining', () => {
  it('answers the bind in flight, takes nothing new, and logs no body', async () => {
    const lines: string[] = [];
    const asked: (() => void)[] = [];
    const transport: Transport = {
      request: () =>
        new Promise((resolve) =>
          asked.push(() => resolve({ status: 201, body: Buffer.from('{}'), retryAfterSeconds: null })),
        ),
      stream: async () => {
        throw new Error('no informer runs here');
      },
      close: async () => {},
    };
    const extender = await startExtender(readConfig({ ...base, callDeadlineMs: 100, listen: { port: 0 } }), {
      transport,
      clock: nodeClock,
      rng: nodeRng,
      makePicture: picture(),
      log: { write: (line) => lines.push(line) },
    });
    await eventually(() => extender.deciding);
    await fetch(`${extender.url}/filter`, { method: 'POST', body: FILTER });
    const bind = fetch(`${extender.url}/bind`, { method: 'POST', body: BIND });
    await eventually(() => asked.length === 1);
    let closed = false;
    const close = extender.close().then(() => {
      closed = true;
    });
    expect(closed).toBe(false);
    expect(extender.deciding).toBe(false);
    asked[0]!();
    expect(await (await bind).json()).toEqual({ Error: '' });
    await close;
    await expect(fetch(`${extender.url}/livez`)).rejects.toThrow();
    const bound = lines.map((line) => JSON.parse(line)).find(({ verb }) => verb === 'bind');
    expect(bound).toMatchObject({ level: 30, pod: 'n/p', node: 'n1', outcome: 'ok' });
    expect(lines.join('')).not.toContain('gpu-fraction');
  });
});

describe('TLS', () => {
  const folder = mkdtempSync(join(tmpdir(), 'muster-tls-'));
  let ca: string;
  let client: KeyPair;
  beforeAll(async () => {
    const authority = await testAuthority();
    ca = authority.ca;
    const server = await authority.issue('localhost');
    client = await authority.issue('scheduler');
    writeFileSync(join(folder, 'tls.crt'), server.cert);
    writeFileSync(join(folder, 'tls.key'), server.key);
    writeFileSync(join(folder, 'ca.crt'), ca);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('serves only clients with a certificate where a client CA is given', async () => {
    const at = (name: string) => join(folder, name);
    const tls = { certFile: at('tls.crt'), keyFile: at('tls.key'), clientCaFile: at('ca.crt') };
    const extender = await startExtender(readConfig({ ...base, logLevel: 'silent', listen: { port: 0, tls } }), {
      transport: {
        request: async () => Promise.reject(new Error('unused')),
        stream: async () => Promise.reject(new Error('unused')),
        close: async () => {},
      },
      clock: nodeClock,
      rng: nodeRng,
      makePicture: picture(),
    });
    const get = (options: object) =>
      new Promise<number>((resolve, reject) => {
        httpsRequest(
          `${extender.url}/livez`,
          { ca, servername: 'localhost', checkServerIdentity: () => undefined, agent: false, ...options },
          (response) => {
            response.resume();
            resolve(response.statusCode!);
          },
        )
          .on('error', reject)
          .end();
      });
    expect(await get(client)).toBe(200);
    await expect(get({})).rejects.toThrow();
    await extender.close();
  });

  it('a file that is missing is named', async () => {
    const tls = { certFile: join(folder, 'none.crt'), keyFile: join(folder, 'tls.key') };
    await expect(
      startExtender(readConfig({ ...base, listen: { port: 0, tls } }), {
        transport: {
          request: async () => Promise.reject(new Error('unused')),
          stream: async () => Promise.reject(new Error('unused')),
          close: async () => {},
        },
        clock: nodeClock,
        rng: nodeRng,
        makePicture: picture(),
      }),
    ).rejects.toThrow('none.crt');
  });
});
