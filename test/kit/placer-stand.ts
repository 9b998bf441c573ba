/**
 * An embedded API, a kube-scheduler model and the whole extender with its placer, in one process on virtual time. The extender may be
 * killed at any of its writes and begins again knowing nothing.
 */
import { mutatePod } from '../../src/admission/mutate.ts';
import { definitionOf } from '../../src/cluster/crd/definition.ts';
import { POD_GROUP } from '../../src/cluster/crd/pod-group.ts';
import { SCHEDULER_NAME } from '../../src/core/names.ts';
import { DEFAULT_DIALECT_OPTIONS } from '../../src/dialects/reading.ts';
import { readConfig } from '../../src/extender/config.ts';
import { type ExtenderCore, makeExtender } from '../../src/extender/extender.ts';
import { Recorder } from '../../src/extender/record/recorder.ts';
import { answerVerb } from '../../src/extender/verbs/answer.ts';
import type { Verb } from '../../src/extender/verbs/verb.ts';
import { TransportError } from '../../src/kube/errors.ts';
import type { KubeRequest, KubeResponse, Transport } from '../../src/kube/ports.ts';
import { Api } from '../../src/sim/api/api.ts';
import { inProcess } from '../../src/sim/api/in-process.ts';
import type { KubeObject } from '../../src/sim/api/object.ts';
import { applyPatchOf, JSON_PATCH } from '../../src/sim/api/patch.ts';
import { GPU_MODELS, gpuNode } from '../../src/sim/nodes.ts';
import { Scheduler } from '../../src/sim/scheduler/scheduler.ts';
import { shippedExtenders } from '../../src/sim/scheduler/shipped-extenders.ts';
import { seededRng } from '../../src/sim/seeded-rng.ts';
import { Process, VirtualTime, WallClock } from '../../src/sim/world/time.ts';

export type PlacerStandOptions = {
  /** GPUs of each node; names are n0, n1, … */
  readonly nodes: readonly number[];
  readonly placer?: object;
  readonly settings?: object;
  /** false: no kube-scheduler comes */
  readonly scheduler?: boolean;
  readonly percentageOfNodesToScore?: number;
  /** every life of the extender is recorded */
  readonly record?: boolean;
  /** our CRD is there */
  readonly podGroups?: boolean;
};

type PodObject = {
  metadata: { name: string; uid: string; annotations?: Record<string, string> };
  spec: { nodeName?: string; schedulingGates?: { name: string }[] };
  status?: { nominatedNodeName?: string; conditions?: { type: string; status: string; reason?: string }[] };
};

const PODS = '/api/v1/namespaces/team/pods';

export class PlacerStand {
  readonly time = new VirtualTime();
  readonly api: Api;
  /** of the extender: `<method> <path>` of what it wrote and got an answer for */
  readonly written: string[] = [];
  /** called before and after each write of the extender; true: it dies there */
  dies: ((request: KubeRequest, when: 'before' | 'after', count: number) => boolean) | null = null;
  /** answers a write instead of the API; null: it does not */
  answers: ((request: KubeRequest) => KubeResponse | null) | null = null;
  core!: ExtenderCore;
  readonly errors: unknown[] = [];
  /** one per life */
  readonly recorders: Recorder[] = [];
  readonly #options: PlacerStandOptions;
  readonly #admin: Transport;
  #process!: Process;
  #count = 0;
  #uids = 0;
  #scheduler: Scheduler | null = null;

  private constructor(options: PlacerStandOptions) {
    this.#options = options;
    this.api = new Api({
      clock: new Process('api', this.time, new WallClock()).clock,
      newUid: () => `00000000-0000-4000-8000-${(++this.#uids).toString(16).padStart(12, '0')}`,
      admit: async ({ operation, route, object }) => {
        if (operation !== 'CREATE' || route.resource.kind !== 'Pod' || route.subresource !== '') return object;
        const mutation = mutatePod(object, route.namespace ?? '', {
          schedulerNames: [SCHEDULER_NAME],
          runtimeClassName: null,
          runtimeClassExists: () => false,
          largestDeviceMib: 81_559,
          gate: true,
          dialects: DEFAULT_DIALECT_OPTIONS,
        });
        if (mutation.kind === 'refused') throw new Error(mutation.message);
        return mutation.kind === 'patched' ? (applyPatchOf(JSON_PATCH, object, mutation.patch) as KubeObject) : object;
      },
    });
    this.#admin = inProcess(this.api, 'admin');
  }

