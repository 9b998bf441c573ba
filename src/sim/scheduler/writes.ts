/** What kube-scheduler writes: the condition and nomination of a pod, the end of a victim, a Binding, the state of a pod group. */
import { strategicPatch } from '../../kube/patch.ts';
import type { Clock, Transport } from '../../kube/ports.ts';
import { readStatus } from '../../kube/status-error.ts';
import { arrayAt, type JsonObject, type KubeObject, textAt, timestamp } from '../api/object.ts';
import { SchedulerError } from './errors.ts';
import type { PodInfo } from './pod-info.ts';

const API_TIMEOUT_MS = 10_000;

/** Every method throws SchedulerError `api` when the server refuses, and TransportError when it does not answer. */
export class SchedulerWrites {
  readonly #transport: Transport;
  readonly #clock: Clock;

  constructor(transport: Transport, clock: Clock) {
    this.#transport = transport;
    this.#clock = clock;
  }

  /**
   * PodScheduled=False and the nomination ('' ends it, null leaves it), compared with the pod as its cycle saw it: nothing is
   * written where nothing differs.
   */
  async unscheduled(seen: PodInfo, reason: string, message: string, nominated: string | null): Promise<void> {
    const known = arrayAt(seen.pod.status, 'conditions').find((one) => textAt(one, 'type') === 'PodScheduled');
    const same = textAt(known, 'reason') === reason && textAt(known, 'message') === message;
    const renominated = nominated !== null && nominated !== seen.nominated;
    if (same && !renominated) return;
    const unchanged = textAt(known, 'status') === 'False';
    const condition = {
      type: 'PodScheduled',
      ...observed(seen.pod),
      status: 'False',
      reason,
      message,
      lastProbeTime: null,
      lastTransitionTime: unchanged ? textAt(known, 'lastTransitionTime') : timestamp(this.#clock.now()),
    };
    await this.#patchPodStatus(seen, {
      conditions: [condition],
      ...(renominated ? { nominatedNodeName: nominated === '' ? null : nominated } : {}),
    });
  }

  /** A pod nominated to a node that a more important one took. */
  async withdrawNomination(info: PodInfo): Promise<void> {
    await this.#patchPodStatus(info, { nominatedNodeName: null });
  }

  /** DisruptionTarget, then a plain DELETE: kube-scheduler does not use the Eviction API. */
  async evict(victim: PodInfo, schedulerName: string): Promise<void> {
    const condition = {
      type: 'DisruptionTarget',
      ...observed(victim.pod),
      status: 'True',
      reason: 'PreemptionByScheduler',
      message: `${schedulerName}: preempting to accommodate a higher priority pod`,
      lastProbeTime: null,
      lastTransitionTime: timestamp(this.#clock.now()),
    };
    await this.#patchPodStatus(victim, { conditions: [condition] });
    await this.#send('DELETE', podPath(victim), { preconditions: { uid: victim.uid } });
  }

  async bind(info: PodInfo, node: string): Promise<void> {
    await this.#send('POST', `${podPath(info)}/binding`, {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name: info.name, namespace: info.namespace, uid: info.uid },
      target: { apiVersion: 'v1', kind: 'Node', name: node },
    });
  }

  /** `PodGroupInitiallyScheduled` never goes back from True. */
  async groupScheduled(group: KubeObject, status: 'True' | 'False', reason: string, message: string): Promise<void> {
    const known = arrayAt(group.status, 'conditions').find(
      (one) => textAt(one, 'type') === 'PodGroupInitiallyScheduled',
    );
    if (textAt(known, 'status') === 'True') return;
    if (textAt(known, 'status') === status && textAt(known, 'message') === message) return;
    const { name, namespace, uid } = group.metadata;
    const lastTransitionTime =
      textAt(known, 'status') === status ? textAt(known, 'lastTransitionTime') : timestamp(this.#clock.now());
    const condition = { type: 'PodGroupInitiallyScheduled', status, reason, message, lastTransitionTime };
    await this.#patch(`/apis/${group.apiVersion}/namespaces/${namespace}/podgroups/${name}/status`, {
      metadata: { uid },
      status: { conditions: [condition] },
    });
  }

  async #patchPodStatus(info: PodInfo, status: JsonObject): Promise<void> {
    await this.#patch(`${podPath(info)}/status`, { metadata: { uid: info.uid }, status });
  }

  /** What is gone already needs nothing more. */
  async #patch(path: string, body: JsonObject): Promise<void> {
    const answer = await this.#transport.request(strategicPatch({ path, timeoutMs: API_TIMEOUT_MS }, body));
    if (answer.status >= 300 && answer.status !== 404)
      throw new SchedulerError('api', `PATCH ${path}: ${readStatus(answer).message}`);
  }

  async #send(method: 'POST' | 'DELETE', path: string, body: unknown): Promise<void> {
    const answer = await this.#transport.request({ method, path, body, timeoutMs: API_TIMEOUT_MS });
    if (answer.status >= 300) throw new SchedulerError('api', readStatus(answer).message);
  }
}

function observed(object: KubeObject): JsonObject {
  const { generation } = object.metadata;
  return generation === undefined ? {} : { observedGeneration: generation };
}

export function podPath(info: PodInfo): string {
  return `/api/v1/namespaces/${info.namespace}/pods/${info.name}`;
}
