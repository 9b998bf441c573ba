/** The live view while the demo runs: a few frames a second, and at once when a key was pressed. */
import { createElement } from 'react';
import type { Controls } from './controls.ts';
import type { DemoOptions } from './options.ts';
import { Rate } from './rate.ts';
import type { Story } from './story.ts';
import { Terminal, type TerminalStreams } from './terminal.ts';
import { App } from './view/app.ts';

const FRAME_MS = 200;
/** of one core at most, for drawing: large pictures are drawn less often */
const DRAWING_SHARE = 0.1;

export type Screen = { close(): void };

export type ScreenParts = {
  readonly story: Story;
  readonly controls: Controls;
  readonly options: DemoOptions;
  readonly kubeconfig: string;
};

export async function watchOnScreen(streams: TerminalStreams, parts: ScreenParts): Promise<Screen> {
  const { story, controls, options, kubeconfig } = parts;
  const { stdout, stdin } = streams;
  const rate = new Rate();
  let podsPerSecond = 0;
  const draw = (): void => {
    story.fold();
    const { elapsedMs } = story;
    terminal.draw(
      createElement(App, {
        view: {
          state: story.state,
          ui: controls.ui,
          elapsedMs,
          forSeconds: options.forSeconds,
          podsPerSecond,
          nowMs: Date.now(),
          kubeconfig,
          keyboard: stdin.isTTY === true,
        },
        columns: stdout.columns || 80,
        rows: stdout.rows || 24,
        colour: stdout.hasColors(256),
        onAction,
      }),
    );
  };
  const onAction = (action: Parameters<Controls['act']>[0]): void => {
    controls.act(action);
    draw();
  };
  let timer: NodeJS.Timeout | null = null;
  const frame = (): void => {
    const began = performance.now();
    podsPerSecond = rate.next(story.elapsedMs, story.state.placed);
    draw();
    timer = setTimeout(frame, Math.max(FRAME_MS, (performance.now() - began) / DRAWING_SHARE));
  };
  const terminal = await Terminal.open(streams, draw);
  frame();
  return {
    close() {
      if (timer !== null) clearTimeout(timer);
      terminal.close();
    },
  };
}
