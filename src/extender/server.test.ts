import { Agent, request as httpRequest } from 'node:http';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { node } from '../../test/build/facts.ts';
import { booksPicture } from '../../test/kit/books-picture.ts';
import { eventually } from '../../test/kit/eventually.ts';
import { landing, quietConfig } from '../../test/kit/no-cluster.ts';
import { nodeClock, nodeRng } from '../kube/node-adapter.ts';
import { TEXTS } from './errors.ts';
import { type Extender, startExtender } from './start.ts';

const agent = new Agent({ keepAlive: true, maxSockets: 4 });

type Answer = { status: number; type: string; length: string | undefined; text: string };
function call(url: string, body?: string | Buffer, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest(
      url,
      {
        method: body === undefined ? 'GET' : 'POST',
        agent,
        headers: { 'content-type': 'application/json', ...headers },
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({
            status: response.statusCode!,
            type: response.headers['content-type'] ?? '',
            length: response.headers['content-length'],
            text: Buffer.concat(chunks).toString(),
          }),
        );
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

const podJson = (name: string, fraction: string | null, uid = `uid-${name}`) =>
  JSON.stringify({
    metadata: {
      name,
      namespace: 'n',
      uid,
      ...(fraction !== null && { annotations: { 'muster.dev/gpu-fraction': fraction } }),
    },
    spec: { schedulerName: 'muster-scheduler', containers: [{ name: 'main' }] },
    status: {},
  });
const cached = (pod: string, names: readonly string[]) =>
  `{"Pod":${pod},"Nodes":null,"NodeNames":${JSON.stringify(names)}}`;

let extender: Extender;
const { makePicture, picture } = booksPicture([node('n1', 1), node('n2', 2), node('small', [], { managed: false })]);
const NONE = '"FailedNodes":{},"FailedAndUnresolvableNodes":{},"Error":""';

beforeAll(async () => {
  extender = await startExtender(quietConfig(), { transport: landing, clock: nodeClock, rng: nodeRng, makePicture });
  await eventually(() => extender.deciding);
});
afterAll(async () => {
  await extender.close();
  agent.destroy();
});

describe('the verbs over HTTP', () => {
  it('filter of an extender that has just started says that it does not decide', async () => {
    // calls of a former life could still be under way for that long
    const settings = quietConfig({ callDeadlineMs: 4_000 });
    const fresh = await startExtender(settings, { transport: landing, clock: nodeClock, rng: nodeRng, makePicture });
    const early = await call(`${fresh.url}/filter`, cached(podJson('early', '0.5'), ['n1']));
    await fresh.close();
    expect(JSON.parse(early.text).Error).toBe(TEXTS['not-deciding']);
  });

  it('filter answers the best node and leaves the others out; the same again is the same', async () => {
    const body = cached(podJson('a', '1'), ['n1', 'n2']);
    const first = await call(`${extender.url}/filter`, body);
    const [chosen] = JSON.parse(first.text).NodeNames;
    expect(['n1', 'n2']).toContain(chosen);
    expect(first).toMatchObject({ status: 200, type: 'application/json', length: String(first.text.length) });
    expect(first.text).toBe(`{"Nodes":null,"NodeNames":["${chosen}"],${NONE}}`);
    expect((await call(`${extender.url}/filter`, body)).text).toBe(first.text);
  });

  it('filter answers every node to a pod without GPUs, and only Nodes where there is no node cache', async () => {
    const items = [{ metadata: { name: 'small' }, spec: { a: 1 } }];
    const pod = podJson('plain', null);
    expect((await call(`${extender.url}/filter`, cached(pod, ['small']))).text).toBe(
      `{"Nodes":null,"NodeNames":["small"],${NONE}}`,
    );
    const body = `{"Pod":${pod},"Nodes":{"metadata":{},"items":${JSON.stringify(items)}},"NodeNames":null}`;
    expect((await call(`${extender.url}/filter`, body)).text).toBe(
      `{"Nodes":{"metadata":{},"items":${JSON.stringify(items)}},"NodeNames":null,${NONE}}`,
    );
  });

  it('filter tells what could become possible from what never will', async () => {
    const body = cached(podJson('b', '0.5'), ['small', 'nowhere']);
    expect(JSON.parse((await call(`${extender.url}/filter`, body)).text)).toEqual({
      Nodes: null,
      NodeNames: [],
      FailedNodes: { nowhere: 'node is not known to Muster yet' },
      FailedAndUnresolvableNodes: { small: expect.any(String) },
      Error: '',
    });
  });

  it('prioritize answers a list with 10 for the held node', async () => {
    await call(`${extender.url}/filter`, cached(podJson('c', '0.1'), ['n2']));
    const { text } = await call(`${extender.url}/prioritize`, cached(podJson('c', '0.1'), ['n2', 'small']));
    expect(text).toBe('[{"Host":"n2","Score":10},{"Host":"small","Score":0}]');
  });

  it('preempt answers uids only, and {} when eviction cannot help', async () => {
    const body = `{"Pod":${podJson('d', '0.5')},"NodeNameToVictims":null,"NodeNameToMetaVictims":{"small":{"Pods":[{"UID":"v"}],"NumPDBViolations":0}}}`;
    expect(await call(`${extender.url}/preempt`, body)).toMatchObject({
      status: 200,
      text: '{"NodeNameToMetaVictims":{}}',
    });
  });

  it('bind sends the Binding and answers an empty Error', async () => {
    await call(`${extender.url}/filter`, cached(podJson('e', '0.2'), ['n2']));
    const body = '{"PodName":"e","PodNamespace":"n","PodUID":"uid-e","Node":"n2"}';
    expect((await call(`${extender.url}/bind`, body)).text).toBe('{"Error":""}');
    expect(picture.holds.get('uid-e')?.state).toBe('landed');
    const unknown = '{"PodName":"x","PodNamespace":"n","PodUID":"x","Node":"n2"}';
    expect(JSON.parse((await call(`${extender.url}/bind`, unknown)).text).Error).toBe(TEXTS['pod-unknown']);
  });

  it.each([
    ['filter', 200],
    ['prioritize', 400],
    ['preempt', 400],
    ['bind', 200],
  ])('%s says what is wrong with a body', async (verb, status) => {
    const answer = await call(`${extender.url}/${verb}`, '{"Pod":');
    expect(answer.status).toBe(status);
    const { Error: error, error: other } = JSON.parse(answer.text);
    expect(error ?? other).toBe('request body is not JSON');
  });

  it('health, metrics and explain are answered', async () => {
    expect((await call(`${extender.url}/livez`)).status).toBe(200);
    expect(await call(`${extender.url}/readyz`)).toMatchObject({ status: 200, text: 'ok\ndeciding (no Lease)\n' });
    const metrics = (await call(`${extender.url}/metrics`)).text;
    expect(metrics).toMatch(/muster_extender_verb_seconds_count\{verb="filter",outcome="ok"\} [1-9]/);
    expect(metrics).toMatch(/muster_extender_refusals_total\{reason="node-unknown"\} 1/);
    expect(metrics).toMatch(/muster_holds\{cause="tentative"\} [1-9]/);
    expect((await call(`${extender.url}/explain?pod=n/none`)).status).toBe(404);
    expect((await call(`${extender.url}/explain`)).status).toBe(400);
  });
});

describe('hostile requests', () => {
  const VERBS = ['filter', 'prioritize', 'preempt', 'bind'];
  const answered = async (verb: string, body: Buffer | string) => {
    const { status, text } = await call(`${extender.url}/${verb}`, body);
    expect([200, 400, 413]).toContain(status);
    if (text !== '') JSON.parse(text);
  };

  it('a body cut at any position gets an answer', async () => {
    const body = Buffer.from(cached(podJson('h', '0.5'), ['n1', 'n2']));
    for (let end = 0; end < body.length; end++) await answered(VERBS[end % 4]!, body.subarray(0, end));
  });

  it('any bytes and any change of a good body get an answer, and memory stays flat', async () => {
    const good = Buffer.from(cached(podJson('h', '0.5'), ['n1', 'n2']));
    const mutated = fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 4 }).map((changes) => {
      const body = Buffer.from(good);
      for (const [at, byte] of changes) body[at] = byte;
      return body;
    });
    const value = fc
      .json()
      .map((json) => Buffer.from(`{"Pod":${json},"NodeNames":${json},"NodeNameToMetaVictims":${json}}`));
    const any = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
    const run = (numRuns: number) =>
      fc.assert(fc.asyncProperty(fc.constantFrom(...VERBS), fc.oneof(mutated, value, any), answered), { numRuns });
    await run(200);
    const before = process.memoryUsage().rss;
    await run(1_000);
    expect(process.memoryUsage().rss - before).toBeLessThan(150 * 1024 * 1024);
  });

  it('too deep, too many and too large are refused', async () => {
    await answered('filter', '['.repeat(1_000_000));
    await answered('filter', `{"Pod":${'{"a":'.repeat(100_000)}`);
    await answered('filter', `{"Pod":${podJson('h', '1')},"NodeNames":[${'"n",'.repeat(100_000)}"n"]}`);
    const small = await startExtender(quietConfig({ listen: { port: 0, bodyLimitMib: 1 } }), {
      transport: landing,
      clock: nodeClock,
      rng: nodeRng,
      makePicture,
    });
    expect((await call(`${small.url}/filter`, 'x'.repeat(1024 * 1024 + 1)).catch(() => null))?.status ?? 413).toBe(413);
    await small.close();
    expect((await call(`${extender.url}/livez`)).status).toBe(200);
  });
});
