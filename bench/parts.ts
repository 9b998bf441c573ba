/** Where the time of one filter call goes: each part alone, median µs, the books changing between calls. docs/performance.md reads it. */
import { Picture } from '../src/cluster/picture.ts';
import { projectPod } from '../src/cluster/projection/pod.ts';
import { shapeKey } from '../src/core/placement/shape.ts';
import { parseObject } from '../src/extender/codec/json.ts';
import { NameLists } from '../src/extender/codec/name-lists.ts';
import { encodeFilter } from '../src/extender/codec/replies.ts';
import { decodeNodes, knownPod } from '../src/extender/codec/requests.ts';
import { filterBodies, KNOWN_PODS } from './bodies.ts';
import { podFacts, resourceVersionOf } from './pods.ts';
import { type Measured, median } from './row.ts';
import { nodeFacts, nodeNames, POLICY, World } from './world.ts';

const ROUNDS = 4_000;
const TAIL = '"NodeNames":0}';

export const partsAt = (nodes: number) => async (): Promise<Measured[]> => {
  const picture = new Picture();
  for (const facts of nodeFacts(nodes)) picture.nodes.setFacts(facts.name, facts);
  const world = new World(picture);
  world.fill(10 * nodes);
  const { books } = world;
  for (let serial = 0; serial < KNOWN_PODS; serial++) picture.upsertPod(podFacts(serial), resourceVersionOf(serial));
  const stateOf = (uid: string, resourceVersion: string) => picture.podInState(uid, resourceVersion);
  const bodies = filterBodies(nodeNames(nodes), 'shuffled');
  const lists = new NameLists(books);
  const spent = new Map<string, number[]>();
  const time = <T>(part: string, run: () => T): T => {
    const begun = performance.now();
    const value = run();
    const micros = 1000 * (performance.now() - begun);
    const times = spent.get(part);
    if (times === undefined) spent.set(part, [micros]);
    else times.push(micros);
    return value;
  };
  for (let at = 0; at < ROUNDS; at++) {
    if (at % 8 === 0) {
      world.dropHolds();
      world.turn();
    }
    const body = bodies[at % bodies.length]!;
    const region = time('names: bytes → marks per node', () => lists.find(body))!;
    const args = time('pod: JSON', () => parseObject(body, region.keyAt, TAIL));
    const facts = time('pod: projection to facts', () => projectPod(args.Pod))!;
    if (facts.ask.kind !== 'request') throw new Error('no request');
    const { request } = facts.ask;
    time('key of the shape', () => shapeKey(facts, request, { nodePolicy: POLICY, devicePolicy: 'pack' }));
    const known = time('pod: looked up by uid and resourceVersion', () => knownPod(body, region.keyAt, stateOf))!;
    const answer = time('decision and hold', () => books.filter(known, region.list.offered, 1));
    time('reply', () => encodeFilter(answer, region.list));
    world.dropHolds();
    const other = new NameLists(books);
    time('all of it', () => {
      const { pod, list } = decodeNodes(body, other, projectPod, stateOf);
      return encodeFilter(books.filter(pod, list.offered, 1), list);
    });
    world.dropHolds();
    const another = new NameLists(books);
    time('all of it, pod not known yet', () => {
      const { pod, list } = decodeNodes(body, another, projectPod);
      return encodeFilter(books.filter(pod, list.offered, 1), list);
    });
  }
  return [...spent].map(([part, times]) => ({
    name: `filter-${nodes}, ${part}`,
    value: median(times.slice(ROUNDS / 2)),
    unit: 'µs',
  }));
};
