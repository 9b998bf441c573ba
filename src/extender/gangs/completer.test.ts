/** What an extender that begins to decide does about gangs bound in part: against an embedded API, with kube-scheduler beside it or away. */
import { afterEach, describe, expect, it } from 'vitest';
import { bound, gangSaid, node, pod, whole } from '../../../test/build/facts.ts';
import { ManualClock } from '../../../test/build/manual-clock.ts';
import { PlacerStand, type PlacerStandOptions } from '../../../test/kit/placer-stand.ts';
import { Books } from '../../cluster/books.ts';
import { Picture } from '../../cluster/picture.ts';
import { projectPod } from '../../cluster/projection/pod.ts';
import { PLACEMENT_GATE } from '../../core/names.ts';
import type { PodFacts } from '../../core/placement/pod-facts.ts';
import { TransportError } from '../../kube/errors.ts';
import type { KubeRequest, KubeResponse } from '../../kube/ports.ts';
import { Binder } from '../verbs/bind.ts';
import { GangCompleter } from './completer.ts';

describe('after a kill between two Bindings', () => {
  let stand: PlacerStand;
  afterEach(() => stand.stop());

  /** A gang of four, of which `count` Bindings arrived when its extender was killed. */
  async function half(count: number, options: Partial<PlacerStandOptions> = {}, spec: object = {}): Promise<void> {
    stand = await PlacerStand.start({ nodes: [2, 2, 2], ...options });
    let sent = 0;
    stand.dies = ({ path }, when) => path.includes('/binding') && when === 'before' && ++sent > count;
    await stand.gang('g', 4, '1', { spec });
    await stand.until(() => stand.dead);
    stand.dies = null;
    // one that had left it may arrive later
    await stand.run(50);
    expect((await stand.bound()).length).toBe(count);
  }
  const events = async (): Promise<string[]> => {
    const path = '/api/v1/namespaces/team/events';
    const { items } = (await stand.call('GET', path)) as { items: { reason: string; message: string }[] };
    return items.filter(({ reason }) => reason === 'GangCompleted').map(({ message }) => message);
  };
  /** ms from the moment at which it decides until all are bound */
  async function whole(): Promise<number> {
    await stand.until(() => stand.core.context.deciding());
    const since = stand.time.now;
    await stand.until(async () => (await stand.bound()).length === 4);
    return stand.time.now - since;
  }

  it.each([
    ['with the placer', {}],
    ['without a placer: planned anew beside those that run', { placer: { enabled: false } }],
  ])('%s: whole at once, each pod bound with its claim, and an event says by whom', async (_, options) => {
    await half(2, options);
    stand.begin();
    expect(await whole()).toBeLessThan(200);
    expect(stand.fullest()).toBeLessThanOrEqual(1000);
    const pods = [...(await stand.pods()).values()];
    expect(pods.every(({ metadata }) => metadata.annotations?.['muster.dev/claim'] !== undefined)).toBe(true);
    await stand.run(1_000);
    expect(stand.core.completed).toMatchObject({ landed: 2, refused: 0, unknown: 0 });
    expect(await events()).toHaveLength(2);
    expect((await events())[0]).toMatch(/^bound to n\d by the extender: gang team\/g was bound in part/);
  });

  it('killed again when the plans are restored and nothing is sent: the next one does it', async () => {
    await half(1);
    stand.begin();
    stand.dies = ({ path }, when) => path.includes('/binding') && when === 'before';
    await stand.until(() => stand.dead);
    expect((await stand.bound()).length).toBe(1);
    stand.dies = null;
    stand.begin();
    expect(await whole()).toBeLessThan(200);
  });

  it.each([1, 2])('killed again after %i of its own Bindings: the next one does the rest', async (count) => {
    await half(1);
    stand.begin();
    let sent = 0;
    stand.dies = ({ path }, when) => path.includes('/binding') && when === 'after' && ++sent === count;
    await stand.until(() => stand.dead);
    stand.dies = null;
    stand.begin();
    expect(await whole()).toBeLessThan(200);
    expect(stand.fullest()).toBeLessThanOrEqual(1000);
  });

  it('tries again what the API server refused for now, and an answer that never comes is read back', async () => {
    await half(2);
    const answers = [429, 500];
    stand.answers = ({ path }) => {
      const status = path.includes('/binding') ? answers.shift() : undefined;
      return status === undefined ? null : { status, body: Buffer.from('{}'), retryAfterSeconds: null };
    };
    stand.begin();
    expect(await whole()).toBeLessThan(3_000);
  });

  it('what our model does not cover waits for kube-scheduler', async () => {
    const spec = { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }] };
    await half(2, {}, spec);
    stand.begin();
    await stand.run(400);
    expect(stand.core.context.deciding()).toBe(true);
    expect((await stand.bound()).length).toBe(2);
    await stand.until(async () => (await stand.bound()).length === 4);
    expect(stand.core.completed).toMatchObject({ landed: 0 });
    expect(await events()).toEqual([]);
  });

  it('leaves alone a gang that lost a member: whoever comes instead was never at bind', async () => {
    stand = await PlacerStand.start({ nodes: [2, 2, 2] });
    await stand.gang('g', 4, '1');
    await stand.until(async () => (await stand.bound()).length === 4);
    stand.kill();
    for (const [name] of await stand.pods())
      await stand.call('PATCH', `/api/v1/namespaces/team/pods/${name}/status`, {
        status: { startTime: new Date(0).toISOString() },
      });
    await stand.remove('g-0');
    stand.begin();
    await stand.until(() => stand.core.context.deciding());
    await stand.create('g-0', '1', {
      labels: { 'muster.dev/pod-group': 'g' },
      annotations: { 'muster.dev/min-member': '4' },
    });
    await stand.until(async () => (await stand.bound()).length === 4);
    expect(stand.core.completed).toMatchObject({ landed: 0 });
  });
});

