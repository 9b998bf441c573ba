/**
 * The kinds a recording holds, each with its projection and with what is kept of its objects. `told…` are what the decode thread
 * loads by name while a recording runs: facts as always, and beside them the kept part as JSON.
 */
import { projectNode } from '../project-node.ts';
import { projectPdb } from '../project-pdb.ts';
import { projectPod, projectPodAliyunMib } from '../project-pod.ts';
import { projectSlice } from '../project-slice.ts';
import { keepNode, keepPdb, keepSlice } from './keep-objects.ts';
import { keepPod } from './keep-pod.ts';

export const KEPT_KINDS = ['nodes', 'resourceslices', 'pods', 'poddisruptionbudgets'] as const;
export type KeptKind = (typeof KEPT_KINDS)[number];
export const isKept = (kind: string): kind is KeptKind => (KEPT_KINDS as readonly string[]).includes(kind);

/** facts and what is kept of the object they come from */
export type Kept<T> = { readonly facts: T; readonly kept: string };

/** Hears of every object just before the picture does, in the same order. */
export type Told = {
  put(kind: KeptKind, uid: string, kept: string): void;
  gone(kind: KeptKind, key: { readonly uid: string; readonly namespace: string; readonly name: string }): void;
};

const telling =
  <T>(project: (object: unknown) => T | null, keep: (object: unknown) => object) =>
  (object: unknown): Kept<T> | null => {
    const facts = project(object);
    return facts === null ? null : { facts, kept: JSON.stringify(keep(object)) };
  };

export const toldNode = telling(projectNode, keepNode);
export const toldSlice = telling(projectSlice, keepSlice);
export const toldPdb = telling(projectPdb, keepPdb);
export const toldPod = telling(projectPod, keepPod);
export const toldPodAliyunMib = telling(projectPodAliyunMib, keepPod);

export const TOLD_NAMES = {
  nodes: 'toldNode',
  resourceslices: 'toldSlice',
  pods: 'toldPod',
  poddisruptionbudgets: 'toldPdb',
} as const satisfies Record<KeptKind, string>;
