/**
 * Chance of a world. Every actor and purpose draws from a stream of its own, made from the seed and its name: what happens more
 * or less often in one place does not shift the draws of another. A fault has a name (`kind/actor/n`: the n-th time that this
 * actor could have met one), so a shorter list of faults can be tried on the same seed.
 */
import type { Rng } from '../../kube/ports.ts';

/** names of faults to let happen; null: all that chance brings */
export type FaultFilter = { readonly only: ReadonlySet<string> | null; readonly without: ReadonlySet<string> };

export const EVERY_FAULT: FaultFilter = { only: null, without: new Set() };

export type Fault<K extends string> = {
  readonly kind: K;
  readonly id: string;
  /** uniform in [0, 1), of this fault alone: how long, how much */
  readonly size: number;
};

type Stream = { state: number; count: number };

export class Chance {
  /** faults that happened, in order */
  readonly happened: string[] = [];
  readonly #seed: number;
  readonly #filter: FaultFilter;
  readonly #streams = new Map<string, Stream>();
  #on = true;

  constructor(seed: number, filter: FaultFilter = EVERY_FAULT) {
    this.#seed = seed;
    this.#filter = filter;
  }

  /** From now on nothing goes wrong any more. */
  stopFaults(): void {
    this.#on = false;
  }

  /** Uniform in [0, 1), from the stream of `purpose`. */
  draw(purpose: string): number {
    return drawnFrom(this.#stream(purpose));
  }

  /** A whole number from `least` to `most`, both included. */
  whole(purpose: string, least: number, most: number): number {
    return least + Math.floor(this.draw(purpose) * (most - least + 1));
  }

  pick<T>(purpose: string, choices: readonly T[]): T {
    return choices[Math.floor(this.draw(purpose) * choices.length)]!;
  }

  rng(purpose: string): Rng {
    return { next: () => this.draw(purpose) };
  }

  /** One opportunity of `actor`: at most one of the kinds, each with its rate. */
  fault<K extends string>(actor: string, rates: readonly (readonly [kind: K, rate: number])[]): Fault<K> | null {
    if (!this.#on) return null;
    const stream = this.#stream(`fault ${actor}`);
    stream.count += 1;
    let left = drawnFrom(stream);
    for (const [kind, rate] of rates) {
      left -= rate;
      if (left < 0) return this.#happens(kind, actor, stream.count);
    }
    return null;
  }

  /** A fault that was planned; null when the filter leaves it out. */
  planned<K extends string>(kind: K, actor: string, count: number): Fault<K> | null {
    return this.#happens(kind, actor, count);
  }

  #happens<K extends string>(kind: K, actor: string, count: number): Fault<K> | null {
    const id = `${kind}/${actor}/${count}`;
    const { only, without } = this.#filter;
    if ((only !== null && !only.has(id)) || without.has(id)) return null;
    this.happened.push(id);
    return { kind, id, size: mixed(hash(this.#seed, id)) / 4294967296 };
  }

  #stream(purpose: string): Stream {
    let stream = this.#streams.get(purpose);
    if (stream === undefined) {
      stream = { state: hash(this.#seed, purpose), count: 0 };
      this.#streams.set(purpose, stream);
    }
    return stream;
  }
}

function drawnFrom(stream: Stream): number {
  stream.state = (stream.state + 0x9e3779b9) | 0;
  return mixed(stream.state) / 4294967296;
}

/** FNV-1a over the text, begun with the seed. */
export function hash(seed: number, text: string): number {
  let value = mixed(seed ^ 0x811c9dc5);
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  return value | 0;
}

/** The finaliser of MurmurHash3: every bit of the input moves every bit of the output. Unsigned 32 bits. */
function mixed(value: number): number {
  let bits = value | 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