  static async start(options: PlacerStandOptions): Promise<PlacerStand> {
    const stand = new PlacerStand(options);
    await stand.call('POST', '/api/v1/namespaces', { metadata: { name: 'team' } });
    if (options.podGroups === true)
      await stand.call('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definitionOf(POD_GROUP));
    for (const [at, count] of options.nodes.entries()) await stand.addNode(`n${at}`, count);
    stand.begin();
    if (options.scheduler ?? true) await stand.#startScheduler();
    await stand.run(500);
    return stand;
  }

  async addNode(name: string, count: number): Promise<void> {
    const { node } = gpuNode({ name, model: GPU_MODELS.h100, count, source: 'annotation' });
    await this.call('POST', '/api/v1/nodes', node);
  }

  /** A new life of the extender. `placer`: what is configured otherwise from now on */
  begin(placer: object = {}): void {
    const process = new Process('extender', this.time, new WallClock());
    this.#process = process;
    const config = readConfig({
      leadership: 'always',
      logLevel: 'silent',
      callDeadlineMs: 200,
      ...this.#options.settings,
      placer: { enabled: true, ...this.#options.placer, ...placer },
    });
    const record =
      this.#options.record === true
        ? new Recorder({ clock: process.clock, config, maxMib: 64, version: 'test' })
        : undefined;
    if (record !== undefined) this.recorders.push(record);
    this.core = makeExtender(config, {
      record,
      transport: this.#transportOf(process),
      clock: process.clock,
      rng: seededRng(7),
      thread: null,
    });
    this.core.begin();
  }

  kill(): void {
    this.#process.kill();
  }

  get dead(): boolean {
    return this.#process.dead;
  }

  /** Lets `ms` of virtual time go by. */
  async run(ms: number): Promise<void> {
    const end = this.time.now + ms;
    this.time.after(ms, () => {});
    while (this.time.now < end && this.time.next()) await new Promise((resolve) => setImmediate(resolve));
  }

  async until(condition: () => boolean | Promise<boolean>, ms = 60_000): Promise<void> {
    const end = this.time.now + ms;
    while (!(await condition())) {
      if (this.time.now > end) throw new Error(`did not happen within ${ms} ms: ${condition}`);
      await this.run(20);
    }
  }

  async call(method: KubeRequest['method'], path: string, body?: unknown): Promise<unknown> {
    const request = {
      method,
      path,
      timeoutMs: 1_000,
      ...(body !== undefined && { body }),
      ...(method === 'PATCH' && { contentType: 'application/merge-patch+json' }),
    };
    const { status, body: answer } = await this.#admin.request(request);
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${answer.toString('utf8').slice(0, 300)}`);
    return JSON.parse(answer.toString('utf8'));
  }

  /** A pod that asks for `gpus` whole devices or a fraction. */
  async create(
    name: string,
    gpus: string,
    over: { annotations?: object; labels?: object; spec?: object } = {},
  ): Promise<void> {
    const asks = Number(gpus) < 1 ? { 'muster.dev/gpu-fraction': gpus } : { 'muster.dev/gpu-count': gpus };
    await this.call('POST', PODS, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, annotations: { ...asks, ...over.annotations }, labels: over.labels ?? {} },
      spec: {
        schedulerName: SCHEDULER_NAME,
        containers: [{ name: 'main', image: 'x', resources: { requests: { cpu: '100m' } } }],
        ...over.spec,
      },
    });
  }

  /** `count` members of a gang, named `<gang>-0` … */
  async gang(
    gang: string,
    count: number,
    gpus: string,
    over: { annotations?: object; spec?: object } = {},
  ): Promise<void> {
    for (let at = 0; at < count; at++)
      await this.create(`${gang}-${at}`, gpus, {
        labels: { 'muster.dev/pod-group': gang },
        annotations: { 'muster.dev/min-member': String(count), ...over.annotations },
        ...(over.spec !== undefined && { spec: over.spec }),
      });
  }

  podGroup(name: string, spec: object): Promise<unknown> {
    return this.call('POST', '/apis/muster.dev/v1alpha1/namespaces/team/podgroups', {
      apiVersion: 'muster.dev/v1alpha1',
      kind: 'PodGroup',
      metadata: { name },
      spec,
    });
  }

  remove(name: string): Promise<unknown> {
    return this.call('DELETE', `${PODS}/${name}?gracePeriodSeconds=0`);
  }

  async pods(): Promise<Map<string, PodObject>> {
    const { items } = (await this.call('GET', PODS)) as { items: PodObject[] };
    return new Map(items.map((pod) => [pod.metadata.name, pod]));
  }

  async pod(name: string): Promise<PodObject> {
    return (await this.pods()).get(name)!;
  }

  async bound(): Promise<string[]> {
    return [...(await this.pods()).values()]
      .filter((pod) => pod.spec.nodeName)
      .map((pod) => pod.metadata.name)
      .sort();
  }

  /** Most that any device holds, thousandths, by the claims of bound pods. */
  fullest(): number {
    let most = 0;
    for (const node of this.core.parts.picture.nodes.values()) most = Math.max(most, ...node.ledger.usedMilli);
    return most;
  }

  async stop(): Promise<void> {
    await this.#scheduler?.stop();
    if (!this.dead) this.kill();
    if (this.errors.length > 0) throw this.errors[0];
  }

  async #startScheduler(): Promise<void> {
    const { clock } = new Process('scheduler', this.time, new WallClock());
    const verbs: Transport = {
      request: async (request) => {
        const process = this.#process;
        if (process.dead) throw new TransportError('unsent', 'the extender is away');
        const verb = request.path.slice(request.path.lastIndexOf('/') + 1) as Verb;
        const died = new Promise<never>((_, reject) =>
          process.onEnd(() => reject(new TransportError('broken', 'it died'))),
        );
        died.catch(() => {});
        const answered = Promise.resolve(
          answerVerb(verb, Buffer.from(JSON.stringify(request.body)), {
            ...this.core,
            onFault: (_, error) => this.errors.push(error),
          }),
        );
        const { status, body } = await Promise.race([answered, died]);
        return { status, body, retryAfterSeconds: null };
      },
      stream: () => Promise.reject(new TransportError('unsent', 'extenders have no streams')),
      close: async () => {},
    };
    this.#scheduler = new Scheduler({
      transport: inProcess(this.api, 'scheduler'),
      clock,
      rng: seededRng(3),
      schedulerNames: [SCHEDULER_NAME],
      events: false,
      percentageOfNodesToScore: this.#options.percentageOfNodesToScore ?? 100,
      extenders: shippedExtenders(verbs),
    });
    const started = this.#scheduler.start();
    await this.run(50);
    await started;
  }

  #transportOf(process: Process): Transport {
    const real = inProcess(this.api, 'extender');
    const never = new Promise<never>(() => {});
    return {
      ...real,
      stream: (request) => real.stream(request),
      request: async (request) => {
        if (process.dead) return await never;
        if (request.method === 'GET') {
          const answer = await real.request(request);
          return process.dead ? await never : answer;
        }
        // gpu-milli of nodes is not what these tests are about
        const counted = request.path.includes('/pods/');
        const count = counted ? ++this.#count : 0;
        if (counted && this.dies?.(request, 'before', count)) process.kill();
        if (process.dead) return await never;
        // an answer takes its time
        await new Promise<void>((resolve) => this.time.after(1, resolve));
        const answer = this.answers?.(request) ?? (await real.request(request));
        if (counted) this.written.push(`${request.method} ${request.path.replace(PODS, '').replace(/\?.*/, '')}`);
        if (counted && this.dies?.(request, 'after', count)) process.kill();
        return process.dead ? await never : answer;
      },
    };
  }
}
