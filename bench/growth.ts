/** The decision alone: pod and offered nodes in hand, books that change between calls; no body, no HTTP. */
import { Picture } from '../src/cluster/picture.ts';
import type { NodePolicy } from '../src/core/gpu/request.ts';
import { podFacts } from './pods.ts';
import { atMost, type Measured, quantile } from './row.ts';
import { nodeFacts, POLICY, World } from './world.ts';

const PODS_PER_NODE = 10;
const SMALL = 1_000;
const LARGE = 10_000;
const BATCHES = 60;
const PER_BATCH = 200;
/** the batches that nothing else on the machine disturbed */
const UNDISTURBED = 0.2;

type Subject = { readonly batch: () => number; readonly micros: number[] };

/** `batch` answers µs a decision: filter calls for fresh pods, a claim coming and going every eighth. */
function subject(nodes: number, policy: NodePolicy): Subject {
  const picture = new Picture();
  for (const facts of nodeFacts(nodes)) picture.nodes.setFacts(facts.name, facts);
  const world = new World(picture, policy);
  world.fill(PODS_PER_NODE * nodes);
  const { books } = world;
  const offered = books.resolve([...picture.nodes.values()].map(({ name }) => name));
  const pods = Array.from({ length: 64 }, (_, at) => podFacts(at));
  const batch = (): number => {
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
    return (1000 * spent) / PER_BATCH;
  };
  return { batch, micros: [] };
}

export const growth = async (): Promise<Measured[]> => {
  const { small, large } = growthOf(POLICY);
  const packed = growthOf('pack');
  const grown = large / small;
  return [
    { name: `decision alone, ${SMALL} nodes`, value: small, unit: 'µs' },
    { name: `decision alone, ${LARGE} nodes`, value: large, unit: 'µs' },
    { name: 'growth', value: grown, unit: '×', ...atMost('×', grown, 1.5) },
    { name: `decision alone, ${SMALL} nodes, policy pack`, value: packed.small, unit: 'µs' },
    { name: `decision alone, ${LARGE} nodes, policy pack`, value: packed.large, unit: 'µs' },
  ];
};

function growthOf(policy: NodePolicy): { small: number; large: number } {
  const small = subject(SMALL, policy);
  const large = subject(LARGE, policy);
  // in turns, so that a busy machine and the compiler's progress meet both
  for (let batch = 0; batch < BATCHES; batch++) for (const { batch: run, micros } of [small, large]) micros.push(run());
  const settled = ({ micros }: Subject): number => quantile(micros.slice(BATCHES / 3), UNDISTURBED);
  return { small: settled(small), large: settled(large) };
}
