/** Text on the screen: a column of lines, none of them longer than its width. React elements without JSX: this source runs as it is. */
import { Box, Text } from 'ink';
import { createElement, type ReactElement } from 'react';

/** Exactly `height` lines: what is missing is empty, what is too much is left out. */
export function lines(texts: readonly string[], width: number, height: number): ReactElement {
  const rows = Array.from({ length: height }, (_, at) =>
    // an empty text would have no height
    createElement(Text, { key: at, wrap: 'truncate-end' }, texts[at] || ' '),
  );
  return createElement(Box, { flexDirection: 'column', width, height, overflow: 'hidden' }, ...rows);
}

/** `── waiting (3) ─────` */
export function ruled(title: string, width: number): string {
  return `── ${title} ${'─'.repeat(Math.max(0, width - title.length - 5))}`;
}
