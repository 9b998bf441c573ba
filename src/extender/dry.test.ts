import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { node } from '../../test/build/facts.ts';
import { booksPicture } from '../../test/kit/books-picture.ts';
import { eventually } from '../../test/kit/eventually.ts';
import { landing, quietConfig } from '../../test/kit/no-cluster.ts';
import { nodeClock, nodeRng } from '../kube/node-adapter.ts';
import { type Extender, startExtender } from './start.ts';

const { makePicture, picture } = booksPicture([node('n1', 1), node('n2', 2)]);
const start = (over: object = {}): Promise<Extender> =>
  startExtender(quietConfig(over), { transport: landing, clock: nodeClock, rng: nodeRng, makePicture });
const body = (gpus: string): string =>
  JSON.stringify({
    Pod: {
      metadata: { name: 'a', namespace: 'n', uid: 'uid-a', annotations: { 'muster.dev/gpu-count': gpus } },
      spec: { schedulerName: 'muster-scheduler', containers: [{ name: 'main' }] },
    },
    Nodes: null,
    NodeNames: ['n1', 'n2'],
  });
const post = async (extender: Extender, path: string, text: string) => {
  const response = await fetch(extender.url + path, { method: 'POST', body: text });
  return { status: response.status, timing: response.headers.get('server-timing'), reply: await response.json() };
};

let extender: Extender;
beforeAll(async () => {
  extender = await start();
  await eventually(() => extender.deciding);
});
afterAll(() => extender.close());

describe('POST /debug/decide', () => {
  it('answers as filter does, says what it cost, and holds nothing', async () => {
    const dry = await post(extender, '/debug/decide', body('2'));
    expect(dry).toMatchObject({ status: 200, reply: { NodeNames: ['n2'] } });
    expect(dry.timing).toMatch(/^read;dur=[\d.]+, decide;dur=[\d.]+, reply;dur=[\d.]+$/);
    expect([...picture.holds.values()]).toEqual([]);
    expect((await post(extender, '/filter', body('2'))).reply).toEqual(dry.reply);
    picture.dropHold('uid-a');
  });

  it('is not counted among the calls of kube-scheduler', async () => {
    const metrics = async (): Promise<string> => {
      const text = await (await fetch(`${extender.url}/metrics`)).text();
      return text
        .split('\n')
        .filter((line) => line.includes('verb="filter"'))
        .join('\n');
    };
    const before = await metrics();
    await post(extender, '/debug/decide', body('3'));
    expect(await metrics()).toBe(before);
  });

  it('takes as many names as filter does', async () => {
    const names = Array.from({ length: 20_000 }, (_, at) => `node-${at}`);
    const { NodeNames, ...rest } = JSON.parse(body('1')) as { NodeNames: string[] };
    const dry = await post(extender, '/debug/decide', JSON.stringify({ ...rest, NodeNames: [...names, ...NodeNames] }));
    expect(dry).toMatchObject({ status: 200, reply: { NodeNames: ['n1'] } });
  });

  it('tells a body that is none', async () => {
    expect(await post(extender, '/debug/decide', '{"Pod":')).toMatchObject({
      status: 400,
      reply: { error: expect.any(String) },
    });
  });

  it('refuses while it does not decide', async () => {
    const waiting = await start({ callDeadlineMs: 20_000 });
    expect((await post(waiting, '/debug/decide', body('1'))).status).toBe(503);
    await waiting.close();
  });
});
