/**
 * The newest inputs, in segments, each begun by a state. When there are too many bytes the oldest segment is dropped, and what it
 * said about objects becomes part of the state at which the next one begins: so what is kept is always complete.
 */
import { KEPT_KINDS, type KeptKind } from '../../cluster/kept/kinds.ts';
import type { Input } from './format.ts';

/** segments that the bytes are divided into: so much of them is lost at once */
const PARTS = 8;

const ANEW = JSON.stringify({ anew: true } satisfies Input);

/** seats and memory as lines; null: the process began with nothing */
export type Beginning = { readonly seats: string; readonly memory: string } | null;
type Objects = Map<string, string>;
type Change = { readonly kind: KeptKind; readonly uid: string; readonly line: string | null };
type Segment = { readonly beginning: Beginning; readonly lines: string[]; readonly changes: Change[]; bytes: number };

const noObjects = (): Record<KeptKind, Objects> => ({
  nodes: new Map(),
  resourceslices: new Map(),
  pods: new Map(),
  poddisruptionbudgets: new Map(),
  podgroups: new Map(),
  priorityclasses: new Map(),
});

export class Ring {
  readonly #maxBytes: number;
  /** at the beginning of the oldest segment, by kind and uid: lines */
  readonly #base = noObjects();
  /** now */
  readonly #current = noObjects();
  readonly #segments: Segment[] = [{ beginning: null, lines: [], changes: [], bytes: 0 }];
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** of inputs; the state comes on top */
  get bytes(): number {
    return this.#bytes;
  }

  /** The segment that is being filled is full: begin another before the next input. */
  get full(): boolean {
    return this.#newest.bytes >= this.#maxBytes / PARTS;
  }

  begin(beginning: Exclude<Beginning, null>): void {
    this.#segments.push({ beginning, lines: [], changes: [], bytes: 0 });
    while (this.#bytes > this.#maxBytes * (1 - 1 / PARTS) && this.#segments.length > 1) this.#drop();
  }

  push(line: string): void {
    const segment = this.#newest;
    segment.lines.push(line);
    segment.bytes += line.length;
    this.#bytes += line.length;
  }

  /** True when the object is as it was: then nothing was pushed. */
  put(kind: KeptKind, uid: string, line: string): boolean {
    if (this.#current[kind].get(uid) === line) return true;
    this.#current[kind].set(uid, line);
    this.#newest.changes.push({ kind, uid, line });
    this.push(line);
    return false;
  }

  gone(kind: KeptKind, uid: string, line: string): void {
    this.#current[kind].delete(uid);
    this.#newest.changes.push({ kind, uid, line: null });
    this.push(line);
  }

  /** Everything that is kept, as it is now; later inputs do not change what was returned. */
  lines(): string[] {
    const [oldest] = this.#segments as [Segment];
    const state: string[] = [];
    if (oldest.beginning !== null) {
      state.push(oldest.beginning.seats);
      for (const kind of KEPT_KINDS) for (const line of this.#base[kind].values()) state.push(line);
      state.push(oldest.beginning.memory);
    }
    return this.#segments.reduce((all, { lines }, at) => all.concat(at === 0 ? [] : ANEW, lines), state);
  }

  get #newest(): Segment {
    return this.#segments.at(-1)!;
  }

  #drop(): void {
    const { changes, bytes } = this.#segments.shift()!;
    this.#bytes -= bytes;
    for (const { kind, uid, line } of changes) {
      if (line === null) this.#base[kind].delete(uid);
      else this.#base[kind].set(uid, line);
    }
  }
}
