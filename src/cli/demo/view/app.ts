/** The screen: panels in their places. */
import { Box, useInput } from 'ink';
import { createElement, type ReactElement } from 'react';
import { type Action, actionsOf } from '../keys.ts';
import { Events } from './events.ts';
import { Footer } from './footer.ts';
import { Header } from './header.ts';
import { Help } from './help.ts';
import { layoutOf } from './layout.ts';
import { Nodes } from './nodes.ts';
import { paintOf } from './paint.ts';
import type { PanelProps, View } from './view.ts';
import { Waiting } from './waiting.ts';

export type AppProps = {
  readonly view: View;
  readonly columns: number;
  readonly rows: number;
  readonly colour: boolean;
  readonly onAction: (action: Action) => void;
};

const SMALLEST_LEFT = 40;

export function App({ view, columns, rows, colour, onAction }: AppProps): ReactElement {
  useInput(
    (input, key) => {
      for (const action of actionsOf(input, key)) onAction(action);
    },
    { isActive: view.keyboard },
  );
  const layout = layoutOf(columns, rows, view.state.nodes.length);
  const panel: PanelProps = { view, layout, paint: paintOf(colour) };
  const footerLines = layout.kubectl ? 2 : 1;
  const middle = view.ui.help
    ? createElement(Help, { ...panel, height: layout.lines - 2 - footerLines })
    : createElement(Middle, panel);
  return createElement(
    Box,
    { flexDirection: 'column', width: columns, height: layout.lines, overflow: 'hidden' },
    createElement(Header, panel),
    middle,
    createElement(Footer, panel),
  );
}

function Middle(panel: PanelProps): ReactElement {
  const { columns, beside } = panel.layout;
  const left = beside ? Math.max(SMALLEST_LEFT, Math.floor(columns / 2)) : columns;
  const right = beside ? columns - left : columns;
  return createElement(
    Box,
    { flexDirection: 'column', flexGrow: 1 },
    createElement(Nodes, panel),
    createElement(
      Box,
      { flexDirection: beside ? 'row' : 'column' },
      createElement(Waiting, { ...panel, width: left }),
      createElement(Events, { ...panel, width: right }),
    ),
  );
}
