/** A line per node with a bar per device; as many nodes as there is room for, the marked one among them; and what the bars mean. */
import type { ReactElement } from 'react';
import { TEAMS, URGENT_TEAM } from '../load.ts';
import { fillOf, type NodeState, sharesOf } from '../model.ts';
import { percent } from '../plain.ts';
import { colourBar, FREE_LETTER, plainBar, type Segment, WHOLE } from './bar.ts';
import { lines } from './lines.ts';
import type { Paint } from './paint.ts';
import { colourOf, letterOf } from './teams.ts';
import type { PanelProps, View } from './view.ts';

const MODEL_FROM_COLUMNS = 100;
const WIDEST_CELL = 14;
/** mark, spaces, and ` 100 %` at the end */
const AROUND = 9;
const CORDONED = ' cordoned';

function segmentsOf(view: View, node: NodeState): { segments: Segment[]; over: boolean; fill: number }[] {
  return node.devices.map((device) => {
    const shares = sharesOf(view.state, device);
    const fill = fillOf(device, shares);
    const segments = shares.map(({ team, mib, milli }) => ({
      team,
      size: mib / device.mib,
      whole: milli === 1000 && mib === device.mib,
    }));
    return { segments, over: fill > 1000, fill };
  });
}

function nodeLine(
  view: View,
  node: NodeState,
  at: number,
  widths: { name: number; model: number; cell: number },
  paint: Paint,
): string {
  const mark = view.ui.marked === at ? paint.bold('▸') : ' ';
  const name = node.name.padEnd(widths.name);
  const label = node.cordoned ? paint.yellow(name) : paint.bold(name);
  const model = widths.model > 0 ? ` ${paint.dim(node.model.padEnd(widths.model))}` : '';
  if (node.devices.length === 0)
    return `${mark}${label}${model} ${paint.dim('no GPU: pods without GPUs run here too')}`;
  const devices = segmentsOf(view, node);
  const bar = paint.colour ? colourBar : plainBar;
  const bars = devices.map(({ segments, over }) => bar(segments, widths.cell, over)).join(' ');
  const mean = Math.round(devices.reduce((sum, one) => sum + one.fill, 0) / devices.length);
  const end = node.cordoned ? paint.yellow(`${percent(mean)}${CORDONED}`) : paint.dim(percent(mean));
  return `${mark}${label}${model} ${bars} ${end}`;
}

/** Position of the first node shown. */
export function firstShown(marked: number, shown: number, count: number): number {
  return Math.max(0, Math.min(count - shown, marked - Math.floor(shown / 2)));
}

/** What the bars mean. */
export function legendLine(paint: Paint): string {
  const teams = [...TEAMS, URGENT_TEAM];
  if (!paint.colour) {
    const letters = teams.map((team) => `${letterOf(team)} ${team}`).join(' ');
    return ` A bar is a GPU: ${letters} ${FREE_LETTER} free; CAPITALS whole`;
  }
  const blocks = teams.map((team) => paint.tint(colourOf(team), `█ ${team}`)).join(' ');
  return ` ${paint.dim('A bar is a GPU:')} ${blocks} ${paint.dim(`· ${WHOLE}${WHOLE}${WHOLE} a whole GPU`)}`;
}

export function Nodes({ view, layout, paint }: PanelProps): ReactElement {
  const { nodes } = view.state;
  const { columns, air, legend } = layout;
  const name = Math.max(...nodes.map((node) => node.name.length));
  const model = columns >= MODEL_FROM_COLUMNS ? Math.max(...nodes.map((node) => node.model.length)) : 0;
  const most = Math.max(1, ...nodes.map((node) => node.devices.length));
  const room = columns - name - model - AROUND - CORDONED.length;
  const cell = Math.min(WIDEST_CELL, Math.max(1, Math.floor(room / most) - 1));
  const first = firstShown(view.ui.marked, layout.nodes, nodes.length);
  const texts = nodes
    .slice(first, first + layout.nodes)
    .map((node, at) => nodeLine(view, node, first + at, { name, model, cell }, paint));
  const framed = air ? ['', ...texts, ''] : texts;
  const all = legend ? [...framed, legendLine(paint)] : framed;
  return lines(all, columns, all.length);
}
