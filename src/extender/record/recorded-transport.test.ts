/** Which calls are a bind's: others patch and read the same pod while its Binding is on the way. */
import { expect, it } from 'vitest';
import { ManualClock } from '../../../test/build/manual-clock.ts';
import type { KubeRequest, Transport } from '../../kube/ports.ts';
import { readConfig } from '../config.ts';
import { Recorder } from './recorder.ts';

const config = readConfig({ leadership: 'always', envGuard: false });
const POD = '/api/v1/namespaces/team/pods/p';
const pod = (uid: string) => ({ uid, namespace: 'team', name: 'p' });
const landed = { error: '', outcome: 'landed' } as const;

const recorded = (): {
  recorder: Recorder;
  send: (method: KubeRequest['method'], path: string, uid?: string) => Promise<unknown>;
} => {
  const recorder = new Recorder({ clock: new ManualClock(), config, maxMib: 1, version: 'test' });
  const transport = recorder.transport({
    request: async ({ method }) => ({
      status: method === 'POST' ? 409 : 200,
      body: Buffer.from('{}'),
      retryAfterSeconds: null,
    }),
    stream: () => Promise.reject(new Error('nobody streams')),
    close: async () => {},
  } satisfies Transport);
  return {
    recorder,
    send: (method, path, uid) =>
      transport.request({ method, path, timeoutMs: 100, ...(uid !== undefined && { body: { metadata: { uid } } }) }),
  };
};
const calls = (recorder: Recorder): string[] =>
  recorder
    .lines()
    .map((line) => JSON.parse(line) as { call?: number; method?: string; bind?: number })
    .flatMap(({ call, method, bind }) => (call === undefined ? [] : [`${method} ${bind ?? '-'}`]));

it('a patch while a Binding is under way is not of its bind, nor is a read that no conflict called for', async () => {
  const { recorder, send } = recorded();
  const bind = recorder.beginBind(pod('a'));
  await send('PATCH', POD);
  await send('PATCH', `${POD}/status`);
  await send('GET', POD);
  await send('POST', `${POD}/binding?timeout=9ms`, 'a');
  await send('GET', POD);
  await send('GET', POD);
  expect(calls(recorder)).toEqual(['PATCH -', 'PATCH -', 'GET -', `POST ${bind}`, `GET ${bind}`, 'GET -']);
});

it('a bind that joins one under way has no calls of its own, before and after the first has ended', async () => {
  const { recorder, send } = recorded();
  const first = recorder.beginBind(pod('a'));
  const second = recorder.beginBind(pod('a'));
  await send('POST', `${POD}/binding`, 'a');
  recorder.endBind(second, pod('a'), landed);
  await send('POST', `${POD}/binding`, 'a');
  recorder.endBind(first, pod('a'), landed);
  await send('POST', `${POD}/binding`, 'a');
  expect(calls(recorder)).toEqual([`POST ${first}`, `POST ${first}`, 'POST -']);
});

it('binds of two pods that had one name keep their calls apart', async () => {
  const { recorder, send } = recorded();
  const old = recorder.beginBind(pod('a'));
  const young = recorder.beginBind(pod('b'));
  await send('POST', `${POD}/binding`, 'a');
  await send('POST', `${POD}/binding`, 'b');
  expect(calls(recorder)).toEqual([`POST ${old}`, `POST ${young}`]);
});
