/** What all replays of one command are about, and how they say what came of them. */
import type { NodePolicy } from '../../src/core/gpu/request.ts';
import type { NodeFacts } from '../../src/core/placement/node-facts.ts';
import type { Options } from './options.ts';
import type { Progress } from './progress.ts';
import type { TracePod } from './trace.ts';

/** One workload under one policy. */
export type Trial = {
  readonly options: Options;
  readonly nodes: readonly NodeFacts[];
  readonly workload: string;
  readonly pods: readonly TracePod[];
  readonly policy: NodePolicy;
  readonly progress: Progress;
  /** One line for people, or the object for programs. */
  readonly print: (text: string, object: object) => void;
};
