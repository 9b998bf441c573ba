/** The line to copy for kubectl, and the keys. */
import type { ReactElement } from 'react';
import { KEYS } from '../keys.ts';
import { kubectlLine } from '../kubeconfig.ts';
import { lines } from './lines.ts';
import type { PanelProps } from './view.ts';

export function Footer({ view, layout, paint }: PanelProps): ReactElement {
  const wide = KEYS.map(({ key, short }) => `${key} ${short}`).join('  ').length < layout.columns;
  const keys = view.keyboard
    ? KEYS.map(({ key, short, shorter }) => `${paint.bold(key)} ${wide ? short : shorter}`).join('  ')
    : 'no keyboard here: Ctrl-C ends the demo';
  // nothing before it: it is selected with the mouse
  const kubectl = paint.dim(kubectlLine(view.kubeconfig));
  const texts = layout.kubectl ? [kubectl, ` ${keys}`] : [` ${keys}`];
  return lines(texts, layout.columns, texts.length);
}
