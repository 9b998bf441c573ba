/** Nodes as the gang planner sees them, with pods running on them. */
import type { NodePolicy } from '../../src/core/gpu/request.ts';
import { Forecast } from '../../src/core/placement/forecast.ts';
import type { Board } from '../../src/core/placement/gang/trial.ts';
import type { NodeFacts } from '../../src/core/placement/node-facts.ts';
import { NodeTable } from '../../src/core/placement/node-table.ts';
import type { PodFacts } from '../../src/core/placement/pod-facts.ts';
import { shapeKey, shapeOf } from '../../src/core/placement/shape.ts';
import { ShapeIndex } from '../../src/core/placement/shape-index.ts';

export function boardOf(nodes: readonly NodeFacts[], nodePolicy: NodePolicy = 'pack'): Board {
  const table = new NodeTable();
  for (const facts of nodes) table.setFacts(facts.name, facts);
  const forecast = new Forecast(table);
  const known = new Map<string, ShapeIndex>();
  const indexOf = (member: PodFacts, packed: boolean): ShapeIndex => {
    if (member.ask.kind !== 'request') throw new Error('no request');
    const defaults = { nodePolicy: packed ? ('pack' as const) : nodePolicy, devicePolicy: 'pack' as const };
    const key = shapeKey(member, member.ask.request, defaults);
    const index = known.get(key) ?? new ShapeIndex(shapeOf(member, member.ask.request, defaults, key), table, forecast);
    known.set(key, index);
    index.refresh();
    return index;
  };
  return { table, indexOf, outlook: () => forecast.outlook };
}
