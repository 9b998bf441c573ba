/**
 * The lines of a recording, JSON each. First the header; then the state at which it begins: who sits in which slot, the objects
 * (`put`), and what the books remember beside them; then every input in the order in which the books saw it, with what was
 * answered; last `end`, without which the file was cut off.
 */
import type { BooksMemory } from '../../cluster/books.ts';
import type { BindPlan } from '../../cluster/decider.ts';
import type { GangRoom } from '../../cluster/gangs/room.ts';
import type { Hold } from '../../cluster/holds.ts';
import type { KeptKind } from '../../cluster/kept/kinds.ts';
import type { Refused } from '../../cluster/picture.ts';
import type { ExtenderConfig } from '../config.ts';

export const RECORDING = 'muster';
/** Grows when older readers would misread. */
export const FORMAT = 1;

/** What of the configuration decides. No paths, addresses or certificates. */
export const RECORDED_CONFIG = [
  'schedulerName',
  'extraProfiles',
  'leadership',
  'callDeadlineMs',
  'shortList',
  'nodePolicy',
  'devicePolicy',
  'holdSeconds',
  'largestDeviceMib',
  'aliyunUnit',
  'envGuard',
  'placer',
] as const satisfies readonly (keyof ExtenderConfig)[];
export type RecordedConfig = Pick<ExtenderConfig, (typeof RECORDED_CONFIG)[number]>;

export type Header = {
  readonly recording: typeof RECORDING;
  readonly format: number;
  readonly version: string;
  /** hash of the code that decides; '' where it could not be read */
  readonly build: string;
  readonly node: string;
  /** ISO times: when the extender started, when this was written */
  readonly started: string;
  readonly written: string;
  readonly config: RecordedConfig;
};

/** Node names by slot, as base64 of little-endian 16-bit numbers into the last `slots` line, or as they are where that is shorter. */
export type OfferedNames = string | readonly string[];

/** Long answers are kept as their hash, and as what they come to. */
export type Answer =
  | { readonly status: number; readonly text: string }
  /** to a scheduler that sends whole nodes, which are its own words: the nodes chosen */
  | { readonly status: number; readonly chosen: string }
  | { readonly status: number; readonly bytes: number; readonly sha256: string; readonly gist: string };

export type State =
  | { readonly seats: { readonly names: readonly (string | null)[]; readonly vacated: readonly number[] } }
  | { readonly put: KeptKind; readonly uid: string; readonly object: unknown }
  | { readonly memory: Memory };

export type Memory = {
  readonly books: BooksMemory;
  readonly holds: readonly Hold[];
  readonly waiting: readonly (readonly [uid: string, refused: Refused])[];
};

/** `at`: monotonic ms of the recording process; the books read no other time during the turn. */
type Turn = { readonly at: number };
export type PodRef = { readonly uid: string; readonly namespace: string; readonly name: string };

export type Input =
  | { readonly put: KeptKind; readonly uid: string; readonly object: unknown }
  /** the same as before, as far as it is kept */
  | { readonly again: KeptKind; readonly uid: string }
  | ({ readonly gone: KeptKind } & PodRef)
  /** the ring began another part: the books began anew from the picture */
  | { readonly anew: true }
  /** names by slot, for the offers that follow */
  | { readonly slots: readonly (string | null)[] }
  | (Turn & {
      readonly filter: unknown;
      readonly offered: OfferedNames;
      readonly shortList: number;
      readonly answer?: Answer;
    })
  | (Turn & { readonly prioritize: unknown; readonly offered: OfferedNames; readonly answer?: Answer })
  | (Turn & { readonly preempt: unknown; readonly candidates: readonly Candidate[]; readonly answer?: Answer })
  | (Turn & { readonly bind: number; readonly pod: PodRef; readonly node: string; readonly plan: BindPlan })
  | (Turn & { readonly awaitAtBind: string; readonly node: string; readonly ms: number })
  | (Turn & { readonly dropPlan: string; readonly late: boolean })
  | (Turn & { readonly landed: string })
  | (Turn & { readonly refused: string })
  | (Turn & { readonly unknown: string })
  | (Turn & { readonly readBack: string; readonly node: string | null })
  | (Turn & { readonly sweep: true })
  | (Turn & { readonly wake: readonly string[] })
  | (Turn & { readonly notWoken: string })
  | (Turn & { readonly explain: { readonly namespace: string; readonly name: string } })
  | (Turn & { readonly explainGang: string })
  | (Turn & { readonly restore: true })
  | (Turn & { readonly planPod: string })
  | (Turn & { readonly planGang: string })
  /** ms since the epoch: what deadlines on pods are compared with */
  | (Turn & { readonly restorePlans: number })
  | (Turn & { readonly unwritable: string })
  | (Turn & { readonly evictFor: string })
  /** room that was found for a gang over several turns */
  | (Turn & { readonly keepRoom: string; readonly room: GangRoom });

export type Candidate = {
  readonly node: string;
  readonly victims: readonly string[] | null;
  readonly pdbViolations?: number;
};

/** What does not come from or go to the books: calls of the API, what bind answered in the end, who leads. */
export type Note =
  | (Turn & {
      readonly call: number;
      readonly method: string;
      readonly path: string;
      readonly bind?: number;
      readonly body?: unknown;
    })
  /** status 0: no answer, and why */
  | (Turn & {
      readonly called: number;
      readonly status: number;
      readonly why?: string;
      readonly retryAfter?: number | null;
      readonly body?: unknown;
    })
  | (Turn & { readonly bound: number; readonly error: string; readonly outcome: string })
  | (Turn & { readonly deciding: boolean; readonly why: string });

export type End = { readonly end: number };
export type Line = State | Input | Note | End;
