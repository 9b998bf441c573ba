import { connect } from 'node:net';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_DIALECT_OPTIONS } from '../dialects/reading.ts';
import { mutatePlugin } from './server.ts';

const half = {
  metadata: { name: 'train', annotations: { 'muster.dev/gpu-fraction': '0.5' } },
  spec: { schedulerName: 'muster-scheduler', containers: [{ name: 'main' }] },
};
const request = (over: Record<string, unknown> = {}) => ({
  uid: 'u-1',
  kind: { group: '', version: 'v1', kind: 'Pod' },
  operation: 'CREATE',
  namespace: 'team-a',
  object: half,
  ...over,
});
const review = (over: Record<string, unknown> = {}, envelope: Record<string, unknown> = {}) =>
  JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request: request(over), ...envelope });

let app: FastifyInstance;
let url: string;
const outcomes: string[] = [];

beforeAll(async () => {
  app = Fastify();
  await app.register(mutatePlugin, {
    clock: { monotonic: () => 0 },
    onReview: ({ outcome }) => outcomes.push(outcome),
    mutate: {
      schedulerNames: ['muster-scheduler'],
      runtimeClassName: null,
      runtimeClassExists: () => false,
      largestDeviceMib: 81_920,
      dialects: DEFAULT_DIALECT_OPTIONS,
    },
  });
  url = await app.listen({ host: '127.0.0.1', port: 0 });
});
afterAll(() => app.close());

async function post(
  body: string | Uint8Array<ArrayBuffer>,
  contentType = 'application/json',
): Promise<{ status: number; json: unknown }> {
  const response = await fetch(`${url}/mutate`, { method: 'POST', body, headers: { 'content-type': contentType } });
  return { status: response.status, json: await response.json() };
}

type Answer = {
  response: {
    uid: string;
    allowed: boolean;
    patch?: string;
    patchType?: string;
    status?: { code: number; message: string };
  };
};

describe('POST /mutate', () => {
  it('answers a new pod with a patch, echoes the uid and counts it', async () => {
    const { status, json } = await post(review());
    const { response } = json as Answer;
    expect(status).toBe(200);
    expect(json).toMatchObject({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' });
    expect(response).toMatchObject({ uid: 'u-1', allowed: true, patchType: 'JSONPatch' });
    const patch = JSON.parse(Buffer.from(response.patch ?? '', 'base64').toString()) as { path: string }[];
    expect(patch.map(({ path }) => path)).toContain('/spec/affinity');
    expect(outcomes.at(-1)).toBe('patched');
  });

  it('refuses a request that cannot be right with 422 and its reason', async () => {
    const object = { ...half, metadata: { annotations: { 'muster.dev/gpu-fraction': '-1' } } };
    const { response } = (await post(review({ object }))).json as Answer;
    expect(response).toMatchObject({ uid: 'u-1', allowed: false, status: { code: 422 } });
    expect(response.status?.message).toMatch(/gpu-fraction: "-1"/);
    expect(outcomes.at(-1)).toBe('refused');
  });

  const UNTOUCHED: [string, Record<string, unknown>][] = [
    ['an update', { operation: 'UPDATE' }],
    ['a deletion without object', { operation: 'DELETE', object: null }],
    ['a subresource', { subResource: 'ephemeralcontainers' }],
    ['another kind', { kind: { group: 'apps', version: 'v1', kind: 'Deployment' } }],
    ['an object that is no object', { object: 'pod' }],
    ['a dry run of another scheduler', { dryRun: true, object: { spec: { schedulerName: 'default-scheduler' } } }],
  ];
  for (const [name, over] of UNTOUCHED) {
    it(`allows untouched: ${name}`, async () => {
      const { status, json } = await post(review(over));
      expect(status).toBe(200);
      expect((json as Answer).response).toEqual({ uid: 'u-1', allowed: true });
    });
  }

  const MALFORMED: [string, string | Uint8Array<ArrayBuffer>][] = [
    ['nothing', ''],
    ['no JSON', '{"request":'],
    ['null', 'null'],
    ['a list', '[]'],
    ['another kind of object', JSON.stringify({ apiVersion: 'v1', kind: 'Pod' })],
    ['an older version', review({}, { apiVersion: 'admission.k8s.io/v1beta1' })],
    ['no request', review({}, { request: null })],
    ['no uid', review({ uid: '' })],
    ['a uid that is no text', review({ uid: { a: 1 } })],
    ['a uid without end', review({ uid: 'x'.repeat(10_000) })],
    ['bytes that are not UTF-8', new Uint8Array([0x22, 0xff, 0xfe, 0x22])],
  ];
  for (const [name, body] of MALFORMED) {
    it(`answers 400 to ${name}`, async () => {
      const { status, json } = await post(body);
      expect(status).toBe(400);
      expect(json).toHaveProperty('error');
      expect(outcomes.at(-1)).toBe('malformed');
    });
  }

  it('answers 415 to another content type and 413 to more than 4 MiB', async () => {
    expect((await post(review(), 'text/plain')).status).toBe(415);
    expect((await post('x'.repeat(4 * 1024 * 1024 + 1))).status).toBe(413);
  });

  const HEAVY: [string, unknown][] = [
    ['60,000 variables', { env: Array.from({ length: 60_000 }, (_, at) => ({ name: `V${at}` })) }],
    [
      'names of prototypes',
      JSON.parse(
        '{"__proto__":{"polluted":true},"env":[{"name":"__proto__"}],"resources":{"limits":{"__proto__":"1"}}}',
      ),
    ],
  ];
  for (const [name, container] of HEAVY) {
    it(`answers a pod with ${name} within a second`, async () => {
      const object = { ...half, spec: { ...half.spec, containers: [{ name: 'main', ...(container as object) }] } };
      const started = performance.now();
      const { json } = await post(review({ object }));
      expect((json as Answer).response.allowed).toBe(true);
      expect(performance.now() - started).toBeLessThan(1_000);
      expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    });
  }

  it('survives nesting as deep as a body can be', async () => {
    const deep = '['.repeat(1_000_000) + ']'.repeat(1_000_000);
    const body = review({ object: { ...half, spec: { ...half.spec, volumes: 'HERE' } } }).replace('"HERE"', deep);
    expect([200, 400]).toContain((await post(body)).status);
    const env = review({ object: { ...half, spec: { ...half.spec, containers: [{ name: 'main', env: ['HERE'] }] } } });
    expect([200, 400]).toContain((await post(env.replace('"HERE"', deep))).status);
    expect((await post(review())).status).toBe(200);
  });

  it('survives a client that hangs up in the middle', async () => {
    const port = Number(new URL(url).port);
    const socket = connect(port, '127.0.0.1');
    socket.write('POST /mutate HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{');
    await new Promise((resolve) => setTimeout(resolve, 20));
    socket.destroy();
    expect((await post(review())).status).toBe(200);
  });
});
