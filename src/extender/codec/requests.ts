/** Bodies of the four verbs → what the verbs work on. Throws ExtenderError with a text for people; never anything else. */
import type { PreemptCandidate } from '../../cluster/decider.ts';
import type { PodFacts } from '../../core/placement/pod-facts.ts';
import { ExtenderError, malformed } from '../errors.ts';
import { anyCase, isObject, parseObject } from './json.ts';
import type { NameList, NameLists } from './name-lists.ts';

/** Beside the names there is little but the pod, and etcd keeps no object above 1.5 MiB. Reading more would stop everybody else. */
const MOST_POD_BYTES = 2 * 1024 * 1024;

/** A Pod as JSON → facts; null without uid, namespace and name. */
export type ProjectPod = (object: unknown) => PodFacts | null;

/** The facts of a pod without a node in just this state, where an informer has shown it; undefined otherwise. */
export type KnownPod = (uid: string, resourceVersion: string) => PodFacts | undefined;

/** How kube-scheduler's Go side begins a body, up to what names a state of a pod; longer beginnings are read as any other. */
const HEAD =
  /^\{"Pod":\{"metadata":\{"name":"[^"\\]*",(?:"generateName":"[^"\\]*",)?"namespace":"[^"\\]*","uid":"([^"\\]+)","resourceVersion":"([^"\\]+)"/;
const HEAD_BYTES = 1024;

export type NodesRequest = {
  readonly pod: PodFacts;
  readonly list: NameList;
  /** the Node objects of a scheduler that is not nodeCacheCapable, in the order of `list`; null from one that is */
  readonly items: readonly unknown[] | null;
};

export type BindRequest = {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly node: string;
};

export type PreemptRequest = { readonly pod: PodFacts; readonly candidates: readonly PreemptCandidate[] };

/**
 * Hot: filter and prioritize. Uid and resourceVersion name one state of one pod for ever, and the informer read the same object
 * with the same code: where it has shown that state already, the pod (two thirds of a call with few names) is not read again.
 */
export function decodeNodes(body: Buffer, lists: NameLists, projectPod: ProjectPod, known?: KnownPod): NodesRequest {
  const region = lists.find(body);
  if (region !== null) {
    const pod = known === undefined ? undefined : knownPod(body, region.keyAt, known);
    if (pod !== undefined) return { pod, list: region.list, items: null };
    refuseLarge(region.keyAt);
    const head = tryParse(body, region.keyAt);
    if (head !== null) return { pod: podOf(head, projectPod), list: region.list, items: null };
  }
  return decodeNodesSlowly(body, lists, projectPod);
}

/** The same without looking at bytes; also what `decodeNodes` is compared with in tests. */
export function decodeNodesSlowly(body: Buffer, lists: NameLists, projectPod: ProjectPod): NodesRequest {
  const args = parseObject(body);
  const names = anyCase(args, 'NodeNames') ?? null;
  if (names !== null) {
    if (!Array.isArray(names)) throw malformed('NodeNames is not a list');
    const list = lists.ofValues(names, 'NodeNames');
    refuseLarge(body.length - list.bytes.length);
    return { list, pod: podOf(args, projectPod), items: null };
  }
  const nodes = anyCase(args, 'Nodes') ?? null;
  if (nodes === null) throw malformed('neither NodeNames nor Nodes is given');
  const items = isObject(nodes) ? (anyCase(nodes, 'items') ?? []) : null;
  if (!Array.isArray(items)) throw malformed('Nodes is not a list of nodes');
  const list = lists.ofValues(items.map(nodeName), 'Nodes.items');
  return { list, pod: podOf(args, projectPod), items };
}

export function decodePreempt(body: Buffer, projectPod: ProjectPod): PreemptRequest {
  const args = parseObject(body);
  const meta = anyCase(args, 'NodeNameToMetaVictims') ?? null;
  const full = anyCase(args, 'NodeNameToVictims') ?? null;
  const key = meta !== null ? 'NodeNameToMetaVictims' : 'NodeNameToVictims';
  const byNode = meta ?? full ?? {};
  if (!isObject(byNode)) throw malformed(`${key} is not an object`);
  const candidates = Object.entries(byNode).map(([node, victims]) => ({
    node,
    victims: victimUids(victims, key, meta !== null),
    pdbViolations: violationsOf(victims),
  }));
  return { pod: podOf(args, projectPod), candidates };
}

function violationsOf(victims: unknown): number {
  const count = isObject(victims) ? anyCase(victims, 'NumPDBViolations') : 0;
  return typeof count === 'number' && Number.isSafeInteger(count) && count > 0 ? count : 0;
}

export function decodeBind(body: Buffer): BindRequest {
  const args = parseObject(body);
  const text = (key: string): string => {
    const value = anyCase(args, key);
    if (typeof value !== 'string' || value === '') throw malformed(`${key} is missing`);
    return value;
  };
  return { uid: text('PodUID'), namespace: text('PodNamespace'), name: text('PodName'), node: text('Node') };
}

function refuseLarge(podBytes: number): void {
  if (podBytes > MOST_POD_BYTES) throw new ExtenderError('too-large', `pod is larger than ${MOST_POD_BYTES} bytes`);
}

/** null for the placeholder of newer releases: a node for which kube-scheduler found no victims. */
function victimUids(victims: unknown, key: string, meta: boolean): readonly string[] | null {
  if (victims === null) return null;
  if (!isObject(victims)) throw malformed(`${key} holds something that is no object`);
  const pods = anyCase(victims, 'Pods') ?? [];
  if (!Array.isArray(pods)) throw malformed(`${key}: Pods is not a list`);
  if (pods.length === 0) return null;
  return pods.map((pod: unknown) => {
    const holder = meta ? pod : isObject(pod) ? anyCase(pod, 'metadata') : null;
    const uid = isObject(holder) ? anyCase(holder, 'UID') : undefined;
    if (typeof uid !== 'string' || uid === '') throw malformed(`${key}: a pod has no UID`);
    return uid;
  });
}

function podOf(args: Record<string, unknown>, projectPod: ProjectPod): PodFacts {
  const pod = anyCase(args, 'Pod');
  if (!isObject(pod)) throw malformed('Pod is missing');
  const facts = projectPod(pod);
  if (facts === null) throw malformed('Pod has no uid, namespace or name');
  return facts;
}

function nodeName(node: unknown): unknown {
  const metadata = isObject(node) ? anyCase(node, 'metadata') : null;
  return isObject(metadata) ? anyCase(metadata, 'name') : undefined;
}

export function knownPod(body: Buffer, keyAt: number, known: KnownPod): PodFacts | undefined {
  const head = HEAD.exec(body.toString('latin1', 0, Math.min(keyAt, HEAD_BYTES)));
  return head === null ? undefined : known(head[1]!, head[2]!);
}

/** Condition (4) of name-lists.ts. The slow way says what is wrong with the body if it is no JSON either. */
function tryParse(body: Buffer, keyAt: number): Record<string, unknown> | null {
  try {
    return parseObject(body, keyAt, '"NodeNames":0}');
  } catch {
    return null;
  }
}
