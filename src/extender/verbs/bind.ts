/**
 * bind: the commit point. In the good case exactly one API call: the Binding with the claim as annotations and the pod's uid
 * as precondition.
 *
 * States of one bind, from the call to the moment nothing depends on it any more:
 *
 *   gathering  a gang's member waits at the barrier (barrier.ts) until enough of the gang are here. Nothing is marked yet.
 *   checking   `beginBind` re-checks and marks the hold. It may refuse, or say that the pod is bound already: to this node is
 *              success, to another an error. No API call was made.
 *   sending    the Binding is on its way; its deadline is `deadlineMs` after the call began, for all attempts together. Before
 *              every attempt leadership is asked again: none goes out after the renewal margin.
 *     2xx            → landed. The hold stays until the informer shows the pod bound.
 *     429            → nothing was done; sent again after the time the server asks for, if that is before the deadline,
 *                      else refused.
 *     409            → conflict: the pod is read to see which (no text is compared).
 *     404, other 4xx → refused: the hold ends.
 *     not sent       → refused: no byte left this process.
 *     5xx, timeout, broken connection → unknown.
 *   conflict   one GET. Bound to this node: adopted as landed (an earlier Binding of ours arrived, its claim stands on the pod).
 *              Bound elsewhere, gone, another uid, unbound: refused. No answer: unknown.
 *   unknown    the caller hears an error at once, the hold stays. When the deadline of the call has passed (the server got it
 *              as `timeout`, so it gives up too), the pod is read back.
 *   reading    GET, tried again with backoff until answered: bound to a node, or not (gone, another uid, no node). Then the
 *              books are told, and that is all. A process that dies here finds the truth in its first list.
 *
 * A second bind for the same uid while the first is checking, sending or in conflict joins it (same node: same answer); while
 * it is unknown or reading, `beginBind` refuses it. So two Bindings of one pod are never under way.
 */
import type { BindPlan, Decider } from '../../cluster/decider.ts';
import { bindAnnotations } from '../../core/gpu/bind-annotations.ts';
import type { Claim } from '../../core/gpu/claim.ts';
import type { Device } from '../../core/gpu/device.ts';
import { REASONS } from '../../core/reasons.ts';
import { backoffMs } from '../../kube/backoff.ts';
import { TransportError } from '../../kube/errors.ts';
import type { Clock, KubeResponse, Rng, Timer, Transport } from '../../kube/ports.ts';
import type { BindRequest } from '../codec/requests.ts';
import { TEXTS } from '../errors.ts';
import { GangBarrier } from './barrier.ts';

export const BIND_OUTCOMES = ['landed', 'adopted', 'refused', 'unknown', 'not-sent'] as const;
export type BindOutcome = (typeof BIND_OUTCOMES)[number];

/** error '' is success */
export type BindResult = { readonly error: string; readonly outcome: BindOutcome };

export type BinderOptions = {
  readonly decider: Decider;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly mayBind: () => boolean;
  /** ms from the call to the last byte of its answer */
  readonly deadlineMs: number;
  /** the devices of a node as known now: a share of a whole device's memory gets no memory limit */
  readonly devices: (node: string) => readonly Device[];
  readonly onReadBack?: (request: Pick<BindRequest, 'uid' | 'namespace' | 'name'>, node: string | null) => void;
};

type PodRef = Pick<BindRequest, 'uid' | 'namespace' | 'name'>;
type Attempt = { readonly node: string; readonly since: number; readonly result: Promise<BindResult> };
/** what a GET of the pod says: `node` null for unbound, gone or another uid */
type Seen =
  | { readonly kind: 'pod'; readonly node: string | null }
  | { readonly kind: 'no-answer'; retryAfter: number | null };

export class Binder {
  readonly #options: BinderOptions;
  readonly #barrier: GangBarrier;
  readonly #inFlight = new Map<string, Attempt>();
  readonly #readingBack = new Map<string, Timer | null>();
  #closed = false;

  constructor(options: BinderOptions) {
    this.#options = options;
    this.#barrier = new GangBarrier(options);
  }

