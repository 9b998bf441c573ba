/** The lists of a request resolved against a real table of nodes that have nothing but names. */
import { Offered } from '../../src/cluster/offered.ts';
import { NodeTable } from '../../src/core/placement/node-table.ts';
import { NameLists } from '../../src/extender/codec/name-lists.ts';
import { node } from './facts.ts';

export function tableOf(names: readonly string[]): NodeTable {
  const table = new NodeTable();
  for (const name of names) table.setFacts(name, node(name));
  return table;
}

export const nameListsOver = (table: NodeTable): NameLists =>
  new NameLists({
    nodesVersion: () => table.version,
    resolve: (names) => Offered.ofNames(names, table),
    resolveBytes: (list) => Offered.ofBytes(list, table),
  });
