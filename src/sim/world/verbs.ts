/** The wire between one kube-scheduler and its extender: the real verbs on encoded bytes, without sockets. */
import { encodeBind } from '../../extender/codec/replies.ts';
import { decodeBind } from '../../extender/codec/requests.ts';
import { TEXTS } from '../../extender/errors.ts';
import type { ExtenderCore } from '../../extender/start.ts';
import { filter, filterFailure } from '../../extender/verbs/filter.ts';
import { preempt } from '../../extender/verbs/preempt.ts';
import { prioritize } from '../../extender/verbs/prioritize.ts';
import { plainText, requestFault } from '../../extender/verbs/verb.ts';
import { TransportError } from '../../kube/errors.ts';
import type { KubeRequest, KubeResponse, Transport } from '../../kube/ports.ts';
import type { Chance } from './chance.ts';
import type { FaultKind, Rates } from './faults.ts';
import type { Process, VirtualTime } from './time.ts';
import type { Trace } from './trace.ts';

/** One run of the extender. */
export type RunningExtender = {
  readonly process: Process;
  readonly core: ExtenderCore;
  /** a verb threw: what the server would log and answer as its own failure */
  readonly onThrow: (verb: string, error: unknown) => void;
};

type Reply = { readonly status: number; readonly body: Buffer };

/** As `server.ts` answers: patience first, and what throws is an answer. */
export async function answerVerb({ core, onThrow }: RunningExtender, verb: string, body: Buffer): Promise<Reply> {
  const { context, binder } = core;
  try {
    if (verb === 'bind') {
      const { error } = await binder.bind(decodeBind(body));
      return { status: 200, body: encodeBind(error) };
    }
    if (!context.deciding() && verb !== 'prioritize') await core.untilDeciding();
    const decide = verb === 'filter' ? filter : verb === 'preempt' ? preempt : prioritize;
    const answer = decide(body, context);
    context.onAnswer?.(answer);
    return answer;
  } catch (error) {
    const text = requestFault(error);
    if (text === null) onThrow(verb, error);
    if (verb === 'bind') return { status: 200, body: encodeBind(text ?? TEXTS.internal) };
    return verb === 'filter' ? filterFailure(TEXTS.internal) : plainText(500, TEXTS.internal, 'error');
  }
}

export type VerbWire = {
  readonly time: VirtualTime;
  readonly chance: Chance;
  readonly trace: Trace;
  readonly rates: Rates;
  /** the extender that runs now, null while none does */
  readonly extender: () => RunningExtender | null;
};

export function verbTransport(scheduler: Process, wire: VerbWire): Transport {
  return {
    request: (request) => call(scheduler, wire, request),
    stream: () => Promise.reject(new TransportError('unsent', 'extenders have no streams')),
    close: async () => {},
  };
}

function call(scheduler: Process, wire: VerbWire, request: KubeRequest): Promise<KubeResponse> {
  const { promise, resolve, reject } = Promise.withResolvers<KubeResponse>();
  if (scheduler.dead) return promise;
  const { time, chance, trace, rates } = wire;
  const verb = request.path.slice(request.path.lastIndexOf('/') + 1);
  const extender = wire.extender();
  const fail = (code: 'timeout' | 'broken' | 'unsent', after: number): void =>
    void time.after(after, () => reject(new TransportError(code, `${verb}: ${code}`)), scheduler);
  if (extender === null || extender.process.dead) {
    fail('unsent', 1);
    return promise;
  }
  const fault = chance.fault<FaultKind>(`verb ${scheduler.name}`, [
    ['verb-slow', rates['verb-slow']],
    ['verb-lost', rates['verb-lost']],
    ['verb-broken', rates['verb-broken']],
  ]);
  const body = Buffer.from(JSON.stringify(request.body));
  trace.note(scheduler.name, `${verb} ${bodyName(request.body)}${fault === null ? '' : ` !${fault.kind}`}`);
  fail('timeout', request.timeoutMs);
  if (fault?.kind === 'verb-broken') {
    fail('broken', 1);
    return promise;
  }
  extender.process.onEnd(() => fail('broken', 1));
  const slow = fault?.kind === 'verb-slow' ? Math.floor(fault.size * 5_000) : 0;
  const there = fault !== null && fault.size < 0.5 ? slow : 0;
  time.after(
    1 + there,
    () => {
      void answerVerb(extender, verb, body).then((reply) => {
        trace.note(extender.process.name, `${verb} ${bodyName(request.body)} → ${String(reply.body)}`);
        if (fault?.kind === 'verb-lost' || extender.process.dead) return;
        time.after(1 + slow - there, () => resolve({ ...reply, retryAfterSeconds: null }), scheduler);
      });
    },
    extender.process,
  );
  return promise;
}

function bodyName(body: unknown): string {
  const { Pod, PodName, Node } = body as { Pod?: { metadata: { name: string } }; PodName?: string; Node?: string };
  return Pod?.metadata.name ?? `${PodName} ${Node}`;
}
