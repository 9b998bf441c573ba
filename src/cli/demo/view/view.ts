/** All that the screen shows, and nothing that it does. */
import type { DemoState } from '../model.ts';
import type { Layout } from './layout.ts';
import type { Paint } from './paint.ts';

/** what the user did to the screen and to the load */
export type ViewState = {
  /** position of the marked node among the nodes */
  readonly marked: number;
  readonly paused: boolean;
  readonly help: boolean;
};

export type View = {
  readonly state: DemoState;
  readonly ui: ViewState;
  readonly elapsedMs: number;
  readonly forSeconds: number | null;
  /** lately */
  readonly podsPerSecond: number;
  /** wall clock, ms since the epoch */
  readonly nowMs: number;
  readonly kubeconfig: string;
  /** false: nothing can be typed */
  readonly keyboard: boolean;
};

export type PanelProps = { readonly view: View; readonly layout: Layout; readonly paint: Paint };

/** `01:05` */
export function clock(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  return `${String(Math.floor(seconds / 60)).padStart(2, '0')}:${String(seconds % 60).padStart(2, '0')}`;
}
