/** What only the model is asked for; all that a real kube-scheduler does too is in `test/contract/scheduler`. */
import { describe, expect, it } from 'vitest';
import type { Transport } from '../../kube/ports.ts';
import type { KubeObject } from '../api/object.ts';
import { violating } from './budgets.ts';
import { ClusterCache } from './cluster-cache.ts';
import { nodesToFind } from './cycle.ts';
import { Extender } from './extender.ts';
import { NodeState } from './node-state.ts';
import { type PodInfo, readPodInfo } from './pod-info.ts';
import { SchedulingQueue } from './queue.ts';
import type { PodChange, Rejecter } from './wakes.ts';

const object = (name: string, more: object = {}, metadata: object = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default', uid: name, resourceVersion: '1', creationTimestamp: '', ...metadata },
  spec: { containers: [{ name: 'main', resources: { requests: { cpu: '1' } } }], ...more },
});
const pod = (name: string, priority = 0, more: object = {}): PodInfo =>
  readPodInfo(object(name, { priority, ...more }));

describe('sampling', () => {
  it.each([
    [12, 0, 12],
    [99, 10, 99],
    [1000, 0, 420],
    [5000, 0, 500],
    [5000, 100, 5000],
    [6000, 0, 300],
    [200, 10, 100],
  ])('of %i nodes at %i %% looks for %i', (all, percentage, expected) => {
    expect(nodesToFind(all, percentage)).toBe(expected);
  });
});

describe('an answer of preempt that would crash the real one', () => {
  it.each([
    ['null for a node', { NodeNameToMetaVictims: { n1: null } }],
    ['null for a pod', { NodeNameToMetaVictims: { n1: { Pods: [null] } } }],
  ])('is told as such: %s', async (_what, reply) => {
    const transport = {
      request: async () => ({ status: 200, body: Buffer.from(JSON.stringify(reply)), retryAfterSeconds: null }),
    } as unknown as Transport;
    const extender = new Extender({
      name: 'e',
      transport,
      prefix: '',
      preemptVerb: 'preempt',
      nodeCacheCapable: true,
      httpTimeoutMs: 1,
    });
    await expect(extender.preempt(object('one'), new Map(), () => new Map())).rejects.toMatchObject({
      code: 'extender-panic',
    });
  });
});

describe('the cache', () => {
  it('gives up the place of an assumed pod that is seen again only when it has ended', () => {
    const cache = new ClusterCache();
    const state = cache.upsertNode({ ...object('n1'), status: { allocatable: { cpu: '4', pods: '9' } } });
    const waits = pod('one');
    cache.upsertPod(waits);
    cache.assume(waits, 'n1');
    expect(state.requested.get('cpu')).toBe(1000);
    // the watch was broken meanwhile: bound, run and ended between two lists
    cache.upsertPod(readPodInfo({ ...object('one', { nodeName: 'n1' }), status: { phase: 'Succeeded' } }));
    expect(state.requested.get('cpu')).toBe(0);
    expect(cache.assumed.size).toBe(0);
  });
});

