/**
 * Hot: node names as bytes → slots, so that a request's list of thousands of names is read without making one text.
 *
 * An open-addressed table. A name's hash covers only a window of it: after the prefix that all names share, as few words of
 * four bytes as tell them apart. What the hash finds is compared whole, length included, so a hash can cost time and
 * never an answer. Names that kube-apiserver would refuse (anything but letters, digits, `.`, `-`, `_`) are not in it. The loop
 * over the list is WebAssembly (name-scan.wat), because it compares 16 bytes at a time: a third of what JavaScript takes.
 *
 * Built anew when a node came or went; cost: about 0.3 µs a name.
 */

import { NameScanner, type NameTable } from './name-scan.ts';

const NOTHING = new Int32Array(0);
const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN = 0x5b;
const CLOSE = 0x5d;
const PLAIN = new Uint8Array(256);
for (const char of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_') PLAIN[char.charCodeAt(0)] = 1;

/** the limit of a Kubernetes name */
const LONGEST = 253;
/** Longer lists (of more than about 80,000 nodes) are read name by name: their memory would be kept for ever. */
const MOST_BYTES = 4 * 1024 * 1024;
/** places of the table per name: chains stay near one */
const ROOM = 4;
/** average places looked at from which on a wider window is tried */
const GOOD_ENOUGH = 1.3;
const SEED = 0x2f0b4c47;
const FACTOR = 0x9e3779b1 | 0;
const EMPTY: NameTable = {
  skip: 0,
  window: 1,
  places: new Int32Array(1).fill(-1),
  lengths: new Uint8Array(0),
  entries: new Uint8Array(0),
  stride: 16,
};

let scanner: NameScanner | null = null;

export class NameIndex {
  #names: readonly (string | null)[] = [];
  #table: NameTable = EMPTY;
  #bySlow: ReadonlyMap<string, number> | null = null;
  /** how many names of the last scan no node has */
  strangers = 0;

  /** As given to `rebuild`: a later one does not change it. */
  get bySlot(): readonly (string | null)[] {
    return this.#names;
  }

  /** `names[slot]`; null: no node there. */
  rebuild(names: readonly (string | null)[]): void {
    const bytes = names.map((name) => (name === null ? null : plainBytes(name)));
    const known = bytes.filter((name) => name !== null);
    const longest = known.reduce((most, name) => Math.max(most, name.length), 0);
    this.#names = names;
    this.#bySlow = null;
    const stride = 16 * ((longest >> 4) + 1);
    const lengths = new Uint8Array(names.length);
    const entries = new Uint8Array(names.length * stride);
    const skip = sharedPrefix(known);
    for (const [slot, name] of bytes.entries()) {
      if (name === null) continue;
      lengths[slot] = name.length;
      entries.set(name, slot * stride);
    }
    let size = 16;
    while (size < ROOM * known.length) size *= 2;
    const widest = Math.max(1, Math.ceil((longest + 1 - skip) / 4));
    for (let window = 1; ; window = Math.min(widest, window + 1)) {
      const places = new Int32Array(size).fill(-1);
      const looked = fill(places, bytes, skip, window);
      this.#table = { skip, window, places, lengths, entries, stride };
      if (looked <= GOOD_ENOUGH * known.length || window === widest) break;
    }
  }

  /**
   * Reads `["a","b"]` at bytes[from … to): a slot per name, -1 for a name that no node has, in the order of the list. null
   * unless it is exactly that: plain, non-empty names, no white space, nothing else. The array is reused by the next call of
   * any index.
   */
  scan(bytes: Uint8Array, from: number, to: number): Int32Array | null {
    if (to - from < 2 || bytes[from] !== OPEN || bytes[to - 1] !== CLOSE) return null;
    this.strangers = 0;
    if (to - from === 2) return NOTHING;
    if (to - from > MOST_BYTES) return this.#scanSlowly(bytes, from, to);
    scanner ??= new NameScanner();
    scanner.load(this.#table, bytes, from, to);
    const last = to - 1 - from;
    let at = 1;
    for (;;) {
      at = scanner.scan(at, last);
      if (at === last) return scanner.slots;
      const end = at < 0 ? -1 : this.#end(bytes, from + at, to - 1);
      if (end < 0) return null;
      const slot = this.#slowly(bytes, from + at + 1, end);
      if (slot < 0) this.strangers++;
      scanner.put(slot);
      at = end + 1 - from;
      if (at === last) return scanner.slots;
      if (bytes[from + at++] !== COMMA) return null;
    }
  }

  #scanSlowly(bytes: Uint8Array, from: number, to: number): Int32Array | null {
    const slots: number[] = [];
    for (let at = from + 1; ; at++) {
      const end = this.#end(bytes, at, to - 1);
      if (end < 0) return null;
      const slot = this.#slowly(bytes, at + 1, end);
      if (slot < 0) this.strangers++;
      slots.push(slot);
      at = end + 1;
      if (at === to - 1) return Int32Array.from(slots);
      if (bytes[at] !== COMMA) return null;
    }
  }

  /** Where the plain name ends whose opening quote is at `at`: its closing quote. -1 if that is not what is there. */
  #end(bytes: Uint8Array, at: number, last: number): number {
    if (bytes[at] !== QUOTE) return -1;
    let end = at + 1;
    while (end < last && PLAIN[bytes[end]!] === 1) end++;
    return end > at + 1 && bytes[end] === QUOTE ? end : -1;
  }

  /** A name that is not in the table, whether a node has it or not. */
  #slowly(bytes: Uint8Array, from: number, to: number): number {
    this.#bySlow ??= new Map(
      this.#names.flatMap((name, slot): [string, number][] => (name === null ? [] : [[name, slot]])),
    );
    return this.#bySlow.get(String.fromCharCode(...bytes.subarray(from, Math.min(to, from + LONGEST + 1)))) ?? -1;
  }
}

