/**
 * One bind again, by itself: the real binder with a plan, an API that answers what it answered then, and no time but that of
 * these answers. So what it sends and what it says in the end follow from the recording alone.
 */
import type { BindPlan, Decider } from '../../cluster/decider.ts';
import type { Device } from '../../core/gpu/device.ts';
import { TransportError, type TransportErrorCode } from '../../kube/errors.ts';
import type { Clock, Transport } from '../../kube/ports.ts';
import { TEXTS } from '../errors.ts';
import { Binder, type BindResult } from '../verbs/bind.ts';
import type { Note, PodRef } from './format.ts';

export type Call = Extract<Note, { call: number }>;
export type Called = Extract<Note, { called: number }>;
export type Bound = Extract<Note, { bound: number }>;

export type RecordedBind = {
  readonly at: number;
  readonly pod: PodRef;
  readonly node: string;
  readonly plan: BindPlan;
  readonly calls: readonly { readonly call: Call; readonly called: Called }[];
  readonly bound: Bound;
};

/** null: it went the same way; else what is different. */
export async function replayBind(
  bind: RecordedBind,
  devices: readonly Device[],
  deadlineMs: number,
): Promise<{ recorded: string; replayed: string } | null> {
  const script = [...bind.calls];
  let now = bind.at;
  let odd: { recorded: string; replayed: string } | null = null;
  const clock: Clock = {
    now: () => now,
    monotonic: () => now,
    after: (ms, run) => {
      // a pause ends when the next call was made; reading back after an unknown outcome is no part of the bind
      now = script[0]?.call.at ?? now + ms;
      if (script.length > 0 || bind.bound.outcome !== 'unknown') queueMicrotask(run);
      return { cancel: () => {} };
    },
  };
  const transport: Transport = {
    async request({ method, path, body }) {
      const next = script.shift();
      const sent = `${method} ${path.split('?')[0]} ${JSON.stringify(body ?? null)}`;
      const then =
        next === undefined
          ? 'no call'
          : `${next.call.method} ${next.call.path} ${JSON.stringify(next.call.body ?? null)}`;
      if (sent !== then) odd ??= { recorded: then, replayed: sent };
      if (next === undefined) throw new TransportError('unsent', 'nothing was sent then');
      now = next.called.at;
      const { status, why, retryAfter, body: seen } = next.called;
      if (status === 0) throw new TransportError(why as TransportErrorCode, 'as it was then');
      return { status, body: Buffer.from(JSON.stringify(seen ?? {})), retryAfterSeconds: retryAfter ?? null };
    },
    stream: () => Promise.reject(new TransportError('unsent', 'binds have no streams')),
    close: async () => {},
  };
  const nothing = (): void => {};
  const decider = {
    // whoever got as far as a plan had passed the barrier
    gangAtBind: () => null,
    beginBind: () => bind.plan,
    bindLanded: nothing,
    bindRefused: nothing,
    bindUnknown: nothing,
    bindReadBack: nothing,
  } satisfies Partial<Decider>;
  const binder = new Binder({
    decider: decider as unknown as Decider,
    transport,
    clock,
    // the shortest pause where another call followed, the longest where it was given up
    rng: { next: () => (script.length > 0 ? 0 : 1 - Number.EPSILON) },
    // leadership may have been lost before the first call or between two
    mayBind: () => script.length > 0 || bind.bound.error !== TEXTS['not-deciding'] || now === bind.at,
    deadlineMs,
    devices: () => devices,
  });
  const { uid, namespace, name } = bind.pod;
  const result = await binder.bind({ uid, namespace, name, node: bind.node });
  await binder.drain();
  const recorded = said(bind.bound);
  const replayed = said(result);
  if (odd === null && recorded !== replayed) odd = { recorded, replayed };
  return odd;
}

const said = ({ error, outcome }: Pick<Bound | BindResult, 'error' | 'outcome'>): string =>
  `${outcome}${error === '' ? '' : `: ${error}`}`;
