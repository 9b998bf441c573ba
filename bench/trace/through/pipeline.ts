/**
 * The whole way of a pod, in one process on virtual time: an API with the webhook in it, a model of kube-scheduler that asks the real
 * verbs on encoded bytes (without HTTP), and the real extender with its informers and, if the setup has one, its placer. One pod
 * arrives at a time; nothing goes wrong and nothing is decided here.
 */
import { mutatePod } from '../../../src/admission/mutate.ts';
import type { NodePolicy } from '../../../src/core/gpu/request.ts';
import { GPU_MILLI, SCHEDULER_NAME } from '../../../src/core/names.ts';
import type { NodeFacts } from '../../../src/core/placement/node-facts.ts';
import type { PodFacts } from '../../../src/core/placement/pod-facts.ts';
import { DEFAULT_DIALECT_OPTIONS } from '../../../src/dialects/reading.ts';
import { readConfig } from '../../../src/extender/config.ts';
import { type ExtenderCore, makeExtender } from '../../../src/extender/extender.ts';
import { answerVerb } from '../../../src/extender/verbs/answer.ts';
import type { Verb } from '../../../src/extender/verbs/verb.ts';
import { TransportError } from '../../../src/kube/errors.ts';
import type { Clock, Transport } from '../../../src/kube/ports.ts';
import { Api } from '../../../src/sim/api/api.ts';
import { ApiError } from '../../../src/sim/api/errors.ts';
import { inProcess } from '../../../src/sim/api/in-process.ts';
import type { JsonObject, KubeObject } from '../../../src/sim/api/object.ts';
import { applyPatchOf, JSON_PATCH } from '../../../src/sim/api/patch.ts';
import type { Admission } from '../../../src/sim/api/writes.ts';
import { Scheduler } from '../../../src/sim/scheduler/scheduler.ts';
import { seededRng } from '../../../src/sim/seeded-rng.ts';
import { Process, VirtualTime, WallClock } from '../../../src/sim/world/time.ts';
import { DEVICE_MIB } from '../trace.ts';
import { late } from './late.ts';
import { NAMESPACE, nodeObject, podObject } from './objects.ts';
import type { Setup } from './setups.ts';

/** as in the configuration of kube-scheduler that we ship */
const WEIGHT = 3;
const DECISION_TIMEOUT_MS = 3_000;
const BIND_TIMEOUT_MS = 60_000;

const PODS = `/api/v1/namespaces/${NAMESPACE}/pods`;
const CALL_MS = 10_000;
/** What has happened by then has been seen by everybody. */
const SEEN_MS = 5;
/** A start takes no longer. */
const STARTED_MS = 60_000;

export type Arrived = {
  /** null: it found no place in time, and is gone again */
  readonly node: string | null;
  /** virtual ms from its creation until everybody saw it bound, or until it was given up */
  readonly waitedMs: number;
};

export class Pipeline {
  readonly #time = new VirtualTime();
  readonly #setup: Setup;
  readonly #admin: Transport;
  readonly #api: Api;
  readonly #extender: ExtenderCore;
  readonly #scheduler: Scheduler;
  readonly #faults: unknown[] = [];
  #uids = 0;