describe('who is completed, and who is not', () => {
  const NODE = { n: 8 };
  type Setting = {
    readonly members: readonly PodFacts[];
    readonly others?: readonly PodFacts[];
    readonly leads?: () => boolean;
    readonly answer?: (request: KubeRequest) => KubeResponse | Promise<KubeResponse>;
  };
  const ok = (status: number, body: object = {}): KubeResponse => ({
    status,
    body: Buffer.from(JSON.stringify(body)),
    retryAfterSeconds: null,
  });
  const member = (at: number, over: Partial<PodFacts> = {}): PodFacts =>
    pod(`g-${at}`, whole, { gang: 'team/g', gangSaid: gangSaid('g', 3), createdMs: 1_000, ...over });
  const running = (at: number, over: Partial<PodFacts> = {}): PodFacts =>
    bound(member(at, { startedMs: 5_000, ...over }), 'n', null);

  function setUp({ members, others = [], leads = () => true, answer = () => ok(201) }: Setting) {
    const clock = new ManualClock();
    const picture = new Picture();
    picture.nodes.setFacts('n', node('n', NODE.n));
    picture.nodes.setFacts('free', node('free', NODE.n));
    for (const each of [...members, ...others]) picture.upsertPod(each);
    const books = new Books(picture, clock, {
      nodePolicy: 'pack',
      devicePolicy: 'pack',
      holdMs: 30_000,
      envGuard: false,
    });
    const sent: string[] = [];
    const transport = {
      request: async (request: KubeRequest) => {
        if (request.path.endsWith('/events')) return ok(201);
        sent.push(`${request.method} ${/pods\/([^/?]+)/.exec(request.path)?.[1]}`);
        return await answer(request);
      },
      stream: () => Promise.reject(new TransportError('unsent', 'not needed')),
      close: async () => {},
    };
    const ports = { transport, clock, rng: { next: () => 0.5 }, mayBind: leads };
    const binder = new Binder({
      ...ports,
      decider: books,
      deadlineMs: 5_000,
      devices: (name) => picture.nodes.get(name)?.facts?.devices ?? [],
    });
    const completer = new GangCompleter({
      ...ports,
      picture,
      planner: books,
      binder,
      schedulers: ['muster-scheduler'],
      onSending: () => {},
    });
    const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));
    return { clock, picture, books, binder, completer, sent, settle };
  }

  it('is whoever was there before the first of those that run had started', async () => {
    const { completer, sent, settle } = setUp({ members: [running(0), member(1), member(2)] });
    completer.begin();
    await settle();
    expect(sent).toEqual(['POST g-1', 'POST g-2']);
    completer.round();
    await settle();
    expect(sent).toHaveLength(2);
  });

  const shy = pod('shy', null, { nodeName: 'n', repels: 'neighbours' });
  it.each<[string, Setting]>([
    ['none of whom is bound', { members: [member(0), member(1), member(2)] }],
    ['of whom enough run', { members: [running(0), running(1), running(2), member(3)] }],
    ['whose missing member came later', { members: [running(0), member(1), member(2, { createdMs: 6_000 })] }],
    [
      'one of whom is behind a gate',
      { members: [running(0), member(1), member(2, { gates: [PLACEMENT_GATE], gated: true })] },
    ],
    [
      'that is another scheduler’s',
      { members: [running(0), member(1), member(2)].map((each) => ({ ...each, schedulerName: 'other' })) },
    ],
    ['one of whom is beyond our model', { members: [running(0), member(1), member(2, { unmodelled: true })] }],
    [
      'of kube-scheduler’s own',
      {
        members: [running(0), member(1), member(2)].map((each) => ({
          ...each,
          gangSaid: gangSaid('g', 3, { dialect: 'native' }),
        })),
      },
    ],
    [
      'the planner picks somebody else of whom',
      { members: [running(0), running(1), member(2), member(3, { unmodelled: true, priority: 5 })] },
    ],
    ['too few of whom are there', { members: [running(0), member(1)] }],
    [
      'that have no room',
      {
        members: [running(0), member(1), member(2)],
        others: [...Array(16).keys()].map((at) => bound(pod(`x-${at}`, whole), at < 8 ? 'n' : 'free', null)),
      },
    ],
    ['whom somebody’s anti-affinity may keep away', { members: [running(0), member(1), member(2)], others: [shy] }],
    [
      'whom anti-affinity of another namespace may keep away',
      { members: [running(0), member(1), member(2)], others: [{ ...shy, namespace: 'far', repels: 'anybody' }] },
    ],
    ['while another leader may act', { members: [running(0), member(1), member(2)], leads: () => false }],
  ])('is no gang %s', async (_, setting) => {
    const { completer, sent, settle } = setUp(setting);
    completer.begin();
    await settle();
    expect(sent).toEqual([]);
  });

  it('is a gang beside pods that keep away others of another namespace', async () => {
    const others = [{ ...shy, namespace: 'far' }];
    const { completer, sent, settle } = setUp({ members: [running(0), member(1), member(2)], others });
    completer.begin();
    await settle();
    expect(sent).toHaveLength(2);
  });

  it('leadership lost before a Binding is sent again: it is not', async () => {
    let leads = true;
    const { completer, sent, clock, settle, picture } = setUp({
      members: [running(0), member(1), member(2)],
      leads: () => leads,
      answer: () => {
        leads = false;
        return { ...ok(429), retryAfterSeconds: 0 };
      },
    });
    completer.begin();
    await settle();
    completer.end();
    clock.advance(3_000);
    await settle();
    leads = true;
    completer.round();
    await settle();
    expect(sent).toEqual(['POST g-1']);
    expect(completer.outcomes).toMatchObject({ landed: 0, refused: 1, 'not-sent': 1 });
    expect([...picture.holds.values()].every(({ state }) => state === 'open')).toBe(true);
  });

  it.each([
    ['there', 'free', 'adopted'],
    ['elsewhere', 'n', 'refused'],
  ])('kube-scheduler was faster and bound one %s: 409 settles it', async (_, nodeName, outcome) => {
    const { completer, settle, picture, sent } = setUp({
      members: [running(0), member(1), member(2)],
      answer: ({ method, path }) => {
        if (method === 'GET') return ok(200, { metadata: { uid: 'uid-g-1' }, spec: { nodeName } });
        return ok(path.includes('g-1') ? 409 : 201);
      },
    });
    completer.begin();
    await settle();
    expect(completer.outcomes).toMatchObject({ landed: 1, [outcome]: 1 });
    picture.upsertPod(bound(member(1), nodeName, null));
    picture.upsertPod(bound(member(2), 'free', null));
    completer.round();
    await settle();
    expect(sent).toEqual(['POST g-1', 'POST g-2', 'GET g-1']);
    const held = [...picture.nodes.values()].flatMap(({ ledger }) => [...ledger.usedMilli]);
    expect(Math.max(...held)).toBeLessThanOrEqual(1000);
  });

  it('a bind of kube-scheduler that comes meanwhile joins it: one Binding for each pod', async () => {
    const { completer, binder, picture, sent, settle } = setUp({ members: [running(0), member(1), member(2)] });
    completer.begin();
    const place = picture.holds.get('uid-g-1')!.node;
    await Promise.resolve();
    const said = await binder.bind({ uid: 'uid-g-1', namespace: 'team', name: 'g-1', node: place });
    await settle();
    expect(said.error).toBe('');
    expect(sent).toEqual(['POST g-1', 'POST g-2']);
  });

  it('waits for all its answers before it tries again', async () => {
    const { promise, resolve } = Promise.withResolvers<KubeResponse>();
    const { completer, sent, settle } = setUp({
      members: [running(0), member(1), member(2)],
      answer: ({ path }) => (path.includes('g-1') ? ok(403) : promise),
    });
    completer.begin();
    await settle();
    completer.round();
    await settle();
    expect(sent).toEqual(['POST g-1', 'POST g-2']);
    resolve(ok(201));
    await settle();
    completer.round();
    await settle();
    expect(sent).toEqual(['POST g-1', 'POST g-2', 'POST g-1']);
  });

  it('gives up after some seconds: kube-scheduler is there by then', async () => {
    const { completer, clock, sent, settle } = setUp({
      members: [running(0), member(1), member(2)],
      answer: () => ok(403),
    });
    completer.begin();
    for (let times = 0; times < 30; times++) {
      await settle();
      clock.advance(1_000);
      completer.round();
    }
    expect(sent.length).toBeGreaterThan(2);
    expect(sent.length).toBeLessThanOrEqual(20);
  });
});

