import { describe, expect, it } from 'vitest';
import { bound, node, pod, podGroup, whole } from '../../../test/build/facts.ts';
import { ManualClock } from '../../../test/build/manual-clock.ts';
import type { GangObjectFacts } from '../../core/placement/gang/gang-facts.ts';
import type { PodFacts } from '../../core/placement/pod-facts.ts';
import { Books } from '../books.ts';
import { Picture } from '../picture.ts';

const ZONE = 'topology.kubernetes.io/zone';
const NOWHERE = { required: null, preferred: null };
const object = (over: Partial<GangObjectFacts> = {}): GangObjectFacts =>
  podGroup('g', { topology: { required: ZONE, preferred: null }, ...over });

/** Two nodes of two devices in zone a, two in zone b; a gang of two and its further members. */
function world(said: GangObjectFacts, placer = false) {
  const picture = new Picture();
  const books = new Books(picture, new ManualClock(), {
    nodePolicy: 'pack',
    devicePolicy: 'pack',
    holdMs: 60_000,
    envGuard: true,
    placer,
  });
  for (const [name, zone] of Object.entries({ a0: 'a', a1: 'a', b0: 'b', b1: 'b' })) {
    const facts = node(name, 1);
    picture.nodes.setFacts(name, { ...facts, labels: { ...facts.labels, [ZONE]: zone } });
  }
  picture.gangs.upsertObject(said);
  const names = ['a0', 'a1', 'b0', 'b1'];
  const member = (at: number, gpu: Parameters<typeof pod>[1] = whole, subGroup: string | null = null): PodFacts => {
    const gangSaid = {
      key: 'team/g',
      dialect: 'muster' as const,
      minMember: null,
      total: null,
      subGroup,
      waitSeconds: null,
      strict: true,
      together: [],
      problem: null,
    };
    const one = pod(`g-${at}`, gpu, { gang: 'team/g', gangSaid, createdMs: at + 1 });
    picture.upsertPod(one);
    return one;
  };
  const filter = (one: PodFacts) => books.filter(one, books.resolve(names), 1);
  const bind = (one: PodFacts): string => {
    const [where] = filter(one).fits;
    const plan = books.beginBind(one, where!);
    if (plan.kind !== 'bind') throw new Error(JSON.stringify(plan));
    books.bindLanded(one.uid);
    picture.upsertPod(bound(one, where!, plan.claim));
    return where!;
  };
  return { books, picture, member, filter, bind };
}
const codesOf = (answer: ReturnType<Books['filter']>) => new Set(answer.refused.map(({ code }) => code));

describe('a further member of a gang that requires one domain', () => {
  it('waits when the domain of the others is full, though there is room elsewhere', () => {
    const { member, filter, bind } = world(object());
    const [first, second, third] = [member(0), member(1), member(2)];
    const where = [bind(first), bind(second)].map((name) => name[0]);
    expect(new Set(where).size).toBe(1);
    const answer = filter(third);
    expect(answer.fits).toEqual([]);
    expect(codesOf(answer)).toEqual(new Set(['gpu-full', 'node-selector']));
  });

  it('is not placed ahead elsewhere, nobody is evicted for it there, and nobody is woken for it', () => {
    const { books, member, filter, bind, picture } = world(object(), true);
    const [first, second, third] = [member(0), member(1), member(2)];
    const zone = bind(first)[0]!;
    bind(second);
    const other = zone === 'a' ? 'b' : 'a';
    expect(books.planPod(third.uid).kind).toBe('refused');
    filter(third);
    expect(picture.holds.get(third.uid)).toBeUndefined();
    const candidates = [{ node: `${other}0`, victims: null }];
    expect(books.preempt({ ...third, priority: 9 }, candidates)).toEqual([]);
  });

  it('goes anywhere when the gang only prefers one', () => {
    const { member, filter, bind } = world(object({ topology: { required: null, preferred: ZONE } }));
    const [first, second, third] = [member(0), member(1), member(2)];
    bind(first);
    bind(second);
    expect(filter(third).fits).toHaveLength(1);
  });

  it('of a sub-group stays with its own, whatever the others do', () => {
    const worker = { name: 'w', parent: null, minMember: 2, topology: { required: ZONE, preferred: null } };
    const { member, filter, bind } = world(object({ topology: NOWHERE, subGroups: [worker] }));
    const [first, second, third, stranger] = [0, 1, 2, 3].map((at) => member(at, whole, at < 3 ? 'w' : null));
    bind(first!);
    bind(second!);
    expect(filter(third!).fits).toEqual([]);
    expect(filter(stranger!).fits).toHaveLength(1);
  });

  it('without GPU is kept near too', () => {
    const { member, filter, bind } = world(object());
    const [first, second] = [member(0), member(1)];
    const zone = bind(first)[0]!;
    bind(second);
    const launcher = member(2, null);
    expect(filter(launcher).fits.map((name) => name[0])).toEqual([zone, zone]);
  });
});
