/** A cluster in memory: managed nodes of eight devices, and pods bound on them by the real decision. */
import { Books } from '../src/cluster/books.ts';
import type { Picture } from '../src/cluster/picture.ts';
import type { NodePolicy } from '../src/core/gpu/request.ts';
import { MANAGED } from '../src/core/names.ts';
import type { NodeFacts } from '../src/core/placement/node-facts.ts';
import { readConfig } from '../src/extender/config.ts';
import { nodeClock } from '../src/kube/node-adapter.ts';
import { bound, device, node } from '../test/build/facts.ts';
import { podFacts } from './pods.ts';

const DEVICES = 8;
/** serial numbers of pods: those of requests are below */
const FIRST_BOUND = 1_000_000;
/** different pod facts made once; the rest of the bound pods are copies under other names */
const TEMPLATES = 64;

/** Names as a cloud gives them: 38 characters. */
export const nodeNames = (count: number): readonly string[] =>
  Array.from(
    { length: count },
    (_, at) => `ip-10-${100 + (at >> 16)}-${100 + ((at >> 8) & 255)}-${(at & 255) + 1}.eu-west-1.compute.internal`,
  );

export const nodeFacts = (count: number): readonly NodeFacts[] =>
  nodeNames(count).map((name, at) =>
    node(
      name,
      Array.from({ length: DEVICES }, (_, index) =>
        device(index, {
          uuid: `GPU-${at.toString(16).padStart(8, '0')}-0000-4000-8000-00000000000${index}`,
          mib: at % 3 === 0 ? 40_960 : 81_559,
          model: at % 3 === 0 ? 'NVIDIA-A100-SXM4-40GB' : 'NVIDIA-H100-80GB-HBM3',
        }),
      ),
      {
        labels: { 'kubernetes.io/hostname': name, [MANAGED]: 'true' },
        allocatable: {
          cpu: 128_000,
          memory: 2 ** 40,
          pods: 250,
          'ephemeral-storage': 2 ** 40,
          'muster.dev/gpu-milli': 1000 * DEVICES,
        },
      },
    ),
  );

/** What is measured unless a row says otherwise: the policy as shipped. */
export const POLICY: NodePolicy = readConfig({ leadership: 'always' }).nodePolicy;

const templates = Array.from({ length: TEMPLATES }, (_, at) => podFacts(FIRST_BOUND + at, at));

export class World {
  /** who decides where pods go that come */
  books: Books;
  readonly #all: ReturnType<Books['resolve']>;
  /** in the order in which they came */
  readonly #bound = new Set<string>();
  #serial = FIRST_BOUND;

  constructor(picture: Picture, nodePolicy: NodePolicy = POLICY) {
    this.books = new Books(picture, nodeClock, {
      nodePolicy,
      devicePolicy: 'pack',
      holdMs: 600_000,
      envGuard: true,
    });
    this.#all = this.books.resolve([...picture.nodes.values()].map(({ name }) => name));
  }

  /** Binds so many pods, each where filter puts it. Throws when one finds no room. */
  fill(pods: number): void {
    for (let at = 0; at < pods; at++) this.bindOne();
  }

  bindOne(): void {
    const serial = this.#serial++;
    const pod = { ...templates[serial % TEMPLATES]!, uid: `bound-${serial}`, name: `bound-${serial}` };
    const [nodeName] = this.books.filter(pod, this.#all, 1).fits;
    if (nodeName === undefined) throw new Error(`no room for pod ${serial - FIRST_BOUND}`);
    const plan = this.books.beginBind(pod, nodeName);
    if (plan.kind !== 'bind') throw new Error(`not bound: ${plan.kind}`);
    this.books.bindLanded(pod.uid);
    this.books.picture.upsertPod(bound(pod, nodeName, plan.claim));
    this.#bound.add(pod.uid);
  }

  /** One pod comes and the oldest one goes. */
  turn(): void {
    this.bindOne();
    const oldest = this.#bound.values().next().value!;
    this.#bound.delete(oldest);
    this.books.picture.removePod(oldest);
  }

  /** Forgets what filter promised, so that the same pods are decided again and not confirmed. What was planned ahead stays. */
  dropHolds(): void {
    for (const { pod, state, cause } of [...this.books.picture.holds.values()])
      if (state === 'open' && cause === 'tentative') this.books.picture.dropHold(pod.uid);
  }
}
