/**
 * Replies as bytes, keys exactly as kube-scheduler's structs name them. Text is put together from pieces that are encoded
 * already; an answer that the books return again (nothing changed) is not encoded again.
 */
import type { FilterAnswer, OfferedNodes, PreemptAnswer } from '../../cluster/decider.ts';
import { REASON_CODES, REASONS, type ReasonCode } from '../../core/reasons.ts';
import type { NameList } from './name-lists.ts';

const REASON_JSON = Object.fromEntries(
  REASON_CODES.map((code) => [code, JSON.stringify(REASONS[code].text)]),
) as Record<ReasonCode, string>;
const ALL_HEAD = Buffer.from('{"Nodes":null,"NodeNames":');
const NONE_FAILED = ',"FailedNodes":{},"FailedAndUnresolvableNodes":{},"Error":""}';
const ALL_TAIL = Buffer.from(NONE_FAILED);

const byAnswer = new WeakMap<FilterAnswer, { offered: OfferedNodes; reply: Buffer }>();

/** For a nodeCacheCapable scheduler. */
export function encodeFilter(answer: FilterAnswer, list: NameList): Buffer {
  if (answer.all) {
    list.everyNode ??= Buffer.concat([ALL_HEAD, list.bytes, ALL_TAIL]);
    return list.everyNode;
  }
  // names that fit are few and answers with them are seldom given twice; refusals are long and come again
  const kept = answer.refused.length > 0;
  const known = kept ? byAnswer.get(answer) : undefined;
  if (known?.offered.sameSet(list.offered)) return known.reply;
  const names = offeredOnly(answer.fits, list).map((name) => JSON.stringify(name));
  const reply = Buffer.from(`{"Nodes":null,"NodeNames":[${names.join(',')}]${failed(answer)}`);
  if (kept) byAnswer.set(answer, { offered: list.offered, reply });
  return reply;
}

/** For a scheduler without node cache: the chosen Node objects as it sent them. */
export function encodeFilterItems(answer: FilterAnswer, list: NameList, items: readonly unknown[]): Buffer {
  let chosen = items;
  if (!answer.all) {
    const at = new Map(list.offered.names.map((name, position) => [name, position]));
    chosen = offeredOnly(answer.fits, list).map((name) => items[at.get(name)!]);
  }
  const nodes = JSON.stringify({ metadata: {}, items: chosen });
  return Buffer.from(`{"Nodes":${nodes},"NodeNames":null${answer.all ? NONE_FAILED : failed(answer)}`);
}

export function encodeFilterError(text: string): Buffer {
  return Buffer.from(
    `{"Nodes":null,"NodeNames":null,"FailedNodes":{},"FailedAndUnresolvableNodes":{},"Error":${JSON.stringify(text)}}`,
  );
}

export function encodePriorities(scores: readonly { node: string; score: number }[]): Buffer {
  let text = '[';
  for (const { node, score } of scores) {
    if (text.length > 1) text += ',';
    text += `{"Host":${quoted(node)},"Score":${score}}`;
  }
  return Buffer.from(`${text}]`);
}

/** Never a null: kube-scheduler dereferences what stands there. */
export function encodePreempt(answers: readonly PreemptAnswer[]): Buffer {
  const nodes = answers.map(({ node, victims, pdbViolations }) => {
    const pods = victims.map((uid) => `{"UID":${JSON.stringify(uid)}}`).join(',');
    return `${JSON.stringify(node)}:{"Pods":[${pods}],"NumPDBViolations":${pdbViolations}}`;
  });
  return Buffer.from(`{"NodeNameToMetaVictims":{${nodes.join(',')}}}`);
}

export function encodeBind(error: string): Buffer {
  return Buffer.from(`{"Error":${JSON.stringify(error)}}`);
}

function failed(answer: FilterAnswer): string {
  let resolvable = '';
  let unresolvable = '';
  for (const { node, code } of answer.refused) {
    const entry = `${quoted(node)}:${REASON_JSON[code]}`;
    if (REASONS[code].resolvable) resolvable += resolvable === '' ? entry : `,${entry}`;
    else unresolvable += unresolvable === '' ? entry : `,${entry}`;
  }
  return `,"FailedNodes":{${resolvable}},"FailedAndUnresolvableNodes":{${unresolvable}},"Error":""}`;
}

/** One name that was not offered makes kube-scheduler throw the whole answer away. */
const offeredOnly = (fits: readonly string[], list: NameList): readonly string[] =>
  fits.filter((name) => list.offered.includes(name));

const NEEDS_ESCAPE = /[^\w.-]/;
const quoted = (name: string): string => (NEEDS_ESCAPE.test(name) ? JSON.stringify(name) : `"${name}"`);
