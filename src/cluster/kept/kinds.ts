/**
 * The kinds a recording holds, each with its projection and with what is kept of its objects. `told…` are what the decode thread
 * loads by name while a recording runs: facts as always, and beside them the kept part as JSON.
 */
import { projectClass } from '../projection/class.ts';
import { projectGang } from '../projection/gang.ts';
import { projectNode } from '../projection/node.ts';
import { projectPdb } from '../projection/pdb.ts';
import { projectPod, projectPodAliyunMib } from '../projection/pod.ts';
import { projectSlice } from '../projection/slice.ts';
import { keepClass, keepGang, keepNode, keepPdb, keepSlice } from './keep-objects.ts';
import { keepPod } from './keep-pod.ts';

export const KEPT_KINDS = [
  'nodes',
  'resourceslices',
  'pods',
  'poddisruptionbudgets',
  'podgroups',
  'priorityclasses',
] as const;
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
export const toldGang = telling(projectGang, keepGang);
export const toldClass = telling(projectClass, keepClass);
export const toldPod = telling(projectPod, keepPod);
export const toldPodAliyunMib = telling(projectPodAliyunMib, keepPod);

const TOLD = {
  nodes: { name: 'toldNode', project: toldNode },
  resourceslices: { name: 'toldSlice', project: toldSlice },
  pods: { name: 'toldPod', project: toldPod },
  poddisruptionbudgets: { name: 'toldPdb', project: toldPdb },
  podgroups: { name: 'toldGang', project: toldGang },
  priorityclasses: { name: 'toldClass', project: toldClass },
} as const;
const ALIYUN_MIB = { name: 'toldPodAliyunMib', project: toldPodAliyunMib } as const;

/** How objects of a kind are told: the function, and the name under which this module exports it. */
export function toldAs(
  kind: KeptKind,
  aliyunUnit: 'MiB' | 'GiB',
): { readonly name: string; readonly project: (object: unknown) => Kept<unknown> | null } {
  return kind === 'pods' && aliyunUnit === 'MiB' ? ALIYUN_MIB : TOLD[kind];
}
