/** Why a pod waits, as /explain answers it: an object for machines, and from it the text for people. */
import type { Decider } from '../cluster/decider.ts';
import type { ContainerNeed } from '../core/gpu/request.ts';
import type { GpuAsk } from '../core/placement/pod-facts.ts';
import { REASONS, type ReasonCode } from '../core/reasons.ts';
import { explainGang, type GangExplanation, gangLines } from './gang-explanation.ts';

/** messages quote what users wrote, and are shown in terminals */
const CONTROL = /\p{Cc}/gu;

export type Explanation = {
  /** `<namespace>/<name>` */
  readonly pod: string;
  readonly uid: string;
  /** where it is bound, null while it waits */
  readonly node: string | null;
  /** Succeeded or Failed: it holds nothing any more */
  readonly ended: boolean;
  readonly gated: boolean;
  readonly ask: GpuAsk;
  readonly hold: string | null;
  /** the gang that it starts with, null without one */
  readonly gang: GangExplanation | null;
  /** whether the extender that answers decides; the others know claims, but not the holds of the one that does */
  readonly deciding: boolean;
  readonly nodes: readonly {
    readonly node: string;
    /** null: fits */
    readonly code: ReasonCode | null;
    /** the code in words, '' where it fits */
    readonly reason: string;
    /** amounts: what is free, or what is missing */
    readonly detail: string;
  }[];
};

/** Null when the pod is not known. */
export function explainPod(
  decider: Pick<Decider, 'explain' | 'explainGang'>,
  deciding: boolean,
  namespace: string,
  name: string,
): Explanation | null {
  const explained = decider.explain(namespace, name);
  if (explained === null) return null;
  const { pod, rows, hold } = explained;
  return {
    pod: `${namespace}/${name}`,
    uid: pod.uid,
    node: pod.nodeName,
    ended: pod.terminal,
    gated: pod.gated,
    ask: pod.ask,
    hold,
    gang: pod.gang === null ? null : explainGang(decider, deciding, pod.gang),
    deciding,
    nodes: rows.map((row) => ({ ...row, reason: row.code === null ? '' : REASONS[row.code].text })),
  };
}

/** @param most nodes that are named under each reason */
export function explanationText(explanation: Explanation, most: number): string {
  const { pod, ask, hold, nodes } = explanation;
  const lines = [`pod ${pod} ${stateOf(explanation)}`, `asks for: ${askText(ask)}`];
  if (hold !== null) lines.push(`holds: ${hold}`);
  if (explanation.gang !== null) lines.push('', ...gangLines(explanation.gang, most), '');
  if (!explanation.deciding && explanation.gang === null)
    lines.push('this extender does not decide now; holds of the one that does are not seen here');
  // a bound or ended pod is no question to the nodes
  if (explanation.node === null && !explanation.ended) lines.push(...reasonLines(nodes, most));
  return `${lines.join('\n')}\n`;
}

function stateOf({ node, ended, gated }: Explanation): string {
  if (ended) return 'has ended';
  if (node !== null) return `is bound to ${node}`;
  return gated ? 'waits behind a scheduling gate' : 'waits';
}

function askText(ask: GpuAsk): string {
  if (ask.kind === 'none') return 'no GPU';
  if (ask.kind === 'unmanaged') return 'whole GPUs of nodes that Muster does not manage';
  if (ask.kind === 'invalid') return `nothing that can be served: ${ask.message.replace(CONTROL, '?')}`;
  const { containers, models } = ask.request;
  const model = models.allow.length > 0 ? `; model ${models.allow.join(' or ')}` : '';
  return `${containers.map(needText).join(', ')}${model}`;
}

function needText({ count, share, name }: ContainerNeed): string {
  const memory = 'mib' in share.memory ? `${share.memory.mib} MiB` : `${share.memory.milli / 10} % of the memory`;
  const compute = share.milli === 0 ? '' : ` and ${share.milli / 10} % of the compute`;
  return `${count} GPU${count === 1 ? '' : 's'} with ${memory}${compute}${count === 1 ? '' : ' each'} in container ${name}`;
}

/** Reasons first, most common first; under each its nodes with amounts. */
function reasonLines(nodes: Explanation['nodes'], most: number): string[] {
  if (nodes.length === 0) return ['', 'no nodes are known'];
  const groups = Map.groupBy(nodes, ({ reason }) => reason || 'fits');
  const width = Math.max(...nodes.map(({ node }) => node.length));
  return [...groups]
    .sort(([a, one], [b, other]) => other.length - one.length || (a < b ? -1 : 1))
    .flatMap(([reason, group]) => [
      '',
      `${reason} (${group.length} of ${nodes.length} node${nodes.length === 1 ? '' : 's'})`,
      ...group.slice(0, most).map(({ node, detail }) => `  ${node.padEnd(width)}  ${detail}`.trimEnd()),
      ...(group.length > most ? [`  … and ${group.length - most} more`] : []),
    ]);
}