  /** Never rejects on what the API server or the network does. */
  bind(request: BindRequest): Promise<BindResult> {
    const running = this.#inFlight.get(request.uid);
    if (running !== undefined) {
      if (running.node === request.node) return running.result;
      return Promise.resolve(notSent(TEXTS['bind-in-flight']));
    }
    if (this.#closed || !this.#options.mayBind()) return Promise.resolve(notSent(TEXTS['not-deciding']));
    const passed = this.#barrier.pass(request.uid, request.node);
    if (passed === 'go') return this.#begin(request);
    return passed.then((answer) =>
      answer === 'go'
        ? this.#begin(request)
        : notSent(answer === 'closed' ? TEXTS['not-deciding'] : TEXTS[`gang-${answer}`]),
    );
  }

  #begin(request: BindRequest): Promise<BindResult> {
    if (!this.#options.mayBind()) return Promise.resolve(notSent(TEXTS['not-deciding']));
    const plan = this.#options.decider.beginBind(request, request.node);
    if (plan.kind !== 'bind') return Promise.resolve(withoutCall(plan, request.node));
    const result = this.#send(request, plan.claim).finally(() => this.#inFlight.delete(request.uid));
    this.#inFlight.set(request.uid, { node: request.node, since: this.#options.clock.monotonic(), result });
    return result;
  }

  /** Members that wait for the others of their gang. */
  get gathering(): number {
    return this.#barrier.waiting;
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  get readingBack(): number {
    return this.#readingBack.size;
  }

  /** ms since the oldest bind in flight began; 0 without one. More than three deadlines means that it hangs. */
  get oldestMs(): number {
    const [oldest] = this.#inFlight.values();
    return oldest === undefined ? 0 : this.#options.clock.monotonic() - oldest.since;
  }

  /** Reads a pod until the API server answers, then tells the books. Also for landed Bindings that no informer shows. */
  readBack(pod: PodRef): void {
    if (this.#closed || this.#readingBack.has(pod.uid)) return;
    this.#readingBack.set(pod.uid, null);
    void this.#read(pod, 1);
  }

  /** No new bind from now on; resolves when those in flight have their answers. Read-backs end. */
  async drain(): Promise<void> {
    this.#closed = true;
    this.#barrier.close();
    await Promise.allSettled([...this.#inFlight.values()].map(({ result }) => result));
    for (const timer of this.#readingBack.values()) timer?.cancel();
    this.#readingBack.clear();
  }

  async #send(request: BindRequest, claim: Claim | null): Promise<BindResult> {
    const { decider, clock, deadlineMs, rng, mayBind } = this.#options;
    const deadline = clock.monotonic() + deadlineMs;
    const body = binding(request, claim === null ? null : bindAnnotations(claim, this.#options.devices(request.node)));
    for (let attempt = 1; ; attempt++) {
      const left = Math.floor(deadline - clock.monotonic());
      if (left < 1 || !mayBind()) return this.#refused(request, left < 1 ? TEXTS['bind-busy'] : TEXTS['not-deciding']);
      let response: KubeResponse;
      try {
        response = await this.#options.transport.request({
          method: 'POST',
          path: `${podPath(request)}/binding?timeout=${left}ms`,
          body,
          timeoutMs: left,
        });
      } catch (error) {
        if (error instanceof TransportError && error.code === 'unsent')
          return this.#refused(request, TEXTS['bind-unsent']);
        return this.#unknown(request, deadline);
      }
      const { status } = response;
      if (status >= 200 && status < 300) {
        decider.bindLanded(request.uid);
        return { error: '', outcome: 'landed' };
      }
      if (status >= 500) return this.#unknown(request, deadline);
      if (status === 409) return await this.#conflict(request, deadline);
      if (status !== 429) return this.#refused(request, refusalText(status));
      const pause = backoffMs(attempt, response.retryAfterSeconds, rng);
      if (clock.monotonic() + pause >= deadline) return this.#refused(request, TEXTS['bind-busy']);
      await new Promise<void>((resolve) => clock.after(pause, resolve));
    }
  }

  async #conflict(request: BindRequest, deadline: number): Promise<BindResult> {
    const seen = await this.#get(request);
    if (seen.kind === 'no-answer') return this.#unknown(request, deadline);
    if (seen.node === null) return this.#refused(request, TEXTS['bind-conflict']);
    if (seen.node !== request.node) return this.#refused(request, TEXTS['bound-elsewhere']);
    this.#options.decider.bindLanded(request.uid);
    return { error: '', outcome: 'adopted' };
  }

  #refused(request: BindRequest, text: string): BindResult {
    this.#options.decider.bindRefused(request.uid);
    return { error: text, outcome: 'refused' };
  }

  #unknown(request: BindRequest, deadline: number): BindResult {
    const { decider, clock } = this.#options;
    decider.bindUnknown(request.uid);
    const { uid } = request;
    const timer = clock.after(Math.max(0, deadline - clock.monotonic()), () => void this.#read(request, 1));
    this.#readingBack.set(uid, timer);
    return { error: TEXTS['bind-unknown'], outcome: 'unknown' };
  }

  async #read(pod: PodRef, attempt: number): Promise<void> {
    const seen = await this.#get(pod);
    // drained meanwhile: the next process lists the pods anyway
    if (!this.#readingBack.has(pod.uid)) return;
    const { clock, decider, rng, onReadBack } = this.#options;
    if (seen.kind === 'no-answer') {
      const pause = backoffMs(attempt, seen.retryAfter, rng);
      this.#readingBack.set(
        pod.uid,
        clock.after(pause, () => void this.#read(pod, attempt + 1)),
      );
      return;
    }
    this.#readingBack.delete(pod.uid);
    decider.bindReadBack(pod.uid, seen.node);
    onReadBack?.(pod, seen.node);
  }

  async #get(pod: PodRef): Promise<Seen> {
    try {
      const response = await this.#options.transport.request({
        method: 'GET',
        path: podPath(pod),
        timeoutMs: this.#options.deadlineMs,
      });
      if (response.status === 404) return { kind: 'pod', node: null };
      if (response.status !== 200) return { kind: 'no-answer', retryAfter: response.retryAfterSeconds };
      const { metadata, spec } = JSON.parse(response.body.toString('utf8')) as {
        metadata?: { uid?: unknown };
        spec?: { nodeName?: unknown };
      };
      if (typeof metadata?.uid !== 'string') return { kind: 'no-answer', retryAfter: null };
      const bound = metadata.uid === pod.uid && typeof spec?.nodeName === 'string' && spec.nodeName !== '';
      return { kind: 'pod', node: bound ? (spec.nodeName as string) : null };
    } catch {
      // TransportError or a body that is cut off: nothing was learnt
      return { kind: 'no-answer', retryAfter: null };
    }
  }
}

function binding(request: BindRequest, annotations: Record<string, string> | null): object {
  const { name, namespace, uid, node } = request;
  return {
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { name, namespace, uid, ...(annotations !== null && { annotations }) },
    target: { apiVersion: 'v1', kind: 'Node', name: node },
  };
}

const podPath = ({ namespace, name }: PodRef): string =>
  `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}`;

const notSent = (error: string): BindResult => ({ error, outcome: 'not-sent' });

function withoutCall(plan: Exclude<BindPlan, { kind: 'bind' }>, node: string): BindResult {
  if (plan.kind === 'already-bound') {
    return plan.node === node ? { error: '', outcome: 'adopted' } : notSent(TEXTS['bound-elsewhere']);
  }
  const { code } = plan;
  if (code === 'pod-unknown' || code === 'pod-terminating' || code === 'bind-in-flight') return notSent(TEXTS[code]);
  return notSent(REASONS[code].text);
}

function refusalText(status: number): string {
  if (status === 404) return TEXTS['bind-not-found'];
  return status === 401 || status === 403 ? TEXTS['bind-forbidden'] : TEXTS['bind-refused'];
}
