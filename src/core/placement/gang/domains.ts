/** The domains of a topology level, tightest first. */
import type { NodeTable } from '../node-table.ts';

/** Some of the nodes. null: all of them. */
export type Where = Domain | null;

export type Domain = {
  /** label value, or the values of the whole path joined by `/` */
  readonly name: string;
  /** ascending by node name */
  readonly slots: Int32Array;
  /** by slot: 1 inside */
  readonly has: Uint8Array;
  /** thousandths of healthy devices that are free on its managed nodes */
  readonly freeMilli: number;
};

/** The keys whose values name a domain of `key`. */
function pathOf(key: string, levels: readonly string[]): readonly string[] {
  const at = levels.indexOf(key);
  return at < 0 ? [key] : levels.slice(0, at + 1);
}

/**
 * Domains of the level `key` among the nodes of `within`, those with least free GPU first (a small gang does not break into the last
 * wide domain), equal ones by name. Cost: one look at every node.
 */
export function domainsOf(table: NodeTable, key: string, levels: readonly string[], within: Where): Domain[] {
  const path = pathOf(key, levels);
  const byName = new Map<string, { slots: number[]; freeMilli: number }>();
  for (const slot of within?.slots ?? table.ordered) {
    const name = domainName(table, slot, path);
    if (name === null) continue;
    let domain = byName.get(name);
    if (domain === undefined) {
      domain = { slots: [], freeMilli: 0 };
      byName.set(name, domain);
    }
    domain.slots.push(slot);
    domain.freeMilli += freeMilliOf(table, slot);
  }
  return [...byName]
    .map(([name, { slots, freeMilli }]) => {
      const has = new Uint8Array(table.slots);
      for (const slot of slots) has[slot] = 1;
      return { name, slots: Int32Array.from(slots), has, freeMilli };
    })
    .sort((a, b) => a.freeMilli - b.freeMilli || (a.name < b.name ? -1 : 1));
}

/** Thousandths free on the healthy devices of a managed node whose devices' use is known, else 0. */
export function freeMilliOf(table: NodeTable, slot: number): number {
  const node = table.at(slot);
  if (node === null || !node.facts?.managed || node.useUnknown) return 0;
  return node.ledger.free;
}

function domainName(table: NodeTable, slot: number, path: readonly string[]): string | null {
  const labels = table.at(slot)?.facts?.labels;
  if (labels === undefined) return null;
  const values: string[] = [];
  for (const key of path) {
    const value = labels[key];
    if (value === undefined) return null;
    values.push(value);
  }
  return values.join('/');
}
