/**
 * Hot: node names as bytes → slots, so that a request's list of thousands of names is read without making one text.
 *
 * An open-addressed table. A name's hash covers only a window of it: after the prefix that all names share, as few words of
 * four bytes as tell them apart. What the hash finds is compared whole, closing quote included, so a hash can cost time and
 * never an answer. Names of less than seven characters and names that kube-apiserver would refuse (anything but letters, digits,
 * `.`, `-`, `_`) are not in it.
 *
 * Built anew when a node came or went; cost: about 0.3 µs a name.
 */

const QUOTE = 0x22;
const COMMA = 0x2c;
const OPEN = 0x5b;
const CLOSE = 0x5d;
const PLAIN = new Uint8Array(256);
for (const char of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_') PLAIN[char.charCodeAt(0)] = 1;

/** the limit of a Kubernetes name */
const LONGEST = 253;
/** with its quote a name must fill eight bytes; shorter ones are looked up as texts */
const SHORTEST = 7;
/** places of the table per name: chains stay near one */
const ROOM = 4;
/** average places looked at from which on a wider window is tried */
const GOOD_ENOUGH = 1.3;
const SEED = 0x2f0b4c47;
const FACTOR = 0x9e3779b1 | 0;

export class NameIndex {
  #names: readonly (string | null)[] = [];
  #places = new Int32Array(1).fill(-1);
  #mask = 0;
  /** bytes that all names begin with, and words hashed after them */
  #skip = 0;
  #window = 0;
  /**
   * A name with its closing quote, eight bytes at a time as little-endian doubles, then once more its last eight; `#stride`
   * doubles a slot. Doubles are the widest thing JavaScript loads and compares: those of plain names are neither NaN nor zero
   * (that would take bytes above 0x7f or only zeros), and such doubles are equal exactly when their bytes are.
   */
  #doubles = new Float64Array(0);
  #stride = 1;
  #lengths = new Uint8Array(0);
  /** bytes from a name's first that may be read to find it */
  #reach = 0;
  #slots = new Int32Array(1024);
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
    this.#stride = ((longest + 1) >> 3) + 1;
    this.#doubles = new Float64Array(names.length * this.#stride);
    this.#lengths = new Uint8Array(names.length);
    this.#skip = sharedPrefix(known);
    for (const [slot, name] of bytes.entries()) {
      if (name === null) continue;
      this.#lengths[slot] = name.length;
      const quoted = withQuote(name);
      const view = new DataView(quoted.buffer);
      const first = slot * this.#stride;
      const whole = quoted.length >> 3;
      for (let at = 0; at < whole; at++) this.#doubles[first + at] = view.getFloat64(8 * at, true);
      this.#doubles[first + whole] = view.getFloat64(quoted.length - 8, true);
    }
    let size = 16;
    while (size < ROOM * known.length) size *= 2;
    this.#mask = size - 1;
    const widest = Math.max(1, Math.ceil((longest + 1 - this.#skip) / 4));
    for (this.#window = 1; ; this.#window = Math.min(widest, this.#window + 1)) {
      const looked = this.#fill(bytes, size);
      if (looked <= GOOD_ENOUGH * known.length || this.#window === widest) break;
    }
    this.#reach = Math.max(longest + 4, this.#skip + 4 * this.#window);
  }

  /**
   * Reads `["a","b"]` at bytes[from … to): a slot per name, -1 for a name that no node has, in the order of the list. null
   * unless it is exactly that: plain, non-empty names, no white space, nothing else. The array is reused by the next call.
   */
  scan(bytes: Uint8Array, from: number, to: number): Int32Array | null {
    if (to - from < 2 || bytes[from] !== OPEN || bytes[to - 1] !== CLOSE) return null;
    // four bytes are the least that one more name takes
    if (this.#slots.length < (to - from) >> 2) this.#slots = new Int32Array(2 * ((to - from) >> 2));
    const slots = this.#slots;
    const lengths = this.#lengths;
    // what lies behind the bytes may be read but never matches: a name that reached there would hold the bracket
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const quickUntil = view.byteLength - this.#reach;
    const last = to - 1;
    let count = 0;
    let at = from + 1;
    this.strangers = 0;
    if (at === last) return slots.subarray(0, 0);
    for (;;) {
      if (bytes[at++] !== QUOTE) return null;
      let slot = at <= quickUntil ? this.#find(view, at) : -1;
      if (slot >= 0) at += lengths[slot]!;
      else {
        const begin = at;
        while (at < last && PLAIN[bytes[at]!] === 1) at++;
        if (at === begin || bytes[at] !== QUOTE) return null;
        slot = this.#slowly(bytes, begin, at);
        if (slot < 0) this.strangers++;
      }
      slots[count++] = slot;
      at++;
      if (at === last) return slots.subarray(0, count);
      if (bytes[at++] !== COMMA) return null;
    }
  }

  /** Hot. The slot of the name that begins at `at` and ends before a quote, -1 if there is none. */
  #find(view: DataView, at: number): number {
    let hash = SEED;
    let from = at + this.#skip;
    for (let left = this.#window; left > 0; left--, from += 4) {
      const word = view.getInt32(from, true);
      const other = word ^ 0x22222222;
      // a set bit marks a byte that is a quote; the lowest one is exact
      const quotes = (other - 0x01010101) & ~other & 0x80808080;
      if (quotes !== 0) {
        hash = mix(hash, word & (((quotes & -quotes) >>> 7) - 1));
        break;
      }
      hash = mix(hash, word);
    }
    const places = this.#places;
    const doubles = this.#doubles;
    for (let place = fold(hash) & this.#mask; ; place = (place + 1) & this.#mask) {
      const slot = places[place]!;
      if (slot < 0) return -1;
      const quoted = this.#lengths[slot]! + 1;
      let double = slot * this.#stride;
      let byte = at;
      const whole = at + (quoted & ~7);
      while (byte < whole && view.getFloat64(byte, true) === doubles[double]) {
        byte += 8;
        double++;
      }
      if (byte === whole && view.getFloat64(at + quoted - 8, true) === doubles[double]) return slot;
    }
  }

  /** A name that is not in the table, or that lies too near to the end of the bytes for `#find`. */
  #slowly(bytes: Uint8Array, from: number, to: number): number {
    this.#bySlow ??= new Map(
      this.#names.flatMap((name, slot): [string, number][] => (name === null ? [] : [[name, slot]])),
    );
    return this.#bySlow.get(String.fromCharCode(...bytes.subarray(from, Math.min(to, from + LONGEST + 1)))) ?? -1;
  }

  /** Places looked at until every name was found once. */
  #fill(names: readonly (Uint8Array | null)[], size: number): number {
    this.#places = new Int32Array(size).fill(-1);
    let looked = 0;
    for (const [slot, name] of names.entries()) {
      if (name === null) continue;
      let place = fold(windowHash(name, this.#skip, this.#window)) & this.#mask;
      for (looked++; this.#places[place] !== -1; looked++) place = (place + 1) & this.#mask;
      this.#places[place] = slot;
    }
    return looked;
  }
}

/** The same as the first loop of `#find`. */
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

function withQuote(name: Uint8Array): Uint8Array<ArrayBuffer> {
  const quoted = new Uint8Array(name.length + 1);
  quoted.set(name);
  quoted[name.length] = QUOTE;
  return quoted;
}

/** Four bytes, little-endian; zero beyond the end. */
function wordAt(bytes: Uint8Array, at: number): number {
  if (at + 4 <= bytes.length)
    return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
}

/** null: not for the table. */
function plainBytes(name: string): Uint8Array | null {
  if (name.length < SHORTEST || name.length > LONGEST) return null;
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
