/** What recording costs: the filter verb with and without, in turns on the same books; bytes of a filter; a new part of the ring. */
import { Picture } from '../src/cluster/picture.ts';
import { projectPod } from '../src/cluster/projection/pod.ts';
import { NameLists } from '../src/extender/codec/name-lists.ts';
import { readConfig } from '../src/extender/config.ts';
import { Recorder } from '../src/extender/record/recorder.ts';
import { filter } from '../src/extender/verbs/filter.ts';
import type { VerbContext } from '../src/extender/verbs/verb.ts';
import { nodeClock } from '../src/kube/node-adapter.ts';
import { filterBodies } from './bodies.ts';
import { type Measured, median } from './row.ts';
import { nodeFacts, nodeNames, World } from './world.ts';

const ROUNDS = 4_000;

export const recordingAt = (nodes: number) => async (): Promise<Measured[]> => {
  const picture = new Picture();
  for (const facts of nodeFacts(nodes)) picture.nodes.setFacts(facts.name, facts);
  const world = new World(picture);
  world.fill(10 * nodes);
  const config = readConfig({ leadership: 'always' });
  const recorder = new Recorder({ clock: nodeClock, config, maxMib: 1_024, version: 'bench' });
  const books = recorder.books(world.books);
  const shared = { shortList: 1, deciding: () => true };
  const contexts: readonly VerbContext[] = [
    { ...shared, decider: world.books, lists: new NameLists(world.books), projectPod },
    {
      ...shared,
      decider: books,
      lists: new NameLists(books),
      projectPod: recorder.projectPod(projectPod),
      onAnswer: recorder.answered,
    },
  ];
  const bodies = filterBodies(nodeNames(nodes), 'shuffled');
  const micros: [number[], number[]] = [[], []];
  let before = 0;
  for (let at = 0; at < ROUNDS; at++) {
    if (at % 8 === 0) world.turn();
    if (at === 2) before = recorder.bytes;
    world.dropHolds();
    const context = contexts[at % 2]!;
    // one body for both
    const body = bodies[(at >> 1) % bodies.length]!;
    const begun = performance.now();
    const answer = filter(body, context);
    context.onAnswer?.(answer);
    micros[at % 2 === 0 ? 0 : 1].push(1000 * (performance.now() - begun));
  }
  const [off, on] = micros.map((times) => median(times.slice(ROUNDS / 4))) as [number, number];
  const bytes = (recorder.bytes - before) / (ROUNDS / 2 - 1);
  const begun = performance.now();
  recorder.beginPart();
  const partMs = performance.now() - begun;
  const body = bodies[0]!;
  world.dropHolds();
  const first = performance.now();
  filter(body, contexts[1]!);
  const firstMs = performance.now() - first;
  return [
    { name: `recording-${nodes}, filter without`, value: off, unit: 'µs' },
    { name: `recording-${nodes}, filter with`, value: on, unit: 'µs' },
    { name: `recording-${nodes}, bytes of a filter`, value: bytes, unit: 'B' },
    { name: `recording-${nodes}, a new part of the ring, ${10 * nodes} pods bound`, value: partMs, unit: 'ms' },
    { name: `recording-${nodes}, the first filter after it`, value: firstMs, unit: 'ms' },
  ];
};
