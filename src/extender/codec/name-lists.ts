/**
 * Hot: the `NodeNames` of filter and prioritize, read as bytes: never parsed, never made into texts. kube-scheduler looks at
 * nodes with 16 goroutines, so the order of the names differs from call to call; the same bytes come again only now and then
 * (prioritize after filter, schedulers with little parallelism), and then they are not even read.
 *
 * kube-scheduler writes `…,"NodeNames":["a","b"]}`. These conditions make reading only that sound: (1) after the array come
 * only white space and one `}`; (2) the array holds only plain names, so it is JSON and holds no quote or bracket but its own;
 * (3) before the key's quote stands `,` or `{`, so that quote is not escaped; (4) what is left when the array is replaced by
 * `0` parses as one JSON object. By (3) the quote opens or ends a string; ending one would leave a bare `NodeNames`, which (4)
 * refuses; so it opens exactly the key `NodeNames`, and the `}` that follows its value is the last byte of the text: it closes
 * the outermost object. Anything else is read the slow way, which gives the same result. Where the pod is not read at all
 * (`decodeNodes`), what is left is JSON because kube-scheduler wrote it: then (1) alone puts the array at the end of the outermost
 * object, as no value of a pod is followed by a single `}`.
 */
import type { Decider, OfferedNodes } from '../../cluster/decider.ts';
import { ExtenderError, malformed } from '../errors.ts';

/** Lists kept with their bodies: both verbs of one cycle, and a few kinds of in-tree constraints. */
const KEPT = 4;
const KEPT_BYTES = 8 * 1024 * 1024;
const SHORT_BYTES = 256;
export const MOST_NAMES = 100_000;

const KEY = Buffer.from('"NodeNames":');
const KEY_AND_OPEN = Buffer.from('"NodeNames":[');
const [COMMA, CLOSE, BRACE, END_BRACE] = Buffer.from(',]{}') as unknown as [number, number, number, number];
const SPACE = new Uint8Array(256);
for (const byte of Buffer.from(' \t\r\n')) SPACE[byte] = 1;

export type NameResolver = Pick<Decider, 'nodesVersion' | 'resolve' | 'resolveBytes'>;

export type NameList = {
  /** the names as a JSON array; of the body they came in, so to be read while the call lasts, unless `NameLists.keeps` it */
  readonly bytes: Buffer;
  readonly offered: OfferedNodes;
  /** the filter reply that passes every name, once somebody needed it */
  everyNode: Buffer | null;
};

/** Where the array lies in a body. */
export type Region = { readonly keyAt: number; readonly list: NameList };

export class NameLists {
  readonly #resolver: NameResolver;
  /** last used first */
  readonly #recent: NameList[] = [];
  #dropped: (memory: Buffer) => void = () => {};

  constructor(resolver: NameResolver) {
    this.#resolver = resolver;
  }

  /** `dropped` is told the memory of a body that was kept (`keeps`) and now is not any more. */
  onDropped(dropped: (memory: Buffer) => void): void {
    this.#dropped = dropped;
  }

  /** Whether a list in this body is remembered: its memory may not be used for another one then. */
  keeps(body: Buffer): boolean {
    return this.#recent.some(({ bytes }) => bytes.buffer === body.buffer);
  }

  /** null: not there in the plain form; read the body the slow way. Condition (4) is the caller's. Throws ExtenderError. */
  find(body: Buffer): Region | null {
    let end = body.length;
    while (end > 0 && SPACE[body[end - 1]!] === 1) end--;
    if (body[--end] !== END_BRACE) return null;
    while (end > 0 && SPACE[body[end - 1]!] === 1) end--;
    if (body[end - 1] !== CLOSE) return null;
    const known = this.#findKnown(body, end);
    if (known !== null) return known;
    const keyAt = keyOf(body, end);
    if (keyAt < 1 || keyAt >= end || !startsKey(body, keyAt)) return null;
    const bytes = body.subarray(keyAt + KEY.length, end);
    const offered = this.#resolver.resolveBytes(bytes);
    if (offered === null) return null;
    refuseMany(offered.count);
    const list: NameList = { bytes, offered, everyNode: null };
    if (body.length <= KEPT_BYTES) {
      const last = this.#recent.length === KEPT ? this.#recent.pop() : undefined;
      this.#recent.unshift(list);
      if (last !== undefined) this.#dropped(last.bytes);
    }
    return { keyAt, list };
  }

  /** A list that came as parsed JSON. Throws ExtenderError. */
  ofValues(value: readonly unknown[], what: string): NameList {
    refuseMany(value.length);
    for (const name of value)
      if (typeof name !== 'string' || name === '') throw malformed(`${what} holds something that is no name`);
    const names = value as readonly string[];
    return { bytes: Buffer.from(JSON.stringify(names)), offered: this.#resolver.resolve(names), everyNode: null };
  }

  /** The same bytes as a list seen lately, while the set of nodes is still the same. */
  #findKnown(body: Buffer, end: number): Region | null {
    const version = this.#resolver.nodesVersion();
    for (const [at, list] of this.#recent.entries()) {
      const start = end - list.bytes.length;
      const keyAt = start - KEY.length;
      if (keyAt < 1 || list.offered.version !== version) continue;
      if (KEY.compare(body, keyAt, start) !== 0 || !startsKey(body, keyAt)) continue;
      if (list.bytes.compare(body, start, end) !== 0) continue;
      this.#recent.splice(at, 1);
      this.#recent.unshift(list);
      return { keyAt, list };
    }
    return null;
  }
}

/** From the front, where a long list begins; but a short one lies at the end, behind the whole pod. */
function keyOf(body: Buffer, end: number): number {
  const near = Math.max(0, end - SHORT_BYTES);
  const at = body.subarray(near, end).indexOf(KEY_AND_OPEN);
  return at < 0 ? body.indexOf(KEY_AND_OPEN) : near + at;
}

function startsKey(body: Buffer, keyAt: number): boolean {
  const before = body[keyAt - 1];
  return before === COMMA || before === BRACE;
}

function refuseMany(count: number): void {
  if (count > MOST_NAMES) throw new ExtenderError('too-large', `more than ${MOST_NAMES} nodes in one request`);
}
