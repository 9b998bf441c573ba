/** All cases of a directory: which runner answers which, and how each ended. No case is left out. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ZodError, z } from 'zod';
import * as allocator from './allocator.ts';
import { type CaseHead, caseFile, caseHead } from './case-file.ts';
import * as hami from './hami.ts';
import * as hived from './hived.ts';
import * as kai from './kai.ts';
import * as preemption from './preempt.ts';
import { addTo, emptyTally, fails, notYet, type Tally, type Verdict } from './verdict.ts';
import * as vgpu from './vgpu-manager.ts';

type Runner = (raw: unknown) => Verdict;

const queues: Runner = () => notYet('queues');

/** Whose cases a file holds, by the repository it names as its source; a file without one by its folder. */
const PROJECTS: Readonly<Record<string, string>> = {
  'Project-HAMi/HAMi': 'hami',
  'coldzerofear/vgpu-manager': 'vgpu-manager',
  'NVIDIA/go-gpuallocator': 'gpuallocator',
  'kai-scheduler/KAI-Scheduler': 'kai',
  'microsoft/hivedscheduler': 'hived',
  'kubernetes-sigs/kueue': 'kueue-fair',
};

/** project → kind → runner; `mode` stands for every case that has one. */
const RUNNERS: Readonly<Record<string, Readonly<Record<string, Runner>>>> = {
  hami: {
    place: hami.place,
    'place-one': hami.placeOne,
    fit: hami.fit,
    'gpu-order': hami.gpuOrder,
    'node-order': hami.nodeOrder,
    'gpu-score': hami.score,
    'node-score': hami.score,
    'select-gpu': hami.selectGpu,
    'parse-request': hami.parseRequest,
    'decode-node': hami.decodeNode,
    quota: hami.quota,
  },
  'vgpu-manager': {
    place: vgpu.place,
    'place-one': vgpu.placeOne,
    'resolve-needs': vgpu.resolveNeeds,
    'numa-fit': vgpu.numaFit,
    'numa-order': vgpu.numaOrder,
    'node-order': vgpu.nodeOrder,
    'node-check': vgpu.nodeCheck,
    'reservation-counts': vgpu.reservationCounts,
    preempt: preemption.preempt,
    'preempt-protected': preemption.preemptProtected,
    'preempt-eligible': preemption.preemptEligible,
    'victim-order': preemption.victimOrder,
    'pdb-bound': preemption.pdbBound,
  },
  gpuallocator: { choose: allocator.choose, sequence: allocator.sequence },
  kai: {
    mode: kai.placement,
    'fair-share': queues,
    'reclaimer-fits': queues,
    'can-reclaim': queues,
    'victim-queue': queues,
  },
  hived: { '': hived.sequence },
  'kueue-fair': {
    'dominant-share': queues,
    borrowing: queues,
    'weighted-share': queues,
    'fair-preempt': queues,
    'victim-queue-order': queues,
    'preempt-policy': queues,
  },
};

export type Ended = {
  readonly folder: string;
  readonly file: string;
  readonly name: string;
  readonly verdict: Verdict;
};
export type Report = {
  readonly cases: readonly Ended[];
  readonly folders: ReadonlyMap<string, Tally>;
  readonly total: Tally;
};

/** `directory` holds a folder per project with files of cases; it may be one such folder, too. Throws when it cannot be read or holds none. */
export function runDirectory(directory: string): Report {
  const cases: Ended[] = [];
  const entries = readdirSync(directory, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  const flat = entries.filter((entry) => entry.isFile() && entry.name.endsWith('.json'));
  const own = directory.replaceAll('\\', '/').split('/').filter(Boolean).at(-1) ?? '';
  for (const { name } of flat) cases.push(...runFile(own, directory, name));
  for (const folder of entries.filter((entry) => entry.isDirectory())) {
    const files = readdirSync(join(directory, folder.name)).filter((name) => name.endsWith('.json'));
    for (const name of files.sort()) cases.push(...runFile(folder.name, join(directory, folder.name), name));
  }
  if (cases.length === 0)
    throw new Error(`${directory} holds no cases: it needs a folder per project with .json files`);
  const folders = new Map<string, Tally>();
  const total = emptyTally();
  for (const { folder, verdict } of cases) {
    const tally = folders.get(folder) ?? emptyTally();
    folders.set(folder, tally);
    tally[verdict.result]++;
  }
  for (const tally of folders.values()) addTo(total, tally);
  return { cases, folders, total };
}

function runFile(folder: string, at: string, file: string): Ended[] {
  const unreadable = (why: string): Ended[] => [{ folder, file, name: '(the file)', verdict: fails(why) }];
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(join(at, file), 'utf8'));
  } catch (error) {
    return unreadable(`cannot be read: ${(error as Error).message}`);
  }
  const read = caseFile.safeParse(content);
  if (!read.success) return unreadable('is no file of cases');
  const repository = read.data.source?.repository ?? '';
  const project = (Object.hasOwn(PROJECTS, repository) ? PROJECTS[repository] : undefined) ?? folder;
  return read.data.cases.map((raw, index): Ended => {
    const head = caseHead.safeParse(raw);
    if (!head.success) return { folder, file, name: `#${index}`, verdict: fails('the case has no name') };
    return { folder, file, name: head.data.name, verdict: runCase(project, head.data, raw) };
  });
}

function runCase(project: string, head: CaseHead, raw: unknown): Verdict {
  const kinds = Object.hasOwn(RUNNERS, project) ? RUNNERS[project] : undefined;
  const kind = head.mode === undefined ? (head.kind ?? '') : 'mode';
  const runner = kinds === undefined || !Object.hasOwn(kinds, kind) ? undefined : kinds[kind];
  if (runner === undefined) return notYet('unknown-kind', `${project}/${head.kind ?? head.mode ?? 'without a kind'}`);
  try {
    return runner(raw);
  } catch (error) {
    const why = error instanceof ZodError ? z.prettifyError(error).replaceAll(/\s+/g, ' ') : (error as Error).message;
    return fails(`the case cannot be run: ${why.slice(0, 500)}`);
  }
}
