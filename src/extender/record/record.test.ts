/** Recorder and replay over books that live long: nodes come and go, pods arrive, are bound, end; the ring drops again and again. */
import { gunzipSync } from 'node:zlib';
import Fastify from 'fastify';
import { describe, expect, it } from 'vitest';
import { seededRng } from '../../../src/sim/seeded-rng.ts';
import { ManualClock } from '../../../test/build/manual-clock.ts';
import { Books } from '../../cluster/books.ts';
import { NodeInventory } from '../../cluster/inventory/node-inventory.ts';
import { type KeptKind, toldAs } from '../../cluster/kept/kinds.ts';
import { Picture } from '../../cluster/picture.ts';
import type { NodeObject } from '../../cluster/projection/node.ts';
import { projectPod } from '../../cluster/projection/pod.ts';
import { bindAnnotations } from '../../core/gpu/bind-annotations.ts';
import { NODE_POLICIES, type NodePolicy } from '../../core/gpu/request.ts';
import type { PodFacts } from '../../core/placement/pod-facts.ts';
import { NameLists } from '../codec/name-lists.ts';
import { readConfig } from '../config.ts';
import { filter } from '../verbs/filter.ts';
import { preempt } from '../verbs/preempt.ts';
import { prioritize } from '../verbs/prioritize.ts';
import type { VerbContext, VerbReply } from '../verbs/verb.ts';
import type { Header, Line } from './format.ts';
import { Recorder } from './recorder.ts';
import { Replay } from './replay.ts';
import { addRecording } from './serve.ts';

type Pod = {
  metadata: { uid: string; namespace: string; name: string; annotations: Record<string, string> };
  spec: object;
};

/** A life of books under one policy. */
class Life {
  readonly recorder: Recorder;
  readonly #clock = new ManualClock();
  readonly #picture = new Picture();
  readonly #inventory = new NodeInventory((name, facts) => this.#picture.nodes.setFacts(name, facts));
  readonly #books: ReturnType<Recorder['books']>;
  readonly #context: VerbContext;
  readonly #rng: ReturnType<typeof seededRng>;
  readonly #nodes = new Set<string>();
  readonly #waiting = new Map<string, Pod>();
  readonly #bound = new Map<string, Pod>();
  #count = 0;

  constructor(seed: number, nodePolicy: NodePolicy, maxMib: number) {
    this.#rng = seededRng(seed);
    const config = readConfig({ leadership: 'always', nodePolicy, envGuard: false, shortList: 2 });
    this.recorder = new Recorder({ clock: this.#clock, config, maxMib, version: 'test' });
    const made = new Books(this.#picture, this.recorder.turnClock, {
      nodePolicy,
      devicePolicy: 'pack',
      holdMs: 30_000,
      envGuard: false,
    });
    this.#books = this.recorder.books(made);
    this.#context = {
      decider: this.#books,
      lists: new NameLists(this.#books),
      projectPod: this.recorder.projectPod(projectPod),
      shortList: 2,
      deciding: () => true,
    };
    for (let at = 0; at < 60; at++) this.#addNode();
    this.#books.restoreAwaiting();
  }

  run(steps: number): void {
    for (let step = 0; step < steps; step++) {
      this.#clock.advance(this.#below(400));
      const draw = this.#rng.next();
      if (draw < 0.45) this.#arrive();
      else if (draw < 0.75) this.#again();
      else if (draw < 0.93) this.#end();
      else if (draw < 0.96) this.#addNode();
      else if (draw < 0.97) this.#dropNode();
      else if (draw < 0.98) this.#explain();
      else {
        this.#books.sweep();
        this.#books.toWake();
      }
    }
  }

  #below(most: number): number {
    return Math.floor(this.#rng.next() * most);
  }

  #pick<T>(items: Iterable<T>): T | undefined {
    const all = [...items];
    return all[this.#below(all.length)];
  }

  #put<T>(kind: KeptKind, uid: string, object: unknown): T {
    const told = toldAs(kind, 'GiB').project(object)!;
    this.recorder.put(kind, uid, told.kept);
    return told.facts as T;
  }

