/** The decision alone: pod and offered nodes in hand, books that change between calls; no body, no HTTP. */
import { Picture } from '../src/cluster/picture.ts';
import { podFacts } from './pods.ts';
import { atMost, type Measured, median } from './row.ts';
import { nodeFacts, World } from './world.ts';

const PODS_PER_NODE = 10;
const SMALL = 1_000;
const LARGE = 10_000;
const BATCHES = 60;
const PER_BATCH = 200;

/** µs a decision: median of batches of filter calls for fresh pods, a claim coming and going every eighth. */
function decisionMicros(nodes: number): number {
  const picture = new Picture();
  for (const facts of nodeFacts(nodes)) picture.nodes.setFacts(facts.name, facts);
  const world = new World(picture);
  world.fill(PODS_PER_NODE * nodes);
  const { books } = world;
  const offered = books.resolve([...picture.nodes.values()].map(({ name }) => name));
  const pods = Array.from({ length: 64 }, (_, at) => podFacts(at));
  const batches: number[] = [];
  for (let batch = 0; batch < BATCHES; batch++) {
    let spent = 0;
    for (let at = 0; at < PER_BATCH; at++) {
      if (at % 8 === 0) {
        world.dropHolds();
        world.turn();
      }
      const begun = performance.now();
      const { fits } = books.filter(pods[at % pods.length]!, offered, 1);
      spent += performance.now() - begun;
      if (fits.length !== 1) throw new Error('no room');
    }
    batches.push((1000 * spent) / PER_BATCH);
  }
  return median(batches.slice(BATCHES / 3));
}

export async function growth(): Promise<Measured[]> {
  const small = decisionMicros(SMALL);
  const large = decisionMicros(LARGE);
  return [
    { name: `decision alone, ${SMALL} nodes`, value: small, unit: 'µs' },
    {
      name: `decision alone, ${LARGE} nodes`,
      value: large,
      unit: 'µs',
      ...atMost('growth', Number((large / small).toFixed(2)), 1.5),
    },
    { name: 'growth', value: large / small, unit: '×' },
  ];
}
