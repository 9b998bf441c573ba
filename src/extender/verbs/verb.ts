/** What the verbs share: their surroundings and the form of an answer. */
import type { Decider, FilterAnswer } from '../../cluster/decider.ts';
import type { NameLists } from '../codec/name-lists.ts';
import type { KnownPod, ProjectPod } from '../codec/requests.ts';
import { ExtenderError } from '../errors.ts';

export const VERBS = ['filter', 'prioritize', 'preempt', 'bind'] as const;
export type Verb = (typeof VERBS)[number];

/** Label of the latency histogram: `refused` is an answer (nothing fits), `error` is none. */
export const OUTCOMES = ['ok', 'refused', 'malformed', 'not-deciding', 'error'] as const;
export type Outcome = (typeof OUTCOMES)[number];

export type VerbReply = {
  readonly status: number;
  readonly body: Buffer;
  readonly outcome: Outcome;
  /** for the log line of this decision; never bodies */
  readonly pod?: string;
  readonly node?: string;
  readonly detail?: string;
  readonly answer?: FilterAnswer;
  /** it holds whole Node objects */
  readonly wholeNodes?: boolean;
};

/**
 * filter, prioritize and preempt run from first to last line without an await, and Node runs one of them at a time: between
 * looking at the books and holding what was found nothing else can come in. So there is no lock, and there must be no await.
 */
export type VerbContext = {
  readonly decider: Decider;
  readonly lists: NameLists;
  readonly projectPod: ProjectPod;
  /** absent: every pod is read from its request */
  readonly knownPod?: KnownPod;
  readonly shortList: number;
  readonly deciding: () => boolean;
  /** a recording: hears every answer of filter, prioritize and preempt before anything else happens */
  readonly onAnswer?: ((answer: VerbReply) => void) | undefined;
};

/** The text of a failure that the request itself caused; null when it is ours. */
export function requestFault(error: unknown): string | null {
  if (error instanceof ExtenderError && (error.code === 'malformed' || error.code === 'too-large'))
    return error.message;
  return null;
}

export const plainText = (status: number, text: string, outcome: Outcome): VerbReply => ({
  status,
  body: Buffer.from(JSON.stringify({ error: text })),
  outcome,
});
