/**
 * Events (`v1`) as kubelet and the controllers write them: the first is created, the same about the same object again is counted on
 * it. Nobody waits for them, and a lost one is lost.
 */
import { LRUCache } from 'lru-cache';
import { mergePatch } from '../kube/patch.ts';
import type { Clock, KubeRequest, Transport } from '../kube/ports.ts';
import { type KubeObject, textAt, timestamp } from './api/object.ts';

const API_TIMEOUT_MS = 10_000;
const REMEMBERED = 4_096;
const LONGEST_MESSAGE = 1_024;

type Known = { readonly path: string; count: number };

export type TellEvent = (
  about: KubeObject,
  type: 'Normal' | 'Warning',
  reason: string,
  message: string,
  fieldPath?: string,
) => void;

export type EventLogOptions = {
  readonly transport: Transport;
  readonly clock: Clock;
  /** who tells: `kubelet`, `replicaset-controller` */
  readonly component: string;
};

export class EventLog {
  readonly #options: EventLogOptions;
  readonly #known = new LRUCache<string, Known>({ max: REMEMBERED });
  readonly #calls = new Set<Promise<unknown>>();
  #serial = 0;

  constructor(options: EventLogOptions) {
    this.#options = options;
  }

  readonly tell: TellEvent = (about, type, reason, message, fieldPath) => {
    const { clock, component } = this.#options;
    const { name, namespace, uid, resourceVersion } = about.metadata;
    const now = timestamp(clock.now());
    const key = [uid, type, reason, message, fieldPath].join('\n');
    const known = this.#known.get(key);
    if (known !== undefined) {
      known.count += 1;
      this.#send(
        mergePatch({ path: known.path, timeoutMs: API_TIMEOUT_MS }, { count: known.count, lastTimestamp: now }),
      );
      return;
    }
    this.#serial += 1;
    // like the real ones: the name of the object and a number that grows with time
    const unique = (BigInt(clock.now()) * 1_000_000n + BigInt(this.#serial % 1_000_000)).toString(16);
    // objects of the whole cluster have theirs in `default`
    const place = namespace ?? 'default';
    const path = `/api/v1/namespaces/${place}/events`;
    const node = component === 'kubelet' ? textAt(about.spec, 'nodeName') : '';
    const involved = { kind: about.kind, namespace, name, uid, apiVersion: about.apiVersion, resourceVersion };
    const event = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: `${name}.${unique}`, namespace: place },
      involvedObject: fieldPath === undefined ? involved : { ...involved, fieldPath },
      reason,
      message: message.length > LONGEST_MESSAGE ? `${message.slice(0, LONGEST_MESSAGE - 3)}...` : message,
      source: node === '' ? { component } : { component, host: node },
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1,
      type,
      reportingComponent: component,
      reportingInstance: node,
    };
    this.#known.set(key, { path: `${path}/${event.metadata.name}`, count: 1 });
    this.#send({ method: 'POST', path, body: event, timeoutMs: API_TIMEOUT_MS });
  };

  /** Resolves when nothing is under way. */
  async drain(): Promise<void> {
    await Promise.all(this.#calls);
  }

  #send(request: KubeRequest): void {
    const call = this.#options.transport
      .request(request)
      .catch(() => {})
      .finally(() => this.#calls.delete(call));
    this.#calls.add(call);
  }
}
