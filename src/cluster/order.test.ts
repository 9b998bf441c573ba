/**
 * The default policy learns, and must decide alike wherever the same things happened: whatever the order in which nodes and running
 * pods were heard of, and on a replica that has just started as on another one.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bound, fraction, need, node, pod, request, whole } from '../../test/build/facts.ts';
import { ManualClock } from '../../test/build/manual-clock.ts';
import type { GpuRequest } from '../core/gpu/request.ts';
import type { NodeFacts } from '../core/placement/node-facts.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import { Books } from './books.ts';
import { Picture } from './picture.ts';

/** more than are taken over to new prices in one call */
const NODES = 400;
const NAMES = Array.from({ length: NODES }, (_, at) => `n${at}`);
const SIZES: readonly GpuRequest[] = [
  request([need(fraction(300))]),
  request([need(fraction(810))]),
  request([need(fraction(500))]),
  request([need(whole)]),
  request([need(whole, 2)]),
  request([need(whole, 4)]),
];

const facts = (name: string): NodeFacts => node(name, 1 + (Number(name.slice(1)) % 8));
const asking = (at: number, size: number): PodFacts =>
  pod(`p${at}`, SIZES[size % SIZES.length]!, { needs: { cpu: 500 * (1 + (size % 7)), memory: 1, pods: 1 } });

class Stand {
  readonly picture = new Picture();
  readonly books = new Books(this.picture, new ManualClock(), {
    nodePolicy: 'muster',
    devicePolicy: 'pack',
    holdMs: 30_000,
    envGuard: true,
  });

  nodes(names: readonly string[]): void {
    for (const name of names) this.picture.nodes.setFacts(name, facts(name));
  }

  /** Where it goes, and with which devices; null: nowhere. It runs there from then on. */
  place(each: PodFacts): string | null {
    const [name] = this.books.filter(each, this.books.resolve(NAMES), 1).fits;
    if (name === undefined) return null;
    const plan = this.books.beginBind(each, name);
    if (plan.kind !== 'bind') throw new Error(plan.kind);
    this.books.bindLanded(each.uid);
    this.picture.upsertPod(bound(each, name, plan.claim));
    return `${name} ${JSON.stringify(plan.claim)}`;
  }
}

const orders = fc.shuffledSubarray(NAMES, { minLength: NODES });
const sizes = fc.array(fc.nat(20), { minLength: 200, maxLength: 260 });

describe('the policy muster', () => {
  it('decides the same whatever the order in which nodes came, went and came back', () => {
    const round = fc.record({
      first: orders,
      second: orders,
      gone: fc.subarray(NAMES, { minLength: 1, maxLength: 8 }),
    });
    fc.assert(
      fc.property(round, sizes, ({ first, second, gone }, asked) => {
        const placed = [first, second].map((order) => {
          const stand = new Stand();
          stand.nodes(order);
          return asked.map((size, at) => {
            const events = order.filter((name) => gone.includes(name));
            if (at === 100) for (const name of events) stand.picture.nodes.setFacts(name, null);
            if (at === 150) stand.nodes(events);
            return stand.place(asking(at, size));
          });
        });
        expect(placed[1]).toEqual(placed[0]);
      }),
      { numRuns: 6 },
    );
  });

  it('decides the same after a restart, in whatever order it hears of what runs', () => {
    fc.assert(
      fc.property(orders, sizes, fc.nat(1000), (order, asked, turn) => {
        const before = new Stand();
        before.nodes(NAMES);
        const last = asked.slice(0, 40);
        for (const [at, size] of asked.slice(40).entries()) before.place(asking(at, size));
        const running = [...before.picture.pods()];
        const after = [running, [...running.slice(turn % running.length), ...running.slice(0, turn % running.length)]];
        const placed = after.map((pods, which) => {
          const stand = new Stand();
          stand.nodes(which === 0 ? NAMES : order);
          for (const each of pods) stand.picture.upsertPod(each);
          stand.books.restoreAwaiting();
          return last.map((size, at) => stand.place(asking(1000 + at, size)));
        });
        expect(placed[1]).toEqual(placed[0]);
      }),
      { numRuns: 6 },
    );
  });

  it('knows what is typical from the first pod after a restart: it is not blind until many have come', () => {
    const stand = new Stand();
    // two free GPUs: one beside a GPU that is full, one on a node that a pair fits on
    stand.picture.nodes.setFacts('n0', node('n0', 2));
    stand.picture.nodes.setFacts('n1', node('n1', 2));
    const pair = (at: number): PodFacts => pod(`pair-${at}`, request([need(whole, 2)]));
    const [device] = facts('n1').devices;
    const share = { uuid: 'GPU-n1-0', index: device!.index, mib: device!.mib, milli: 1000 };
    const claim = { containers: [{ name: 'main', slot: 'c0' as const, sidecar: false, devices: [share] }] };
    stand.picture.upsertPod(bound(pod('one', whole), 'n1', claim));
    for (let at = 0; at < 9; at++) stand.picture.upsertPod(bound(pair(at), `elsewhere-${at}`, null));
    stand.books.restoreAwaiting();
    expect(stand.place(pod('asking', whole))).toMatch(/^n1 /);
  });
});
