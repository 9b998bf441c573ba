/**
 * name-scan.wat, assembled, and the memory it works on: a table of names, the slots that were found, the list that is read. One
 * for all tables, because each would reserve gigabytes of addresses; whoever comes after another one loads its table again.
 */

/** The types of Node and of the language know nothing of it; this is what is used here. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: Record<string, unknown> };
};
type Memory = { readonly buffer: ArrayBuffer; grow(pages: number): number };
type Register = { value: number };
type Exports = Record<(typeof REGISTERS)[number], Register> & {
  readonly memory: Memory;
  scan(at: number, last: number): number;
};
const REGISTERS = ['skip', 'window', 'mask', 'stride', 'places', 'lengths', 'entries', 'masks', 'out'] as const;

export type NameTable = {
  /** bytes that all names begin with, and words of four bytes hashed after them */
  readonly skip: number;
  readonly window: number;
  /** open-addressed: slot per place, -1 where there is none; a power of two of them */
  readonly places: Int32Array;
  /** per slot */
  readonly lengths: Uint8Array;
  /** the bytes of each name, zero-padded to `stride`, a multiple of 16 with at least one zero */
  readonly entries: Uint8Array;
  readonly stride: number;
};

const PAGE = 65_536;
const MASKS_BYTES = 256;
/** Read behind the list: one more longest name. */
const BEHIND = 288;

export const CODE =
  'AGFzbQEAAAABBwFgAn9/AX8DAgEABQMBAAEGLgl/AUEAC38BQQALfwFBAAt/AUEAC38BQQALfwFBAAt/AUEAC38BQQALfwFBAAsH' +
  'XAsGbWVtb3J5AgAEc2tpcAMABndpbmRvdwMBBG1hc2sDAgZzdHJpZGUDAwZwbGFjZXMDBAdsZW5ndGhzAwUHZW50cmllcwMGBW1h' +
  'c2tzAwcDb3V0AwgEc2NhbgAACuYDAeMDAQ5/A0AgAC0AAEEiRwRAQX8PCyAAQQFqIQIgAiEDA0AgA/0ABAD9DCIiIiIiIiIiIiIi' +
  'IiIiIiL9I/1kIQQgBEUEQCADQRBqIQMgAyACa0GAAkkNASAADwsLIAMgBGhqIQMgAyABTwRAIAAPCyADIAJrIQVBx5it+AIhBiAC' +
  'IwBqIQcjASEIIAUjAGshCgJAA0AgBygCACEJIApBBEgEQCAKQQBMBH9BAAUgCUEBIApBA3R0QQFrcQshCUEBIQgLIAZBBXcgCXNB' +
  'sfPd8XlsIQYgB0EEaiEHIApBBGshCiAIQQFrIggNAAsLIAYgBkEPdnNBsfPd8XlsQQh2IQsCQANAIAsjAnEhCyMEIAtBAnRqKAIA' +
  'IQwgDEEASARAIAAPCwJAIwUgDGotAAAgBUcNACMGIAwjA2xqIQ0gAiEOIAIgBUHwAXFqIQ8CQANAIA4gD0YNASAO/QAEACAN/QAE' +
  'AP1R/VMNAiAOQRBqIQ4gDUEQaiENDAALCyAO/QAEACMHIAVBD3FBBHRq/QAEAP1OIA39AAQA/VH9Uw0ADAILIAtBAWohCwwACwsj' +
  'CCAMNgIAIwhBBGokCCADQQFqIQAgACABRgRAIAEPCyAALQAAQSxHBEBBfw8LIABBAWohAAwACwAL';

export class NameScanner {
  readonly #code: Exports;
  #table: NameTable | null = null;
  /** bytes of the longest list there is room for */
  #room = 0;
  #out = 0;
  #list = 0;
  #bytes = new Uint8Array(0);
  #slots = new Int32Array(0);

  constructor() {
    const bytes = Uint8Array.from(atob(CODE), (char) => char.charCodeAt(0));
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
    this.#code = exports as Exports;
  }

  /** Copies `list[from … to)`, an array as JSON, to where `scan` reads it. */
  load(table: NameTable, list: Uint8Array, from: number, to: number): void {
    if (table !== this.#table || to - from > this.#room) this.#layOut(table, to - from);
    // subarray of the whole would cost more than the copy of a short list
    this.#bytes.set(from === 0 && to === list.length ? list : list.subarray(from, to), this.#list);
    this.#code.out.value = this.#out;
  }

  /**
   * Reads on at offset `at` of the list, an opening quote; `last`: offset of the closing bracket. Answers `last` when all is
   * read, -1 where a quote or a comma is missing, else the offset of a name that it does not find (or of what is none).
   */
  scan(at: number, last: number): number {
    const stopped = this.#code.scan(this.#list + at, this.#list + last);
    return stopped < 0 ? -1 : stopped - this.#list;
  }

  /** Writes a slot that was found elsewhere. */
  put(slot: number): void {
    const { out } = this.#code;
    this.#slots[(out.value - this.#out) >> 2] = slot;
    out.value += 4;
  }

  /** What was found since `load`, in the order of the list; to be read before the next `load`. */
  get slots(): Int32Array {
    return this.#slots.subarray(0, (this.#code.out.value - this.#out) >> 2);
  }

  #layOut(table: NameTable, bytes: number): void {
    const code = this.#code;
    const places = MASKS_BYTES;
    const lengths = places + table.places.byteLength;
    const entries = round(lengths + table.lengths.length);
    this.#out = entries + table.entries.length;
    if (bytes > this.#room) this.#room = 2 * bytes;
    // four bytes are the least that one more name takes, and the most that its slot does
    this.#list = round(this.#out + this.#room);
    const end = this.#list + this.#room + BEHIND;
    const missing = end - code.memory.buffer.byteLength;
    if (missing > 0) code.memory.grow(Math.ceil(missing / PAGE));
    const { buffer } = code.memory;
    this.#bytes = new Uint8Array(buffer);
    this.#slots = new Int32Array(buffer, this.#out, this.#room >> 2);
    for (let set = 0; set < 16; set++) this.#bytes.fill(0, 16 * set, 16 * set + 16).fill(255, 16 * set, 17 * set);
    new Int32Array(buffer, places, table.places.length).set(table.places);
    this.#bytes.set(table.lengths, lengths);
    this.#bytes.set(table.entries, entries);
    const values = {
      skip: table.skip,
      window: table.window,
      mask: table.places.length - 1,
      stride: table.stride,
      places,
      lengths,
      entries,
      masks: 0,
      out: this.#out,
    };
    for (const name of REGISTERS) code[name].value = values[name];
    this.#table = table;
  }
}

const round = (bytes: number): number => (bytes + 15) & ~15;
