/** What one sees, and what one can do: in place of the nodes and lists. */
import type { ReactElement } from 'react';
import { KEYS } from '../keys.ts';
import { kubectlLine } from '../kubeconfig.ts';
import { lines } from './lines.ts';
import { legendLine } from './nodes.ts';
import type { PanelProps } from './view.ts';

const KEY_WIDTH = 7;

export function Help({ view, layout, paint, height }: PanelProps & { readonly height: number }): ReactElement {
  const texts = [
    '',
    ...KEYS.map(({ key, long }) => ` ${paint.bold(key.padEnd(KEY_WIDTH))}${long}`),
    '',
    legendLine(paint),
    '',
    ' Pods ask for shares of GPUs, for memory of one, or for whole ones. A model of',
    ' kube-scheduler asks the real Muster extender, which picks the device; claims on',
    ' the pods are added up here by a watch of its own.',
    '',
    ' The API is real enough for kubectl:',
    '',
    kubectlLine(view.kubeconfig),
  ];
  return lines(texts, layout.columns, height);
}
