/**
 * Hot: the `NodeNames` of filter and prioritize, matched as bytes against the lists seen last, so that a list of thousands of
 * names is neither parsed nor resolved again.
 *
 * kube-scheduler writes `…,"NodeNames":["a","b"]}`. The region is found from the end, and these conditions make that sound:
 * (1) after the array come only white space and one `}`; (2) the array holds only plain names, so it is JSON and holds no
 * quote or bracket but its own; (3) before the key's quote stands `,` or `{`, so that quote is not escaped; (4) what is left
 * when the array is replaced by `0` parses as one JSON object. By (3) the quote opens or ends a string; ending one would leave
 * a bare `NodeNames`, which (4) refuses; so it opens exactly the key `NodeNames`, and the `}` that follows its value is the
 * last byte of the text: it closes the outermost object. Anything else is read the slow way, which gives the same result.
 */
import { LRUCache } from 'lru-cache';
import type { Decider, OfferedNodes } from '../../cluster/decider.ts';
import { ExtenderError, malformed } from '../errors.ts';

/** Lists kept: both verbs of one cycle, node sampling and a few kinds of in-tree constraints. */
const KEPT = 16;
const KEPT_BYTES = 8 * 1024 * 1024;
export const MOST_NAMES = 100_000;

const KEY = Buffer.from('"NodeNames":');
const [QUOTE, COMMA, OPEN, CLOSE, BRACE, END_BRACE] = Buffer.from('",[]{}') as unknown as [
  number,
  number,
  number,
  number,
  number,
  number,
];
const PLAIN = new Uint8Array(256);
for (const byte of Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_')) PLAIN[byte] = 1;
const SPACE = new Uint8Array(256);
for (const byte of Buffer.from(' \t\r\n')) SPACE[byte] = 1;

export type NameList = {
  readonly names: readonly string[];
  /** the names as a JSON array */
  readonly bytes: Buffer;
  /** no name needs escaping */
  readonly plain: boolean;
  offered: OfferedNodes | null;
};

/** Where the array lies in a body. */
export type Region = { readonly keyAt: number; readonly list: NameList };

export class NameLists {
  readonly #recent = new LRUCache<number, NameList>({ max: KEPT });
  #nextId = 0;

  /** null: not there in the plain form; read the body the slow way. Condition (4) is the caller's. */
  find(body: Buffer): Region | null {
    let end = body.length;
    while (end > 0 && SPACE[body[end - 1]!] === 1) end--;
    if (body[--end] !== END_BRACE) return null;
    while (end > 0 && SPACE[body[end - 1]!] === 1) end--;
    if (body[end - 1] !== CLOSE) return null;
    for (const [id, list] of this.#recent.entries()) {
      const start = end - list.bytes.length;
      const keyAt = start - KEY.length;
      if (keyAt < 1 || !endsWithKey(body, keyAt, start)) continue;
      if (list.bytes.compare(body, start, end) !== 0 || !startsKey(body, keyAt)) continue;
      this.#recent.get(id);
      return { keyAt, list };
    }
    const keyAt = body.lastIndexOf(KEY, end);
    if (keyAt < 1 || !startsKey(body, keyAt)) return null;
    const names = plainNames(body, keyAt + KEY.length, end);
    if (names === null) return null;
    const list: NameList = {
      names,
      bytes: Buffer.from(body.subarray(keyAt + KEY.length, end)),
      plain: true,
      offered: null,
    };
    if (list.bytes.length <= KEPT_BYTES) this.#recent.set(this.#nextId++, list);
    return { keyAt, list };
  }
}

/** The list resolved against the present set of nodes. */
export function resolved(list: NameList, decider: Pick<Decider, 'nodesVersion' | 'resolve'>): OfferedNodes {
  if (list.offered === null || list.offered.version !== decider.nodesVersion())
    list.offered = decider.resolve(list.names);
  return list.offered;
}

/** A list that came as parsed JSON. Throws ExtenderError. */
export function listOfValues(value: readonly unknown[], what: string): NameList {
  refuseMany(value.length);
  for (const name of value)
    if (typeof name !== 'string' || name === '') throw malformed(`${what} holds something that is no name`);
  const names = value as readonly string[];
  return { names, bytes: Buffer.from(JSON.stringify(names)), plain: false, offered: null };
}

function endsWithKey(body: Buffer, keyAt: number, start: number): boolean {
  return KEY.compare(body, keyAt, start) === 0;
}

function startsKey(body: Buffer, keyAt: number): boolean {
  const before = body[keyAt - 1];
  return before === COMMA || before === BRACE;
}

/** null unless the bytes are `["a","b"]` with plain, non-empty names and no white space. */
function plainNames(body: Buffer, start: number, end: number): string[] | null {
  const names: string[] = [];
  if (body[start] !== OPEN) return null;
  let at = start + 1;
  if (at === end - 1) return names;
  for (;;) {
    if (body[at++] !== QUOTE) return null;
    const from = at;
    while (at < end && PLAIN[body[at]!] === 1) at++;
    if (at === from || body[at] !== QUOTE) return null;
    names.push(body.toString('latin1', from, at));
    at++;
    if (at === end - 1) break;
    if (body[at++] !== COMMA) return null;
  }
  refuseMany(names.length);
  return names;
}

function refuseMany(count: number): void {
  if (count > MOST_NAMES) throw new ExtenderError('too-large', `more than ${MOST_NAMES} nodes in one request`);
}
