/**
 * kube-scheduler's side of the extender contract, against the real server over HTTP: golden pairs in both cache modes, which
 * class each node ends in, score arithmetic, and what every failure means to the caller.
 */
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { REASONS } from '../../src/core/reasons.ts';
import type { Transport } from '../../src/kube/ports.ts';
import type { KubeObject } from '../../src/sim/api/object.ts';
import { Extender, type ExtenderConfig } from '../../src/sim/scheduler/extender.ts';
import { type Cluster, type ExtenderStand, extenderStand } from '../kit/extender-stand.ts';

type Body = Record<string, unknown>;
type Pair = {
  name: string;
  verb: 'filter' | 'prioritize' | 'preempt' | 'bind';
  request: Body;
  after?: readonly (readonly [string, Body])[];
  status: number;
  response: Body;
};
const FIXTURE = JSON.parse(
  readFileSync(new URL('../contract/extender/pairs.json', import.meta.url), 'utf8'),
) as Cluster & { pairs: readonly Pair[] };

let stand: ExtenderStand;
beforeAll(async () => {
  stand = await extenderStand(FIXTURE, { shortList: 8 });
});
afterAll(() => stand.close());

/** HTTP as kube-scheduler speaks it, to any base address. */
const transportTo = (base: string): Transport => ({
  async request({ method, path, body, timeoutMs }) {
    const response = await fetch(`${base}${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(timeoutMs ?? 1_000),
    });
    return { status: response.status, body: Buffer.from(await response.arrayBuffer()), retryAfterSeconds: null };
  },
  stream: async () => {
    throw new Error('an extender has no streams');
  },
  close: async () => {},
});
const schedulerOf = (base: string, over: Partial<ExtenderConfig> = {}): Extender =>
  new Extender({
    name: 'muster',
    transport: transportTo(base),
    prefix: '',
    filterVerb: 'filter',
    prioritizeVerb: 'prioritize',
    preemptVerb: 'preempt',
    bindVerb: 'bind',
    nodeCacheCapable: true,
    httpTimeoutMs: 1_000,
    ...over,
  });
const META = { uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };
const pod = (name: string, annotations: Record<string, string> = {}): KubeObject => ({
  kind: 'Pod',
  apiVersion: 'v1',
  metadata: { ...META, name, namespace: 'team', uid: `u-${name}`, annotations },
  spec: { schedulerName: 'muster-scheduler', containers: [{ name: 'main' }] },
});
const nodes = (...names: string[]): KubeObject[] =>
  names.map((name) => ({ kind: 'Node', apiVersion: 'v1', metadata: { ...META, name } }));

describe('golden pairs', () => {
  let one: ExtenderStand;
  beforeAll(async () => {
    one = await extenderStand(FIXTURE);
  });
  afterAll(() => one.close());

  it.each(FIXTURE.pairs.map((pair) => [pair.verb, pair.name, pair] as const))(
    '%s: %s',
    async (verb, _, { request, after = [], status, response }) => {
      one.reset();
      for (const [earlier, body] of after) await one.call(earlier, JSON.stringify(body));
      const answer = await one.call(verb, JSON.stringify(request));
      expect(answer).toEqual({ status, text: JSON.stringify(response) });
    },
  );

  it('there are pairs of every verb, of both cache modes, and none of the answers holds what would crash the caller', () => {
    const verbs = new Set(FIXTURE.pairs.map(({ verb }) => verb));
    expect([...verbs].sort()).toEqual(['bind', 'filter', 'preempt', 'prioritize']);
    for (const capable of [true, false]) {
      const some = FIXTURE.pairs.filter(
        ({ verb, request }) => verb === 'filter' && (request.Nodes == null) === capable,
      );
      expect(some.length).toBeGreaterThan(3);
    }
    const texts = new Set(Object.values(REASONS).map(({ text }) => text as string));
    for (const { verb, status, response } of FIXTURE.pairs) {
      if (status !== 200) continue;
      if (verb === 'filter') {
        for (const key of ['FailedNodes', 'FailedAndUnresolvableNodes'])
          for (const text of Object.values(response[key] as object)) expect(texts).toContain(text);
      }
      if (verb !== 'preempt') continue;
      const victims = Object.values(response.NodeNameToMetaVictims as object) as { Pods: { UID: string }[] }[];
      for (const { Pods } of victims) expect(Pods.length > 0 && Pods.every(({ UID }) => UID !== '')).toBe(true);
    }
  });
});

describe('where each offered node ends', () => {
  type Ends = 'feasible' | 'failed' | 'unresolvable' | 'unlisted';
  const half = { 'muster.dev/gpu-fraction': '0.5' };
  const rows: [string, Record<string, string>, Record<string, Ends>][] = [
    ['a share', half, { full: 'failed', idle: 'feasible', split: 'unlisted', cpu: 'unlisted' }],
    ['a share, full nodes only', half, { full: 'failed', split: 'failed', cpu: 'unresolvable' }],
    ['too many devices', { 'muster.dev/gpu-count': '3' }, { full: 'unresolvable', idle: 'unresolvable' }],
    ['too much memory', { 'muster.dev/gpu-memory': '90000' }, { full: 'unresolvable', idle: 'unresolvable' }],
    ['another model', { ...half, 'muster.dev/gpu-model': 'A100' }, { full: 'unresolvable', idle: 'unresolvable' }],
    ['no GPU', {}, { full: 'feasible', cpu: 'feasible', stranger: 'feasible' }],
    ['a node not seen yet', half, { stranger: 'failed' }],
  ];
  for (const capable of [true, false]) {
    it.each(rows)(`%s (nodeCacheCapable: ${capable})`, async (_, annotations, expected) => {
      stand.reset();
      const scheduler = schedulerOf(stand.url, { nodeCacheCapable: capable });
      const names = Object.keys(expected);
      const { feasible, failed, unresolvable } = await scheduler.filter(pod('p', annotations), nodes(...names));
      const endOf = (name: string): Ends =>
        feasible.includes(name)
          ? 'feasible'
          : unresolvable.has(name)
            ? 'unresolvable'
            : failed.has(name)
              ? 'failed'
              : 'unlisted';
      const ends = Object.fromEntries(names.map((name) => [name, endOf(name)]));
      // nodes that lost against a better one need not be listed, and are not where one fits
      const loses = feasible.length > 0 && feasible.length < names.length;
      for (const name of names) {
        if (loses && expected[name] !== 'feasible')
          expect(['unlisted', 'failed', 'unresolvable']).toContain(ends[name]);
        else expect([name, ends[name]]).toEqual([name, expected[name]]);
      }
    });
  }
});

describe('scores', () => {
  /** the most that all in-tree plugins together give a node, by default weights */
  const IN_TREE = 1_400;

  it.each([1, 140, 200])(
    'weight %d: what is added is score × weight × 10, and only offered hosts get any',
    async (weight) => {
      stand.reset();
      const scheduler = schedulerOf(stand.url, { weight });
      const asking = pod('s', { 'muster.dev/gpu-fraction': '0.2' });
      const offered = nodes('idle', 'split');
      const { feasible } = await scheduler.filter(asking, offered);
      expect(feasible.length).toBe(2);
      const scores = await scheduler.prioritize(asking, offered);
      expect([...scores.keys()].sort()).toEqual(['idle', 'split']);
      const steps = [...scores.values()].map((score) => score / (weight * 10));
      for (const step of steps) expect(Number.isInteger(step) && step >= 0 && step <= 10).toBe(true);
      expect(scores.get(feasible[0]!)).toBe(10 * weight * 10);
      const [best, next] = [...scores.values()].sort((a, b) => b - a);
      // from here on a single step outranks whatever the in-tree plugins say
      if (weight >= 140) expect(best! - next!).toBeGreaterThanOrEqual(IN_TREE);
    },
  );
});

describe('failures, as kube-scheduler meets them', () => {
  const names = nodes('idle');
  const asking = pod('f', { 'muster.dev/gpu-fraction': '0.5' });
  const none = () => null;
  const binding = { uid: 'u-f', name: 'f', namespace: 'team' } as Parameters<Extender['bind']>[0];

  /** per verb the error's code, `none` for an answer without content, `ok` for one with */
  async function meets(base: string): Promise<Record<string, string>> {
    const scheduler = schedulerOf(base, { httpTimeoutMs: 200 });
    const code = async (call: Promise<unknown>): Promise<string> => {
      try {
        const answer = await call;
        return answer instanceof Map && answer.size === 0 ? 'none' : 'ok';
      } catch (error) {
        return (error as { code: string }).code;
      }
    };
    return {
      filter: await code(scheduler.filter(asking, names)),
      prioritize: await code(scheduler.prioritize(asking, names)),
      preempt: await code(scheduler.preempt(asking, new Map([['idle', { uids: ['u-x'], pdbViolations: 0 }]]), none)),
      bind: await code(scheduler.bind(binding, 'idle')),
    };
  }

  const others: Server[] = [];
  const listening = async (answer: (respond: (status: number, text: string) => void) => void): Promise<string> => {
    const other = createServer((_, response) =>
      answer((status, text) => {
        response.writeHead(status);
        response.end(text);
      }),
    );
    others.push(other);
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
  };
  afterAll(() => {
    for (const other of others) {
      other.closeAllConnections();
      other.close();
    }
  });

  it('an extender that may not decide says so with 200 and Error where the verb has one, and never guesses', async () => {
    const waiting = await extenderStand(FIXTURE, { leadership: 'lease', schedulerIdentity: 'nobody' }, false);
    const all = await meets(waiting.url);
    await waiting.close();
    expect(all).toEqual({
      filter: 'extender-error',
      prioritize: 'none',
      preempt: 'extender-call',
      bind: 'extender-error',
    });
  });

  it('an extender that is gone fails every verb', async () => {
    const gone = await extenderStand(FIXTURE);
    await gone.close();
    const failed = 'extender-call';
    expect(await meets(gone.url)).toEqual({ filter: failed, prioritize: failed, preempt: failed, bind: failed });
  });

  it.each([
    ['an error status', (respond: (status: number, text: string) => void) => respond(500, '{"Error":""}')],
    ['an empty body', (respond: (status: number, text: string) => void) => respond(200, '')],
    ['no JSON', (respond: (status: number, text: string) => void) => respond(200, '<html>')],
    ['no answer in time', () => {}],
  ])(
    '%s fails every verb: the model that reads our answers is no more lenient than kube-scheduler',
    async (_, answer) => {
      const failed = 'extender-call';
      const all = await meets(await listening(answer));
      expect(all).toEqual({ filter: failed, prioritize: failed, preempt: failed, bind: failed });
    },
  );
});