  #addNode(): void {
    // names come again, and in an order that is not that of arrival
    const name = `n${(this.#count++ * 37) % 97}`;
    this.#nodes.add(name);
    const devices = Array.from({ length: 1 + this.#below(4) }, (_, index) => ({
      uuid: `${name}-${index}`,
      index,
      mib: 40_000,
    }));
    this.#inventory.upsertNode(
      this.#put<NodeObject>('nodes', `node-${name}`, {
        metadata: {
          uid: `node-${name}`,
          name,
          labels: { 'muster.dev/managed': 'true' },
          annotations: { 'muster.dev/devices': JSON.stringify(devices) },
        },
        status: {
          allocatable: { cpu: '32', memory: '256Gi', pods: '110' },
          conditions: [{ type: 'Ready', status: 'True' }],
        },
      }),
    );
  }

  #dropNode(): void {
    const name = this.#pick(this.#nodes);
    if (name === undefined || this.#nodes.size < 20) return;
    this.#nodes.delete(name);
    this.recorder.gone('nodes', { uid: `node-${name}`, namespace: '', name });
    this.#inventory.removeNode(name);
  }

  #arrive(): void {
    const uid = `u${this.#count++}`;
    const fraction = this.#pick(['0.1', '0.2', '0.25', '0.5', '0.7', '1'])!;
    const annotations = this.#rng.next() < 0.9 ? { 'muster.dev/gpu-fraction': fraction } : {};
    const cpu = String(1 + this.#below(4));
    const spec = {
      schedulerName: 'muster-scheduler',
      containers: [{ name: 'main', resources: { requests: { cpu } } }],
    };
    const pod = { metadata: { uid, namespace: 'team', name: uid, annotations }, spec };
    this.#waiting.set(uid, pod);
    // some are asked about before any informer shows them
    if (this.#rng.next() < 0.8) this.#picture.upsertPod(this.#put<PodFacts>('pods', uid, pod));
    this.#try(pod);
  }

  #again(): void {
    const pod = this.#pick(this.#waiting.values());
    if (pod !== undefined) this.#try(pod);
  }

  #try(pod: Pod): void {
    const { uid, namespace, name, annotations } = pod.metadata;
    const names = [...this.#nodes].sort(() => this.#rng.next() - 0.5);
    const answer = this.ask(filter, { Pod: pod, Nodes: null, NodeNames: names });
    const fits = answer.answer?.fits ?? [];
    if (fits.length > 1) this.ask(prioritize, { Pod: pod, NodeNames: fits });
    const node = fits[this.#rng.next() < 0.8 ? 0 : fits.length - 1];
    if (node === undefined || this.#rng.next() < 0.2) return;
    this.recorder.beginBind({ uid, namespace, name });
    const plan = this.#books.beginBind({ uid, namespace, name }, node);
    if (plan.kind !== 'bind') return;
    const outcome = this.#rng.next();
    if (outcome < 0.1) {
      this.#books.bindRefused(uid);
      return;
    }
    if (outcome < 0.2) {
      this.#books.bindUnknown(uid);
      this.#books.bindReadBack(uid, outcome < 0.15 ? null : node);
      if (outcome < 0.15) return;
    } else this.#books.bindLanded(uid);
    const claimed = plan.claim === null ? {} : bindAnnotations(plan.claim, []);
    const bound = {
      metadata: { ...pod.metadata, annotations: { ...annotations, ...claimed } },
      spec: { ...pod.spec, nodeName: node },
    };
    this.#waiting.delete(uid);
    this.#bound.set(uid, bound);
    this.#picture.upsertPod(this.#put<PodFacts>('pods', uid, bound));
  }

  nodeNames(): readonly string[] {
    return [...this.#nodes];
  }

  ask(verb: typeof filter, args: object): VerbReply {
    const answer = verb(Buffer.from(JSON.stringify(args)), this.#context);
    this.recorder.answered(answer);
    return answer;
  }

  #explain(): void {
    const pod = this.#pick(this.#waiting.values());
    if (pod !== undefined) this.#books.explain(pod.metadata.namespace, pod.metadata.name);
  }

  #end(): void {
    const pod = this.#pick(this.#bound.values());
    if (pod === undefined) return;
    const { uid, namespace, name } = pod.metadata;
    this.#bound.delete(uid);
    this.recorder.gone('pods', { uid, namespace, name });
    this.#picture.removePod(uid);
  }
}

async function replayed(lines: readonly string[]) {
  const [first, ...rest] = lines.map((line) => JSON.parse(line) as Line);
  const replay = new Replay((first as unknown as Header).config, true);
  const differences = [];
  for (const line of rest) {
    if ('end' in line) continue;
    const difference = await replay.feed(line);
    if (difference !== null) differences.push(difference);
  }
  return { differences, decisions: replay.decisions };
}

describe('a recording', () => {
  it.each(NODE_POLICIES.flatMap((policy) => [64, 0.8].map((maxMib) => [policy, maxMib] as const)))(
    'under %s in %s MiB replays to the last byte, whatever was learnt and dropped',
    async (policy, maxMib) => {
      const life = new Life(7, policy, maxMib);
      life.run(1_500);
      const lines = life.recorder.lines();
      const { differences, decisions } = await replayed(lines);
      expect(differences.slice(0, 1)).toEqual([]);
      expect(decisions).toBeGreaterThan(500);
      const begins = lines[1]!.startsWith('{"seats"');
      expect(begins).toBe(maxMib < 1);
    },
  );

  it('stays within its bound, and what it keeps does not change what was taken from it', () => {
    const life = new Life(3, 'pack', 0.8);
    life.run(1_500);
    expect(life.recorder.bytes).toBeLessThanOrEqual(0.8 * 2 ** 20);
    const before = life.recorder.lines();
    const text = before.join('\n');
    life.run(200);
    expect(before.join('\n')).toBe(text);
  });
});

describe('requests of other kinds', () => {
  const config = readConfig({ leadership: 'always', envGuard: false });
  const pod = (uid: string, priority: number) => ({
    metadata: { uid, namespace: 'team', name: uid, annotations: { 'muster.dev/gpu-fraction': '1' } },
    spec: { priority, schedulerName: 'muster-scheduler', containers: [{ name: 'main', image: 'secret' }] },
  });

  it('whole nodes are not kept, only which were chosen; preempt and its victims replay', async () => {
    const life = new Life(5, 'pack', 64);
    const nodes = life.nodeNames();
    const items = nodes.map((name) => ({ metadata: { name, annotations: { note: 'canary-nodes' } } }));
    const answer = life.ask(filter, { Pod: pod('whole', 0), Nodes: { items } });
    expect(answer.body.toString()).toContain('canary-nodes');
    life.run(400);
    life.ask(preempt, {
      Pod: pod('high', 100),
      NodeNameToMetaVictims: Object.fromEntries(nodes.slice(0, 20).map((name) => [name, { Pods: [] }])),
    });
    const lines = life.recorder.lines();
    expect(lines.join('\n')).not.toContain('canary-nodes');
    expect(lines.some((line) => line.includes('"chosen":"n'))).toBe(true);
    expect(lines.filter((line) => line.includes('"preempt":'))).toHaveLength(1);
    const { differences, decisions } = await replayed(lines);
    expect(differences).toEqual([]);
    expect(decisions).toBeGreaterThan(100);
    const bent = lines.map((line) => line.replace(/"chosen":"n\d+/, '"chosen":"elsewhere'));
    expect((await replayed(bent)).differences).toMatchObject([{ what: 'filter', pod: 'team/whole' }]);
  });

  it('a malformed one is no turn and leaves nothing of its text', () => {
    const recorder = new Recorder({ clock: new ManualClock(), config, maxMib: 1, version: 'test' });
    const books = recorder.books(
      new Books(new Picture(), recorder.turnClock, {
        nodePolicy: 'pack',
        devicePolicy: 'pack',
        holdMs: 1,
        envGuard: false,
      }),
    );
    const context: VerbContext = {
      decider: books,
      lists: new NameLists(books),
      projectPod: recorder.projectPod(projectPod),
      shortList: 1,
      deciding: () => true,
    };
    recorder.answered(filter(Buffer.from('{"Pod":"canary-text"'), context));
    recorder.answered(
      filter(Buffer.from(JSON.stringify({ Pod: { canary: 'canary-text' }, NodeNames: ['n1'] })), context),
    );
    expect(recorder.lines()).toHaveLength(2);
    expect(recorder.lines().join('')).not.toContain('canary');
  });

  it('is served to callers on this machine only', async () => {
    const recorder = new Recorder({ clock: new ManualClock(), config, maxMib: 1, version: 'test' });
    const app = Fastify();
    addRecording(app, recorder);
    const asked = (remoteAddress: string) => app.inject({ url: '/debug/recording', remoteAddress });
    expect((await asked('10.1.2.3')).statusCode).toBe(404);
    expect((await asked('2001:db8::1')).statusCode).toBe(404);
    for (const address of ['127.0.0.1', '::1', '::ffff:127.0.0.1']) {
      const { statusCode, rawPayload } = await asked(address);
      expect(statusCode).toBe(200);
      expect(gunzipSync(rawPayload).toString()).toMatch(/^\{"recording":"muster",[^\n]+\n\{"end":0\}\n$/);
    }
    await app.close();
  });
});