describe('what the model does not cover', () => {
  const required = { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'kubernetes.io/hostname' }] };
  const port = (over: object) => ({ containers: [{ name: 'c', ports: [{ containerPort: 80, ...over }] }] });
  it.each<[string, object, boolean]>([
    ['nothing', {}, false],
    ['a secret', { volumes: [{ name: 'v', secret: { secretName: 's' } }] }, false],
    ['a claim of a volume', { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }] }, true],
    ['an ephemeral volume', { volumes: [{ name: 'v', ephemeral: {} }] }, true],
    ['a volume of a kind to come', { volumes: [{ name: 'v', other: {} }] }, true],
    ['a claim of devices', { resourceClaims: [{ name: 'c' }] }, true],
    ['affinity to pods', { affinity: { podAffinity: required } }, true],
    ['anti-affinity', { affinity: { podAntiAffinity: required } }, true],
    [
      'a preference',
      { affinity: { podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{}] } } },
      false,
    ],
    ['spreading that must be', { topologySpreadConstraints: [{ whenUnsatisfiable: 'DoNotSchedule' }] }, true],
    ['spreading that may be', { topologySpreadConstraints: [{ whenUnsatisfiable: 'ScheduleAnyway' }] }, false],
    ['a port of the host', port({ hostPort: 80 }), true],
    ['a port', port({}), false],
  ])('%s', (_, spec, unmodelled) => {
    const facts = projectPod({ metadata: { uid: 'u', namespace: 'team', name: 'p' }, spec });
    expect(facts?.unmodelled).toBe(unmodelled);
  });

  it.each<[string, object[], PodFacts['repels']]>([
    ['its own namespace', [{}], 'neighbours'],
    ['named ones', [{}, { namespaces: ['x'] }], 'anybody'],
    ['those of a selector', [{ namespaceSelector: {} }], 'anybody'],
    ['none', [], 'nobody'],
  ])('anti-affinity against pods of %s', (_, terms, repels) => {
    const affinity = { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } };
    const metadata = { uid: 'u', namespace: 'team', name: 'p' };
    expect(projectPod({ metadata, spec: { affinity, nodeName: 'n' } })?.repels).toBe(repels);
  });
});