/** Places looked at until every name was found once. */
function fill(places: Int32Array, names: readonly (Uint8Array | null)[], skip: number, window: number): number {
  const mask = places.length - 1;
  let looked = 0;
  for (const [slot, name] of names.entries()) {
    if (name === null) continue;
    let place = fold(windowHash(name, skip, window)) & mask;
    for (looked++; places[place] !== -1; looked++) place = (place + 1) & mask;
    places[place] = slot;
  }
  return looked;
}

/** The same as in name-scan.wat. */
function windowHash(name: Uint8Array, skip: number, window: number): number {
  let hash = SEED;
  for (let from = skip, left = window; left > 0; left--, from += 4) {
    hash = mix(hash, wordAt(name, from));
    if (name.length < from + 4) break;
  }
  return hash;
}

const mix = (hash: number, word: number): number => Math.imul(((hash << 5) | (hash >>> 27)) ^ word, FACTOR);

/** Brings the high bits, where multiplication leaves the most, to where the table looks. */
const fold = (hash: number): number => Math.imul(hash ^ (hash >>> 15), FACTOR) >>> 8;

/** Four bytes, little-endian; zero beyond the end. */
function wordAt(bytes: Uint8Array, at: number): number {
  if (at + 4 <= bytes.length)
    return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
}

/** null: not for the table. */
function plainBytes(name: string): Uint8Array | null {
  if (name.length === 0 || name.length > LONGEST) return null;
  const bytes = new Uint8Array(name.length);
  for (let at = 0; at < name.length; at++) {
    const code = name.charCodeAt(at);
    if (code > 255 || PLAIN[code] !== 1) return null;
    bytes[at] = code;
  }
  return bytes;
}

function sharedPrefix(names: readonly Uint8Array[]): number {
  const [first] = names;
  if (first === undefined) return 0;
  let shared = first.length;
  for (const name of names) {
    let at = 0;
    while (at < shared && name[at] === first[at]) at++;
    shared = at;
  }
  return shared;
}
