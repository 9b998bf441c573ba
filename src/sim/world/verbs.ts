/**
 * The wire between one kube-scheduler and its extender: the real verbs on encoded bytes, without sockets. What HTTP can do to a call it
 * does here: bodies and answers come late, in parts, cut, twice as long as anybody waits, or not at all.
 */
import type { ExtenderCore } from '../../extender/extender.ts';
import { answerVerb } from '../../extender/verbs/answer.ts';
import type { Verb } from '../../extender/verbs/verb.ts';
import { TransportError } from '../../kube/errors.ts';
import type { KubeRequest, KubeResponse, Transport } from '../../kube/ports.ts';
import type { Fault } from './chance.ts';
import type { FaultKind, Rates } from './faults.ts';
import type { Wiring } from './member.ts';
import type { Process } from './time.ts';

/** One run of the extender. */
export type RunningExtender = {
  readonly process: Process;
  readonly core: ExtenderCore;
  /** a verb threw: what the server would log and answer as its own failure */
  readonly onThrow: (verb: string, error: unknown) => void;
};

/** the extender that runs now, null while none does */
type Callee = () => RunningExtender | null;

const KINDS = [
  'verb-slow',
  'verb-late',
  'verb-lost',
  'verb-broken',
  'verb-parts',
  'verb-cut',
  'verb-reset',
  'reply-cut',
  'crash-called',
  'crash-before',
  'crash-after',
] as const satisfies readonly FaultKind[];
type VerbFault = Fault<(typeof KINDS)[number]> | null;

const MENUS = new WeakMap<Rates, readonly (readonly [(typeof KINDS)[number], number])[]>();

function menuOf(rates: Rates): readonly (readonly [(typeof KINDS)[number], number])[] {
  const known = MENUS.get(rates) ?? KINDS.map((kind) => [kind, rates[kind]] as const);
  MENUS.set(rates, known);
  return known;
}

/** in which evictions are made, victims end and the preemptor comes back */
const PREEMPTED_MS = 6_000;
const SLOWEST_MS = 5_000;
/** the shortest time-out of kube-scheduler's entries and a little more */
const PARTS_MS = 4_000;

export function verbTransport(scheduler: Process, wiring: Wiring, callee: Callee): Transport {
  return {
    request: (request) => call(scheduler, wiring, callee, request),
    stream: () => Promise.reject(new TransportError('unsent', 'extenders have no streams')),
    close: async () => {},
  };
}

function call(scheduler: Process, wiring: Wiring, callee: Callee, request: KubeRequest): Promise<KubeResponse> {
  const { promise, resolve, reject } = Promise.withResolvers<KubeResponse>();
  if (scheduler.dead) return promise;
  const { time, chance, trace, rates } = wiring;
  const verb = request.path.slice(request.path.lastIndexOf('/') + 1) as Verb;
  const extender = callee();
  const fail = (code: 'timeout' | 'broken' | 'unsent', after: number) =>
    time.after(after, () => reject(new TransportError(code, `${verb}: ${code}`)), scheduler);
  const fault: VerbFault = chance.fault(`verb ${scheduler.name}`, menuOf(rates));
  trace.note(scheduler.name, `${verb} ${bodyName(request.body)}${fault === null ? '' : ` !${fault.kind}`}`);
  if (fault?.kind === 'crash-before') {
    scheduler.kill();
    return promise;
  }
  if (extender === null || extender.process.dead) {
    fail('unsent', 1);
    return promise;
  }
  const timer = fail('timeout', request.timeoutMs);
  if (fault?.kind === 'verb-broken') {
    fail('broken', 1);
    return promise;
  }
  const forget = extender.process.onEnd(() => fail('broken', 1));
  const { there, back } = delays(fault, request.timeoutMs);
  // kube-scheduler gives up before the last part of the body is out
  if (fault?.kind === 'verb-parts' && there >= request.timeoutMs) return promise;
  const whole = Buffer.from(JSON.stringify(request.body));
  const body = fault?.kind === 'verb-cut' ? part(whole, fault.size) : whole;
  const arrived = async (): Promise<void> => {
    if (fault?.kind === 'crash-called' && fault.size < 0.5) extender.process.kill();
    if (extender.process.dead) return;
    const { status, body: answer } = await answerVerb(verb, body, {
      ...extender.core,
      onFault: extender.onThrow,
    });
    trace.note(extender.process.name, `${verb} ${bodyName(request.body)} → ${String(answer)}`);
    if (fault?.kind === 'crash-called') extender.process.kill();
    const soon =
      verb === 'preempt'
        ? chance.fault<FaultKind>(`preempt ${scheduler.name}`, [['crash-preempted', rates['crash-preempted']]])
        : null;
    if (soon !== null) time.after(Math.floor(soon.size * PREEMPTED_MS), () => extender.process.kill());
    if (fault?.kind === 'verb-lost' || extender.process.dead) return;
    if (fault?.kind === 'verb-reset') {
      fail('broken', 1);
      return;
    }
    time.after(
      1 + back,
      () => {
        timer.cancel();
        forget();
        const heard = fault?.kind === 'reply-cut' ? part(answer, fault.size) : answer;
        resolve({ status, body: heard, retryAfterSeconds: null });
      },
      scheduler,
    );
  };
  time.after(1 + there, () => void arrived(), extender.process);
  if (fault?.kind === 'crash-after') scheduler.kill();
  return promise;
}

/** ms on the way there and back */
function delays(fault: VerbFault, timeoutMs: number): { there: number; back: number } {
  const size = fault?.size ?? 0;
  if (fault?.kind === 'verb-late') return { there: 0, back: timeoutMs + Math.floor(size * SLOWEST_MS) };
  if (fault?.kind === 'verb-parts') return { there: Math.floor(size * PARTS_MS), back: 0 };
  if (fault?.kind !== 'verb-slow') return { there: 0, back: 0 };
  const ms = Math.floor(size * SLOWEST_MS);
  return size < 0.5 ? { there: ms, back: 0 } : { there: 0, back: ms };
}

const part = (bytes: Buffer, share: number): Buffer => bytes.subarray(0, Math.floor(share * bytes.length));

function bodyName(body: unknown): string {
  const { Pod, PodName, Node } = body as { Pod?: { metadata: { name: string } }; PodName?: string; Node?: string };
  return Pod?.metadata.name ?? `${PodName} ${Node}`;
}
