import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bound, fraction, memory, need, node, pod, request, whole } from '../../test/build/facts.ts';
import { ManualClock } from '../../test/build/manual-clock.ts';
import type { NodePolicy } from '../core/gpu/request.ts';
import type { PodFacts } from '../core/placement/pod-facts.ts';
import { Books } from './books.ts';
import type { FilterAnswer } from './decider.ts';
import { Picture } from './picture.ts';

const SHAPES = [fraction(250), fraction(700), memory(30_000), whole, request([need(whole, 2)]), null] as const;
const NODES = ['a', 'b', 'c', 'd'];

class World {
  readonly picture = new Picture();
  readonly books: Books;
  #serial = 0;

  constructor(nodePolicy: NodePolicy) {
    const config = { nodePolicy, devicePolicy: 'pack', holdMs: 60_000, envGuard: true } as const;
    this.books = new Books(this.picture, new ManualClock(), config);
    for (const [at, name] of NODES.entries()) this.picture.nodes.setFacts(name, node(name, 1 + at));
  }

  pod(shape: number): PodFacts {
    return pod(`p${this.#serial++}`, SHAPES[shape]!);
  }

  ask(how: 'dry' | 'filter', one: PodFacts): FilterAnswer {
    return this.books[how](one, this.books.resolve(NODES), 2);
  }

  bind(one: PodFacts, [first]: readonly string[]): void {
    const plan = first === undefined ? null : this.books.beginBind(one, first);
    if (plan?.kind !== 'bind') return;
    this.books.bindLanded(one.uid);
    this.picture.upsertPod(bound(one, first!, plan.claim));
  }

  get state(): unknown {
    const { picture, books } = this;
    return [picture.snapshot(), [...picture.holds.values()], [...picture.refused()], books.memory()];
  }
}

const steps = fc.array(fc.record({ shape: fc.nat(SHAPES.length - 1), binds: fc.boolean() }), { maxLength: 40 });
const policies = fc.constantFrom<NodePolicy>('pack', 'spread', 'fgd', 'muster');

describe('a dry decision', () => {
  it('leaves no trace: what follows is as if nobody had asked', () => {
    fc.assert(
      fc.property(policies, steps, (policy, history) => {
        const [asked, left] = [new World(policy), new World(policy)];
        for (const { shape, binds } of history) {
          for (let other = 0; other < SHAPES.length; other++) asked.ask('dry', pod('somebody', SHAPES[other]!));
          const one = asked.pod(shape);
          const answer = asked.ask('filter', one);
          expect(answer).toEqual(left.ask('filter', left.pod(shape)));
          if (binds) for (const world of [asked, left]) world.bind(one, answer.fits);
          expect(asked.state).toEqual(left.state);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('is what filter answers then', () => {
    fc.assert(
      fc.property(fc.constantFrom<NodePolicy>('pack', 'spread'), steps, (policy, history) => {
        const world = new World(policy);
        for (const { shape, binds } of history) {
          const one = world.pod(shape);
          const dry = world.ask('dry', one);
          const { all, fits, refused } = world.ask('filter', one);
          expect(dry).toEqual({ all, fits, refused });
          if (binds) world.bind(one, fits);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('keeps nothing of a pod that holds something already', () => {
    const world = new World('pack');
    const one = world.pod(3);
    const { fits } = world.ask('filter', one);
    const before = world.state;
    expect(world.ask('dry', one).fits).not.toEqual([]);
    expect(world.state).toEqual(before);
    expect(world.ask('filter', one).fits).toEqual(fits);
  });

  it('says why a pod is refused that the webhook did not prepare', () => {
    const world = new World('pack');
    const { refused } = world.ask('dry', pod('bare', whole, { envSafe: false }));
    expect(refused).toEqual(NODES.map((name) => ({ node: name, code: 'pod-without-env' })));
  });
});