describe('the queue', () => {
  const NONE: ReadonlySet<PodChange> = new Set();
  const by = (...rejecters: Rejecter[]): Set<Rejecter> => new Set(rejecters);
  const node = new NodeState({ ...object('n1'), status: { allocatable: { cpu: '4', pods: '9' } } });

  function queue(mayEnter: (info: PodInfo) => boolean = () => true) {
    let now = 0;
    const timers: { at: number; run: (() => void) | null }[] = [];
    const waits = new SchedulingQueue({
      clock: {
        now: () => now,
        monotonic: () => now,
        after: (ms, run) => {
          const timer = { at: now + ms, run: run as (() => void) | null };
          timers.push(timer);
          return {
            cancel: () => {
              timer.run = null;
            },
          };
        },
      },
      initialBackoffMs: 1000,
      maxBackoffMs: 10_000,
      backoffWindowMs: 1000,
      mayEnter,
    });
    const popped: string[] = [];
    void (async () => {
      for (let info = await waits.pop(); info !== null; info = await waits.pop()) popped.push(info.name);
    })();
    const turn = () => new Promise((resolve) => setImmediate(resolve));
    return {
      waits,
      popped,
      turn,
      /** Lets virtual time pass up to that moment. */
      async until(ms: number): Promise<void> {
        for (;;) {
          await turn();
          const next = timers.filter((one) => one.run !== null && one.at <= ms).sort((a, b) => a.at - b.at)[0];
          if (next === undefined) break;
          now = next.at;
          next.run?.();
          next.run = null;
        }
        now = ms;
      },
    };
  }

  it('gives higher priority first, then who came first', async () => {
    const { waits, popped, turn } = queue();
    for (const [name, priority] of [
      ['a', 0],
      ['b', 5],
      ['c', 0],
      ['d', 5],
    ] as const)
      waits.upsert(pod(name, priority), NONE);
    await turn();
    await turn();
    expect(popped).toEqual(['b', 'd', 'a', 'c']);
  });

  it('tries errors again after 1, 2, 4, 8, 10 and 10 s', async () => {
    const { waits, popped, until } = queue();
    waits.upsert(pod('one'), NONE);
    const tries: number[] = [];
    await until(0);
    for (let second = 0; second < 40; second += 1) {
      await until(second * 1000);
      while (popped.length > 0) {
        popped.pop();
        tries.push(second);
        waits.failed('one');
      }
    }
    expect(tries).toEqual([0, 1, 3, 7, 15, 25, 35]);
  });

  it.each<[Rejecter, string, () => Parameters<SchedulingQueue['event']>[0], boolean]>([
    ['Extender', 'any event', () => ({ kind: 'node-removed' }), true],
    [
      'NodeResourcesFit',
      'a pod that took the same and goes',
      () => ({ kind: 'assigned-pod-deleted', pod: pod('x') }),
      true,
    ],
    ['NodeResourcesFit', 'a pod that comes', () => ({ kind: 'pod-assigned', pod: pod('x') }), false],
    ['NodeResourcesFit', 'a node with room', () => ({ kind: 'node-added', node }), true],
    [
      'NodeResourcesFit',
      'annotations of a node',
      () => ({ kind: 'node-updated', node, changes: new Set(['annotations' as const]) }),
      false,
    ],
    [
      'TaintToleration',
      'a taint that goes',
      () => ({ kind: 'node-updated', node, changes: new Set(['taints' as const]) }),
      true,
    ],
    ['NodeAffinity', 'a pod that goes', () => ({ kind: 'assigned-pod-deleted', pod: pod('x') }), false],
  ])('a pod that %s rejected hears of %s: %s', async (rejecter, _what, event, wakes) => {
    const { waits, popped, turn } = queue();
    waits.upsert(pod('one'), NONE);
    await turn();
    waits.rejected('one', by(rejecter));
    waits.event(event());
    await turn();
    expect(popped).toEqual(wakes ? ['one', 'one'] : ['one']);
  });

  it('looks again after five minutes at a pod that nothing woke', async () => {
    const { waits, popped, until } = queue();
    waits.upsert(pod('one'), NONE);
    await until(0);
    waits.rejected('one', by('NodeAffinity'));
    await until(290_000);
    expect(popped).toEqual(['one']);
    await until(331_000);
    expect(popped).toEqual(['one', 'one']);
  });

  it('counts events that came during the cycle', async () => {
    const { waits, popped, turn } = queue();
    waits.upsert(pod('one'), NONE);
    await turn();
    waits.event({ kind: 'node-added', node });
    waits.rejected('one', by('NodeResourcesFit'));
    await turn();
    expect(popped).toEqual(['one', 'one']);
  });

  it('keeps out whom PreEnqueue holds, until it is asked again', async () => {
    let held = true;
    const { waits, popped, turn } = queue((info) => info.name !== 'held' || !held);
    waits.upsert(pod('held'), NONE);
    waits.upsert(pod('other'), NONE);
    await turn();
    expect(popped).toEqual(['other']);
    held = false;
    waits.recheck((info) => info.name === 'held');
    await turn();
    expect(popped).toEqual(['other', 'held']);
  });
});

describe('budgets in a dry run', () => {
  const labelled = (name: string): PodInfo => readPodInfo(object(name, {}, { labels: { app: 'a' } }));
  const budget = {
    namespace: 'default',
    selector: { matchLabels: { app: 'a' } },
    allowed: 1,
    disrupted: new Set(['c']),
  };
  it.each([
    ['the first is allowed, the second is one too many', [budget], ['b']],
    ['an empty selector guards nobody', [{ ...budget, selector: {} }], []],
    ['another namespace guards nobody', [{ ...budget, namespace: 'other' }], []],
  ])('%s', (_what, budgets, guarded) => {
    const [broken, free] = violating(['a', 'b', 'c'].map(labelled), budgets);
    expect(broken.map((one) => one.name)).toEqual(guarded);
    expect(free).toHaveLength(3 - guarded.length);
  });
});
