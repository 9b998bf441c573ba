/** What happened, newest first. Bound pods come many a second: what is rarer stays in sight for a while. */
import type { ReactElement } from 'react';
import type { EventLine, LineKind } from '../model.ts';
import { lines, ruled } from './lines.ts';
import type { Paint } from './paint.ts';
import { clock, type PanelProps } from './view.ts';

const NOTABLE_FOR_MS = 30_000;
const KIND_WIDTH = 10;

function colourOf(kind: LineKind, paint: Paint): (text: string) => string {
  switch (kind) {
    case 'killed':
    case 'fault':
    case 'refused':
    case 'problem':
      return paint.red;
    case 'bound':
    case 'leader':
    case 'rebuilt':
    case 'uncordoned':
      return paint.green;
    default:
      return paint.yellow;
  }
}

/**
 * At most `room` lines, newest first: of the last half minute the newest of each notable kind, then more of them; and at least one of
 * the others.
 */
export function shownLines(all: readonly EventLine[], nowMs: number, room: number): EventLine[] {
  const newestFirst = all.toReversed();
  const notable = newestFirst.filter((line) => line.notable && line.atMs > nowMs - NOTABLE_FOR_MS);
  const others = newestFirst.filter((line) => !line.notable);
  const firsts = new Set([...Map.groupBy(notable, (line) => line.kind).values()].map(([first]) => first));
  const ranked = [...notable.filter((line) => firsts.has(line)), ...notable.filter((line) => !firsts.has(line))];
  const kept = ranked.slice(0, others.length > 0 && room > 1 ? room - 1 : room);
  return [...kept, ...others.slice(0, room - kept.length)].sort((a, b) => b.atMs - a.atMs);
}

export function Events({ view, layout, paint, width }: PanelProps & { readonly width: number }): ReactElement | null {
  if (layout.events === 0) return null;
  const texts = shownLines(view.state.lines, view.elapsedMs, layout.events).map(
    ({ atMs, kind, text }) =>
      ` ${paint.dim(clock(atMs))} ${colourOf(kind, paint)(kind.padEnd(KIND_WIDTH))} ${kind === 'fault' ? paint.red(text) : text}`,
  );
  return lines([paint.dim(ruled('what happens', width)), ...texts], width, layout.events + 1);
}
