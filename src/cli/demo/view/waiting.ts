/** Pods that wait, a gang's on one line: what each wants, how long it waits, and the scheduler's reason. */
import type { ReactElement } from 'react';
import { type WaitingRow, waitingOf, waitingRowsOf } from '../model.ts';
import { shortReason } from '../reason.ts';
import { lines, ruled } from './lines.ts';
import type { Paint } from './paint.ts';
import { colourOf } from './teams.ts';
import type { PanelProps } from './view.ts';

const NAME_WIDTH = 12;
const ASK_WIDTH = 12;

function waitingLine(pod: WaitingRow, nowMs: number, paint: Paint): string {
  const seconds = Math.max(0, Math.round((nowMs - pod.createdMs) / 1000));
  const name = pod.name.padEnd(NAME_WIDTH);
  const reason = pod.reason === '' ? 'not looked at yet' : shortReason(pod.reason);
  const label = paint.colour ? paint.tint(colourOf(pod.team), name) : name;
  return ` ${label} ${pod.ask.padEnd(ASK_WIDTH)} ${paint.yellow(`${seconds} s`.padStart(5))}  ${paint.dim(reason)}`;
}

export function Waiting({ view, layout, paint, width }: PanelProps & { readonly width: number }): ReactElement | null {
  if (layout.waiting === 0) return null;
  const waiting = waitingOf(view.state);
  const title = waiting.length === 0 ? 'nobody waits' : `${waiting.length} waiting, and why`;
  const texts = waitingRowsOf(view.state)
    .slice(0, layout.waiting)
    .map((pod) => waitingLine(pod, view.nowMs, paint));
  return lines([paint.dim(ruled(title, width)), ...texts], width, layout.waiting + 1);
}
