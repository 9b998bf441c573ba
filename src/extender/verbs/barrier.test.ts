import { beforeEach, describe, expect, it } from 'vitest';
import { bound, gangSaid, node, pod, whole } from '../../../test/build/facts.ts';
import { ManualClock } from '../../../test/build/manual-clock.ts';
import { Books } from '../../cluster/books.ts';
import { Picture } from '../../cluster/picture.ts';
import type { PodFacts } from '../../core/placement/pod-facts.ts';
import { GangBarrier } from './barrier.ts';

let clock: ManualClock;
let picture: Picture;
let books: Books;
let barrier: GangBarrier;
let leading: boolean;
let answers: Map<string, string>;

function members(count: number, minMember = count): PodFacts[] {
  const list = Array.from({ length: count }, (_, at) =>
    pod(`g-${at}`, whole, { gang: 'team/g', gangSaid: gangSaid('g', minMember), createdMs: at + 1 }),
  );
  for (const member of list) picture.upsertPod(member);
  for (const member of list) books.filter(member, books.resolve(['n']), 1);
  return list;
}

beforeEach(() => {
  clock = new ManualClock();
  picture = new Picture();
  picture.nodes.setFacts('n', node('n', 8));
  books = new Books(picture, clock, { nodePolicy: 'pack', devicePolicy: 'pack', holdMs: 30_000, envGuard: true });
  leading = true;
  barrier = new GangBarrier({ decider: books, clock, mayBind: () => leading });
  answers = new Map();
});

const come = (each: PodFacts): void => {
  void Promise.resolve(barrier.pass(each.uid, 'n')).then((answer) => answers.set(each.name, answer));
};
/** lets promises settle, then that much time pass, look by look */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 200) {
    clock.advance(200);
    await Promise.resolve();
    await Promise.resolve();
  }
  await new Promise((resolve) => setImmediate(resolve));
}
const told = (): Record<string, string> => Object.fromEntries(answers);

describe('the barrier', () => {
  it('lets a pod of no gang through at once', () => {
    picture.upsertPod(pod('alone', whole));
    expect(barrier.pass('uid-alone', 'n')).toBe('go');
  });

  it('holds members back until enough have come, then lets all go', async () => {
    const [a, b, c] = members(3);
    come(a!);
    come(b!);
    await pass(1000);
    expect(told()).toEqual({});
    expect(barrier.waiting).toBe(2);
    come(c!);
    await pass(0);
    expect(told()).toEqual({ 'g-0': 'go', 'g-1': 'go', 'g-2': 'go' });
    expect(barrier.waiting).toBe(0);
  });

  it('counts members that run already', async () => {
    const [a, b] = members(2);
    picture.upsertPod(bound(a!, 'n', picture.holds.get(a!.uid)!.claim));
    come(b!);
    await pass(0);
    expect(told()).toEqual({ 'g-1': 'go' });
  });

  it('refuses all when time is up, and what was planned is free again', async () => {
    const [a, b] = members(3);
    come(a!);
    come(b!);
    await pass(10_200);
    expect(told()).toEqual({ 'g-0': 'timeout', 'g-1': 'timeout' });
    expect(picture.nodes.get('n')!.ledger.usedMilli.reduce((sum, used) => sum + used, 0)).toBe(0);
  });

  it('answers a member that was deleted, and lets the others wait on', async () => {
    const [a, b] = members(3);
    come(a!);
    come(b!);
    picture.removePod(a!.uid);
    await pass(400);
    expect(told()).toEqual({ 'g-0': 'dropped' });
    expect(barrier.waiting).toBe(1);
  });

  it('does not open over a member whose device fell ill at the last moment', async () => {
    const [a, b] = members(2);
    come(a!);
    const { devices } = picture.nodes.get('n')!.facts!;
    const held = picture.holds.get(a!.uid)!.claim!.containers[0]!.devices[0]!.uuid;
    picture.nodes.setFacts(
      'n',
      node(
        'n',
        devices.map((each) => (each.uuid === held ? { ...each, healthy: false } : each)),
      ),
    );
    come(b!);
    await pass(0);
    expect(told()).toEqual({ 'g-0': 'dropped' });
  });

  it('does not open over a member that was planned for another node meanwhile', async () => {
    const [a, b] = members(2);
    come(a!);
    picture.nodes.setFacts('m', node('m', 8));
    // its node is gone for a moment, and the plan with it
    picture.dropPlan('team/g');
    picture.nodes.setFacts('n', null);
    books.filter(b!, books.resolve(['m']), 1);
    expect([a!, b!].map(({ uid }) => picture.holds.get(uid)?.node)).toEqual(['m', 'm']);
    void Promise.resolve(barrier.pass(b!.uid, 'm')).then((answer) => answers.set(b!.name, answer));
    await pass(0);
    expect(told()).toEqual({ 'g-0': 'dropped' });
  });

  it('refuses all when leadership is lost', async () => {
    const [a] = members(2);
    come(a!);
    leading = false;
    await pass(200);
    expect(told()).toEqual({ 'g-0': 'closed' });
  });

  it('refuses all at shutdown, and whoever comes later', async () => {
    const [a, b] = members(2);
    come(a!);
    barrier.close();
    come(b!);
    await pass(0);
    expect(told()).toEqual({ 'g-0': 'closed', 'g-1': 'closed' });
  });

  it('keeps holds while members gather, longer than a hold lives by itself', async () => {
    books = new Books(picture, clock, { nodePolicy: 'pack', devicePolicy: 'pack', holdMs: 1000, envGuard: true });
    barrier = new GangBarrier({ decider: books, clock, mayBind: () => true });
    const [a] = members(2);
    come(a!);
    await pass(5000);
    books.sweep();
    expect(picture.holds.get(a!.uid)).toBeDefined();
  });
});