  /** `seed`: of what is chance in kube-scheduler and in pauses. */
  constructor(setup: Setup, policy: NodePolicy, seed: number) {
    this.#setup = setup;
    this.#api = new Api({
      clock: this.#clock('api'),
      newUid: () => `00000000-0000-4000-8000-${(++this.#uids).toString(16).padStart(12, '0')}`,
      admit: webhook(setup.placer),
    });
    this.#admin = inProcess(this.#api, 'trace');
    this.#extender = makeExtender(
      readConfig({
        leadership: 'always',
        logLevel: 'silent',
        nodePolicy: policy,
        placer: { enabled: setup.placer },
      }),
      {
        transport: late(inProcess(this.#api, 'extender'), this.#time),
        clock: this.#clock('extender'),
        rng: seededRng(seed),
        thread: null,
      },
    );
    this.#scheduler = this.#makeScheduler(seed);
  }

  /** The cluster is there, and everybody has seen it. */
  async start(nodes: readonly NodeFacts[]): Promise<void> {
    for (const node of nodes) await this.#call('POST', '/api/v1/nodes', nodeObject(node));
    this.#extender.begin();
    await this.#until(() => this.#extender.context.deciding());
    await this.#during(this.#scheduler.start());
    // the extender says how many GPUs nodes have, and kube-scheduler must know before the first pod comes
    await this.#until(() => this.#knowsCapacity(nodes));
    await this.#pass(SEEN_MS);
  }

  /** A pod comes, and either everybody has seen it bound, or it is deleted after `patienceMs` of virtual time. */
  async arrive(pod: PodFacts, patienceMs: number): Promise<Arrived> {
    const { gated } = this.#setup;
    const created = this.#time.now;
    const { metadata } = await this.#call('POST', PODS, podObject(pod, gated && pod.ask.kind === 'request'));
    const node = (): string | null => this.#extender.parts.picture.pod(metadata.uid)?.nodeName ?? null;
    await this.#pass(patienceMs, () => node() !== null);
    const found = node();
    const waitedMs = this.#time.now - created;
    if (found === null) await this.#call('DELETE', `${PODS}/${pod.name}?gracePeriodSeconds=0`);
    await this.#pass(SEEN_MS);
    return { node: found, waitedMs };
  }

  /** Every pod there is, as the API has it. */
  async pods(): Promise<readonly KubeObject[]> {
    const list: unknown = await this.#call('GET', PODS);
    return (list as { items: KubeObject[] }).items;
  }

  /** Calls of kube-scheduler by verb, and writes of the placer. */
  get calls(): { readonly filter: number; readonly placerWrites: number } {
    const filter = this.#scheduler.extenders.reduce((sum, { calls }) => sum + calls.filter, 0);
    return { filter, placerWrites: this.#extender.placer?.writes ?? 0 };
  }

  async stop(): Promise<void> {
    await this.#during(this.#scheduler.stop());
    await this.#during(this.#extender.drain().then(() => this.#extender.stop()));
  }

  #clock(name: string): Clock {
    return new Process(name, this.#time, new WallClock()).clock;
  }

  #makeScheduler(seed: number): Scheduler {
    const verbs: Transport = {
      request: async ({ path, body }) => {
        const verb = path.slice(path.lastIndexOf('/') + 1) as Verb;
        const answer = await answerVerb(verb, Buffer.from(JSON.stringify(body)), {
          ...this.#extender,
          onFault: (_, error) => this.#faults.push(error),
        });
        return { status: answer.status, body: Buffer.from(answer.body), retryAfterSeconds: null };
      },
      stream: () => Promise.reject(new TransportError('unsent', 'extenders have no streams')),
      close: async () => {},
    };
    const shared = { transport: late(verbs, this.#time), prefix: '', nodeCacheCapable: true };
    return new Scheduler({
      transport: late(inProcess(this.#api, 'kube-scheduler'), this.#time),
      clock: this.#clock('kube-scheduler'),
      rng: seededRng(seed),
      schedulerNames: [SCHEDULER_NAME],
      // nobody reads them here
      events: false,
      percentageOfNodesToScore: this.#setup.percentageOfNodesToScore,
      extenders: [
        {
          ...shared,
          name: 'decisions',
          filterVerb: 'filter',
          prioritizeVerb: 'prioritize',
          preemptVerb: 'preempt',
          weight: WEIGHT,
          httpTimeoutMs: DECISION_TIMEOUT_MS,
        },
        { ...shared, name: 'bind', bindVerb: 'bind', httpTimeoutMs: BIND_TIMEOUT_MS },
      ],
      onError: (error) => this.#faults.push(error),
    });
  }

  #knowsCapacity(nodes: readonly NodeFacts[]): boolean {
    const { picture } = this.#extender.parts;
    return nodes.every(({ name, devices, managed }) => {
      const known = picture.nodes.get(name)?.facts;
      return known != null && known.devices.length === devices.length && GPU_MILLI in known.allocatable === managed;
    });
  }

  /** One entry of time after the other, with all that follows from it, for so long or until it is so. */
  async #pass(ms: number, isSo: () => boolean = () => false): Promise<void> {
    const end = this.#time.now + ms;
    const alarm = this.#time.after(ms, () => {});
    // what was called just now has gone as far as it can without time
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (!isSo() && this.#time.now < end && this.#time.next())
      await new Promise<void>((resolve) => setImmediate(resolve));
    alarm.cancel();
    const [fault] = this.#faults;
    if (fault !== undefined) throw fault;
  }

  /** What takes virtual time. */
  async #during<T>(work: Promise<T>): Promise<T> {
    let done = false;
    const settled = (): void => {
      done = true;
    };
    work.then(settled, settled);
    await this.#until(() => done);
    return await work;
  }

  /** Throws when it is not so in time. */
  async #until(isSo: () => boolean): Promise<void> {
    await this.#pass(STARTED_MS, isSo);
    if (!isSo()) throw new Error(`the pipeline did not start or stop within ${STARTED_MS / 1000} s of virtual time`);
  }

  async #call(method: 'GET' | 'POST' | 'DELETE', path: string, body?: JsonObject): Promise<KubeObject> {
    const request = { method, path, timeoutMs: CALL_MS, ...(body !== undefined && { body }) };
    const answer = await this.#during(this.#admin.request(request));
    const text = answer.body.toString();
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${text.slice(0, 300)}`);
    return JSON.parse(text) as KubeObject;
  }
}

const webhook =
  (gate: boolean): Admission =>
  async ({ operation, route, object }) => {
    if (operation !== 'CREATE' || route.resource.kind !== 'Pod' || route.subresource !== '') return object;
    const mutation = mutatePod(object, route.namespace ?? '', {
      schedulerNames: [SCHEDULER_NAME],
      runtimeClassName: null,
      runtimeClassExists: () => false,
      largestDeviceMib: DEVICE_MIB,
      gate,
      dialects: DEFAULT_DIALECT_OPTIONS,
    });
    if (mutation.kind === 'refused') throw new ApiError('Forbidden', mutation.message);
    return mutation.kind === 'patched' ? (applyPatchOf(JSON_PATCH, object, mutation.patch) as KubeObject) : object;
  };
