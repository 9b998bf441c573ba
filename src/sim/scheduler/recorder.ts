/**
 * The Events of a scheduler (`events.k8s.io/v1`): a new one is created, the first repetition of the same about the same state
 * of the same pod makes it a series, later ones are only counted here. Nobody waits for them, and a lost one is lost.
 */
import { LRUCache } from 'lru-cache';
import { mergePatch } from '../../kube/patch.ts';
import type { Clock, Transport } from '../../kube/ports.ts';
import type { PodInfo } from './pod-info.ts';

export type Told = {
  readonly type: 'Normal' | 'Warning';
  readonly reason: 'FailedScheduling' | 'Scheduled' | 'Preempted';
  readonly action: 'Scheduling' | 'Binding' | 'Preempting';
  readonly note: string;
};

const API_TIMEOUT_MS = 10_000;
const LONGEST_NOTE = 1024;
const REMEMBERED = 4_096;

type Known = { readonly path: string; count: number };

export class Recorder {
  readonly #transport: Transport;
  readonly #clock: Clock;
  readonly #known = new LRUCache<string, Known>({ max: REMEMBERED });
  readonly #calls = new Set<Promise<unknown>>();
  #serial = 0;

  constructor(transport: Transport, clock: Clock) {
    this.#transport = transport;
    this.#clock = clock;
  }

  tell(info: PodInfo, schedulerName: string, { type, reason, action, note }: Told): void {
    const { namespace, name, uid } = info;
    const { resourceVersion } = info.pod.metadata;
    const key = [uid, resourceVersion, reason, note].join('\n');
    const known = this.#known.get(key);
    if (known) {
      known.count += 1;
      if (known.count === 2) this.#send(mergePatch({ path: known.path, timeoutMs: API_TIMEOUT_MS }, this.#series(2)));
      return;
    }
    this.#serial += 1;
    // like the real ones: the name of the object and a number that grows with time
    const unique = (BigInt(this.#clock.now()) * 1_000_000n + BigInt(this.#serial % 1_000_000)).toString(16);
    const events = `/apis/events.k8s.io/v1/namespaces/${namespace}/events`;
    const event = {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: `${name}.${unique}`, namespace },
      eventTime: this.#now(),
      reportingController: schedulerName,
      reportingInstance: `${schedulerName}-sim`,
      action,
      reason,
      regarding: { kind: 'Pod', namespace, name, uid, apiVersion: 'v1', resourceVersion },
      note: note.length > LONGEST_NOTE ? `${note.slice(0, LONGEST_NOTE - 3)}...` : note,
      type,
    };
    this.#known.set(key, { path: `${events}/${event.metadata.name}`, count: 1 });
    this.#send({ method: 'POST', path: events, body: event, timeoutMs: API_TIMEOUT_MS });
  }

  /** Resolves when nothing is under way. */
  async drain(): Promise<void> {
    await Promise.all(this.#calls);
  }

  #series(count: number): object {
    return { series: { count, lastObservedTime: this.#now() } };
  }

  #now(): string {
    return new Date(this.#clock.now()).toISOString().replace('Z', '000Z');
  }

  #send(request: Parameters<Transport['request']>[0]): void {
    const call = this.#transport
      .request(request)
      .catch(() => {})
      .finally(() => this.#calls.delete(call));
    this.#calls.add(call);
  }
}
