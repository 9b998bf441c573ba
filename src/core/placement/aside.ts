/**
 * Who is taken out of the books only to try something, and is there again whatever comes of it: also when what is tried throws.
 * Nobody gets room by it.
 */
import type { Occupant } from './node-info.ts';
import type { NodeTable } from './node-table.ts';

export class Aside {
  readonly #table: NodeTable;
  readonly #away = new Map<string, { readonly node: string; readonly occupant: Occupant }>();

  constructor(table: NodeTable) {
    this.#table = table;
  }

  has(uid: string): boolean {
    return this.#away.has(uid);
  }

  /** Nothing happens where there is nobody of that uid on the node. */
  take(node: string | undefined, uid: string): void {
    const occupant = node === undefined ? undefined : this.#table.get(node)?.occupant(uid);
    if (node === undefined || occupant === undefined) return;
    this.#table.undo(node, uid);
    this.#away.set(uid, { node, occupant });
  }

  putBack(uid: string): void {
    const one = this.#away.get(uid);
    if (one === undefined) return;
    this.#away.delete(uid);
    this.#table.putBack(one.node, one.occupant);
  }

  putAllBack(): void {
    for (const uid of [...this.#away.keys()]) this.putBack(uid);
  }
}

/** The only way to set somebody aside. What `run` itself adds to the table it must take out again. */
export function withAside<T>(table: NodeTable, run: (aside: Aside) => T): T {
  const aside = new Aside(table);
  try {
    return run(aside);
  } finally {
    aside.putAllBack();
  }
}
