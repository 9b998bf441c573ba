/**
 * A ranking of node slots, best first, kept up to date one slot at a time: a tournament tree. The root is the winner; a changed
 * slot replays only its own matches (log2 n). Enumerating the best k costs k·log n; nothing here walks all slots.
 *
 * A slot's value is an integer: ≥ 0 is a score (higher wins), < 0 means "does not fit" and always loses. Equal scores are
 * decided by `rank` (lower wins), which the owner keeps in node-name order, so that the order in which nodes became known
 * never shows in a decision.
 */
export class Ranking {
  #capacity: number;
  #values: Int32Array;
  /** winner slot at each tree position; position 1 is the root, leaves start at #capacity */
  #winners: Int32Array;
  readonly #rankOf: () => Int32Array;

  /** `rankOf` is read at each comparison: the owner may replace the array when nodes come and go, as long as the relative order of surviving slots stays. */
  constructor(rankOf: () => Int32Array, slots: number) {
    this.#rankOf = rankOf;
    this.#capacity = capacityFor(slots);
    this.#values = new Int32Array(this.#capacity).fill(-1);
    this.#winners = new Int32Array(2 * this.#capacity).fill(-1);
    for (let slot = 0; slot < this.#capacity; slot++) this.#winners[this.#capacity + slot] = slot;
    this.reorder();
  }

  value(slot: number): number {
    return slot < this.#capacity ? this.#values[slot]! : -1;
  }

  set(slot: number, value: number): void {
    if (slot >= this.#capacity) this.#grow(slot + 1);
    if (this.#values[slot] === value) return;
    this.#values[slot] = value;
    for (let at = (this.#capacity + slot) >> 1; at >= 1; at >>= 1) {
      const before = this.#winners[at]!;
      this.#replay(at);
      // another one has won here all along: nothing above has heard of this slot
      if (before !== slot && this.#winners[at] === before) return;
    }
  }

  /** Sets many slots at once (a fresh shape looks at every node): n matches instead of n·log n. */
  setAll(slots: number, valueAt: (slot: number) => number): void {
    if (slots > this.#capacity) this.#grow(slots);
    for (let slot = 0; slot < slots; slot++) this.#values[slot] = valueAt(slot);
    this.reorder();
  }

  /** Plays every match again: needed once after a slot got another rank relative to the others (a slot used again). */
  reorder(): void {
    for (let at = this.#capacity - 1; at >= 1; at--) this.#replay(at);
  }

  /** The best slot that fits, -1 when none does. */
  best(): number {
    const slot = this.#winners[1]!;
    return this.#values[slot]! >= 0 ? slot : -1;
  }

  /** Calls `visit` with fitting slots, best first, until it returns false or no slot is left. */
  walk(visit: (slot: number) => boolean): void {
    // a small heap of tree positions ordered by their winners: the best unvisited slot is always the winner of its top
    const heap: number[] = [1];
    while (heap.length > 0) {
      const at = this.#pop(heap);
      const slot = this.#winners[at]!;
      if (this.#values[slot]! < 0) return;
      if (at >= this.#capacity) {
        if (!visit(slot)) return;
      } else {
        this.#push(heap, 2 * at);
        this.#push(heap, 2 * at + 1);
      }
    }
  }

  #beats(a: number, b: number): boolean {
    const va = this.#values[a]!;
    const vb = this.#values[b]!;
    if (va !== vb) return va > vb;
    const rank = this.#rankOf();
    return (rank[a] ?? a) <= (rank[b] ?? b);
  }

  #replay(at: number): void {
    const left = this.#winners[2 * at]!;
    const right = this.#winners[2 * at + 1]!;
    this.#winners[at] = this.#beats(left, right) ? left : right;
  }

  #push(heap: number[], position: number): void {
    let child = heap.push(position) - 1;
    while (child > 0) {
      const parent = (child - 1) >> 1;
      if (!this.#beats(this.#winners[position]!, this.#winners[heap[parent]!]!)) break;
      heap[child] = heap[parent]!;
      child = parent;
    }
    heap[child] = position;
  }

  #pop(heap: number[]): number {
    const top = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return top;
    let parent = 0;
    for (;;) {
      let child = 2 * parent + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.#beats(this.#winners[heap[child + 1]!]!, this.#winners[heap[child]!]!))
        child++;
      if (!this.#beats(this.#winners[heap[child]!]!, this.#winners[last]!)) break;
      heap[parent] = heap[child]!;
      parent = child;
    }
    heap[parent] = last;
    return top;
  }

  #grow(slots: number): void {
    const old = this.#values;
    this.#capacity = capacityFor(slots);
    this.#values = new Int32Array(this.#capacity).fill(-1);
    this.#values.set(old);
    this.#winners = new Int32Array(2 * this.#capacity);
    for (let slot = 0; slot < this.#capacity; slot++) this.#winners[this.#capacity + slot] = slot;
    this.reorder();
  }
}

function capacityFor(slots: number): number {
  let capacity = 16;
  while (capacity < slots) capacity *= 2;
  return capacity;
}
