/** What happens in the demo, as the model takes it: facts read from the API, from the extender's process, and what the user did. */

/** a device as the demo's own node objects describe it */
export type KnownDevice = {
  readonly node: string;
  readonly index: number;
  /** null: the node tells no uuids, claims name the index */
  readonly uuid: string | null;
  readonly mib: number;
};

export type NodeRow = { readonly name: string; readonly model: string; readonly devices: readonly KnownDevice[] };

/** one device in a claim, as written on the pod */
export type ClaimedShare = {
  readonly uuid: string;
  readonly index: number | null;
  readonly mib: number;
  readonly milli: number;
};

/** One version of a pod. */
export type PodFacts = {
  readonly uid: string;
  readonly name: string;
  readonly team: string;
  /** the gang that it starts with, '' without one */
  readonly gang: string;
  /** what it asks for, in a few letters */
  readonly ask: string;
  readonly urgent: boolean;
  /** wall clock, ms since the epoch */
  readonly createdMs: number;
  /** '' while it waits */
  readonly node: string;
  readonly phase: string;
  /** why it failed */
  readonly message: string;
  /** why the scheduler left it waiting; '' before it said so */
  readonly reason: string;
  /** null: no claim; a text: what is wrong with it */
  readonly claim: readonly ClaimedShare[] | null | string;
  readonly deleting: boolean;
  readonly preempted: boolean;
};

export type ExtenderChange =
  | { readonly state: 'started'; readonly pid: number }
  /** its books are read from the API: healthy devices in them, time since its start */
  | { readonly state: 'rebuilt'; readonly pid: number; readonly devices: number; readonly ms: number }
  | { readonly state: 'deciding'; readonly pid: number /** why it decides */; readonly leadership: string }
  | { readonly state: 'ended'; readonly pid: number; readonly how: string };

/** `atMs`: since the demo began. */
export type DemoEvent = { readonly atMs: number } & (
  | { readonly kind: 'pod'; readonly pod: PodFacts }
  | { readonly kind: 'pod-gone'; readonly uid: string }
  | { readonly kind: 'node'; readonly name: string; readonly cordoned: boolean }
  | { readonly kind: 'extender'; readonly change: ExtenderChange }
  /** what the user did, or what went wrong, in words */
  | {
      readonly kind: 'said';
      readonly what: 'load' | 'urgent' | 'paused' | 'refused' | 'problem';
      readonly text: string;
    }
);
