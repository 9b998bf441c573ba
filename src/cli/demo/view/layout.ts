/** How many lines each panel gets in a terminal of a given size. Pure. */
export type Layout = {
  readonly columns: number;
  /** lines of all panels together; one less than the terminal has, or it would scroll */
  readonly lines: number;
  readonly nodes: number;
  /** 0: the panel and its title are left out */
  readonly waiting: number;
  readonly events: number;
  /** waiting pods and events beside each other */
  readonly beside: boolean;
  readonly legend: boolean;
  readonly kubectl: boolean;
  /** empty lines around the nodes */
  readonly air: boolean;
};

/** title, counters, keys */
const FRAME_LINES = 3;
const BESIDE_COLUMNS = 132;
const WAITING_AT_MOST = 12;
const AIR_FROM = 8;

export function layoutOf(columns: number, rows: number, nodeCount: number): Layout {
  const lines = Math.max(FRAME_LINES + 1, rows - 1);
  const beside = columns >= BESIDE_COLUMNS;
  let left = lines - FRAME_LINES;
  const kubectl = left >= 6;
  const legend = left >= 7;
  left -= Number(kubectl) + Number(legend);
  // a title and a line for each list
  const leastLists = left >= 6 ? (beside ? 2 : 4) : left >= 3 ? 2 : 0;
  const nodes = Math.max(1, Math.min(nodeCount, left - leastLists));
  left -= nodes;
  const air = left >= AIR_FROM;
  if (air) left -= 2;
  if (leastLists === 0) return { columns, lines, nodes, waiting: 0, events: 0, beside, legend, kubectl, air };
  if (leastLists === 2 && !beside)
    return { columns, lines, nodes, waiting: 0, events: left - 1, beside, legend, kubectl, air };
  if (beside) return { columns, lines, nodes, waiting: left - 1, events: left - 1, beside, legend, kubectl, air };
  const waiting = Math.min(WAITING_AT_MOST, Math.floor((left - 2) / 2));
  return { columns, lines, nodes, waiting, events: left - 2 - waiting, beside, legend, kubectl, air };
}
