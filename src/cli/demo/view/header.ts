/** Two lines: what this is and how the extender is; what was reached so far. */
import type { ReactElement } from 'react';
import { allocatedOf, type ExtenderView, runningOf, waitingOf } from '../model.ts';
import { percent } from '../plain.ts';
import { lines } from './lines.ts';
import type { Paint } from './paint.ts';
import { clock, type PanelProps, type View } from './view.ts';

/** the longest that fits */
const ABOUT = ['GPU fractions on the stock kube-scheduler', 'GPU fractions, stock kube-scheduler', 'GPU fractions', ''];
const NAME = ' Muster';
const BETWEEN = '  ';
const NARROW = 60;

function extenderText({ state, pid }: ExtenderView, narrow: boolean, paint: Paint): [text: string, painted: string] {
  const sign = { starting: '◐', deciding: '●', down: '✖' }[state];
  const does = { starting: 'reads the API', deciding: 'decides', down: 'is dead' }[state];
  const text = narrow ? `${sign} extender` : `${sign} extender ${pid} ${does}`;
  const colour = { starting: paint.yellow, deciding: paint.green, down: paint.red }[state];
  return [text, colour(text)];
}

export function Header({ view, layout, paint }: PanelProps): ReactElement {
  const { state, elapsedMs, forSeconds } = view;
  const { columns } = layout;
  const time = `${clock(elapsedMs)}${forSeconds === null ? '' : ` / ${clock(forSeconds * 1000)}`}`;
  const [extender, extenderPainted] = extenderText(state.extender, columns < NARROW, paint);
  const paused = view.ui.paused ? 'PAUSED  ' : '';
  const right = `${paused}${extender}  ${time} `;
  const room = columns - NAME.length - [...right].length - BETWEEN.length - 1;
  const about = ABOUT.find((text) => text.length <= room) ?? '';
  const gap = ' '.repeat(Math.max(1, room + 1 - about.length));
  const title = `${paint.bold(NAME)}${BETWEEN}${paint.dim(about)}${gap}${paint.yellow(paused)}${extenderPainted}  ${time} `;
  const counters = countersLine(view, columns, paint);
  return lines([title, counters], columns, 2);
}

/** Those that fit, the first ones first. */
function countersLine({ state, podsPerSecond }: View, columns: number, paint: Paint): string {
  const { fullest } = state;
  const counters: [text: string, style: (text: string) => string][] = [
    [`${podsPerSecond.toFixed(1)} pods/s`, String],
    [`running ${runningOf(state)}`, String],
    [`waiting ${waitingOf(state).length}`, String],
    [`GPUs ${percent(allocatedOf(state, state.nodes))} allocated`, paint.bold],
    [`fullest ever ${percent(fullest)}`, fullest > 1000 ? paint.red : paint.bold],
    [`placed ${state.placed}`, String],
    [`evicted ${state.evicted}`, String],
    [`preempted ${state.preempted}`, String],
  ];
  let line = '';
  let length = 0;
  for (const [text, style] of counters) {
    length += 2 + text.length;
    if (length > columns && line !== '') break;
    line += `${line === '' ? ' ' : '  '}${style(text)}`;
  }
  return line;
}
