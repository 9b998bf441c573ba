/** A node as decisions see it. */
import type { Device } from '../gpu/device.ts';
import type { Resources } from './resources.ts';

export type Taint = { readonly key: string; readonly value: string; readonly effect: string };

/** Everything of a Node that a decision reads: a projection, never the whole object. */
export type NodeFacts = {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  /** spec.unschedulable */
  readonly cordoned: boolean;
  /** condition Ready is True */
  readonly ready: boolean;
  readonly allocatable: Resources;
  /** label `muster.dev/managed: "true"`: all its GPUs belong to Muster */
  readonly managed: boolean;
  /** GPUs from the most trusted source; [] when none is known */
  readonly devices: readonly Device[];
};
