/** What an extender is asked about: the cluster's nodes by name, and pods like those that wait in it. Only reads. */
import { applyPatch } from 'rfc6902';
import { mutatePod } from '../../admission/mutate.ts';
import { GPU_COUNT, GPU_FRACTION, GUARDED_KEYS, GUARDED_PREFIXES } from '../../core/names.ts';
import type { Transport } from '../../kube/ports.ts';
import { UsageError } from '../errors.ts';

const PAGE = 500;
const TIMEOUT_MS = 30_000;

type Metadata = {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  annotations?: Record<string, string>;
  managedFields?: unknown;
  deletionTimestamp?: string;
};
export type AskedPod = { metadata: Metadata; spec: Record<string, unknown>; status?: Record<string, unknown> };

export type Asked = {
  readonly pods: readonly AskedPod[];
  /** for people: where they come from */
  readonly origin: string;
};

/** What does not wait is asked about under the uid and the name of nobody. */
const ASKED_AS = { uid: '00000000-0000-4000-8000-6d7573746572', name: 'muster-bench' };

/** Names of all nodes. Throws UsageError where there is none, or where they may not be read. */
export async function nodeNames(api: Transport): Promise<string[]> {
  const names: string[] = [];
  let token = '';
  do {
    const query = `limit=${PAGE}${token === '' ? '' : `&continue=${encodeURIComponent(token)}`}`;
    const page = await get<Metadata>(api, `/api/v1/nodes?${query}`, 'nodes');
    names.push(...page.items.map(({ metadata }) => metadata.name));
    token = page.next;
  } while (token !== '');
  if (names.length === 0) throw new UsageError('the cluster has no nodes to ask about');
  return names;
}

/**
 * Up to `most` pods of this scheduler: those that wait; where none waits, those that run, as they were before; where there are none
 * either, usual shares.
 */
export async function askedPods(api: Transport, schedulerName: string, most: number): Promise<Asked> {
  const of = `fieldSelector=${encodeURIComponent(`spec.schedulerName=${schedulerName}`)}`;
  const waitingOf = `fieldSelector=${encodeURIComponent(`spec.schedulerName=${schedulerName},spec.nodeName=`)}`;
  const waiting = await pods(api, waitingOf);
  if (waiting.length > 0) {
    const taken = spread(waiting, most);
    return { pods: taken.map(asSent), origin: `${count(taken.length, 'pod')} of ${waiting.length} that wait` };
  }
  const running = await pods(api, of);
  if (running.length > 0) {
    const taken = spread(running, most);
    return {
      pods: taken.map(asNew),
      origin: `no pod waits: ${count(taken.length, 'pod')} of ${running.length} that run, as they were`,
    };
  }
  return {
    pods: usual(schedulerName),
    origin: `no pod of ${schedulerName} is there: a quarter, a half, one and two GPUs`,
  };
}

/** One page is enough: what is asked about are kinds of pods. */
async function pods(api: Transport, query: string): Promise<AskedPod[]> {
  const { items } = await get<Metadata>(api, `/api/v1/pods?limit=${PAGE}&${query}`, 'pods');
  return (items as unknown as AskedPod[]).filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

/** As kube-scheduler sends it: the same state of the same pod, which the extender may know already. */
function asSent({ metadata, spec, status = {} }: AskedPod): AskedPod {
  const { managedFields: _fields, ...kept } = metadata;
  return { metadata: kept, spec, status };
}

/** As it was before kube-scheduler and Muster placed it. */
function asNew({ metadata, spec }: AskedPod): AskedPod {
  const { nodeName: _placed, ...asked } = spec;
  const { managedFields: _fields, resourceVersion: _state, annotations = {}, ...rest } = metadata;
  const kept = Object.entries(annotations).filter(
    ([key]) =>
      !(GUARDED_KEYS as readonly string[]).includes(key) && !GUARDED_PREFIXES.some((prefix) => key.startsWith(prefix)),
  );
  return {
    metadata: { ...rest, ...ASKED_AS, annotations: Object.fromEntries(kept) },
    spec: asked,
    status: { phase: 'Pending' },
  };
}

/** What the webhook makes of pods that many clusters see. */
function usual(schedulerName: string): AskedPod[] {
  const shapes = [{ [GPU_FRACTION]: '0.25' }, { [GPU_FRACTION]: '0.5' }, { [GPU_COUNT]: '1' }, { [GPU_COUNT]: '2' }];
  return shapes.map((annotations) => {
    const pod: AskedPod = {
      metadata: { ...ASKED_AS, namespace: 'default', annotations },
      spec: {
        schedulerName,
        containers: [{ name: 'main', image: 'none', resources: { requests: { cpu: '1', memory: '1Gi' } } }],
      },
      status: { phase: 'Pending' },
    };
    const mutation = mutatePod(pod, 'default', {
      schedulerNames: [schedulerName],
      runtimeClassName: null,
      runtimeClassExists: () => false,
      largestDeviceMib: 1,
      dialects: { aliyunUnit: 'GiB' },
    });
    if (mutation.kind === 'patched') applyPatch(pod, [...mutation.patch] as Parameters<typeof applyPatch>[1]);
    return pod;
  });
}

/** Evenly over the list: neighbours are often copies of each other. */
function spread<T>(all: readonly T[], most: number): T[] {
  const taken = Math.min(all.length, most);
  return Array.from({ length: taken }, (_, at) => all[Math.floor((at * all.length) / taken)]!);
}

async function get<M>(
  api: Transport,
  path: string,
  what: string,
): Promise<{ items: readonly { metadata: M }[]; next: string }> {
  const { status, body } = await api.request({ method: 'GET', path, timeoutMs: TIMEOUT_MS });
  if (status === 401 || status === 403)
    throw new UsageError(
      `the API server does not let this user list ${what} (${status}): choose a kubeconfig that may`,
    );
  if (status !== 200) throw new UsageError(`the API server answered ${status} to a list of ${what}`);
  const list = JSON.parse(body.toString('utf8')) as { items: { metadata: M }[]; metadata?: { continue?: string } };
  return { items: list.items, next: list.metadata?.continue ?? '' };
}

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`;
