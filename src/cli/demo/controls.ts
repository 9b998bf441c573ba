/** From what was typed to what is done: the cluster, the load and the marks on the screen. */
import { nodeClock } from '../../kube/node-adapter.ts';
import type { DemoCluster } from './cluster.ts';
import { cordon, drain } from './drain.ts';
import type { Action } from './keys.ts';
import type { Load } from './load.ts';
import type { Story } from './story.ts';
import type { ViewState } from './view/view.ts';

export type ControlParts = {
  readonly story: Story;
  readonly cluster: Pick<DemoCluster, 'user' | 'extender'>;
  readonly load: Load;
  readonly onQuit: () => void;
};

export class Controls {
  readonly #parts: ControlParts;
  ui: ViewState;

  constructor(parts: ControlParts) {
    this.#parts = parts;
    // the first nodes of the mix fill last: draining the second shows something
    this.ui = { marked: Math.min(1, parts.story.state.nodes.length - 1), paused: false, help: false };
  }

  act(action: Action): void {
    const { story, cluster, load, onQuit } = this.#parts;
    const { nodes, extender } = story.state;
    const marked = nodes[this.ui.marked]?.name ?? '';
    const drainer = { transport: cluster.user, clock: nodeClock };
    const attempt = (work: Promise<void>): void =>
      void work.catch((error: Error) => story.happened({ kind: 'said', what: 'refused', text: error.message }));
    switch (action) {
      case 'add':
        story.happened({ kind: 'said', what: 'load', text: `${load.burst()} pods more, at once` });
        break;
      case 'kill':
        if (!cluster.extender.kill() || extender.state === 'down')
          story.happened({ kind: 'said', what: 'refused', text: 'the extender is dead already' });
        break;
      case 'drain':
        attempt(drain(drainer, marked));
        break;
      case 'uncordon':
        attempt(cordon(drainer, marked, false));
        break;
      case 'preempt':
        story.happened({ kind: 'said', what: 'urgent', text: load.urgent() });
        break;
      case 'pause':
        load.paused = !load.paused;
        this.ui = { ...this.ui, paused: load.paused };
        story.happened({
          kind: 'said',
          what: 'paused',
          text: load.paused ? 'no new pods until space is pressed again' : 'pods arrive again',
        });
        break;
      case 'help':
        this.ui = { ...this.ui, help: !this.ui.help };
        break;
      case 'up':
        this.ui = { ...this.ui, marked: Math.max(0, this.ui.marked - 1) };
        break;
      case 'down':
        this.ui = { ...this.ui, marked: Math.min(nodes.length - 1, this.ui.marked + 1) };
        break;
      case 'quit':
        onQuit();
    }
  }
}
