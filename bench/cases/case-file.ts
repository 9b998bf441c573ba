/** A file of cases as it lies in the directory: what every case has, and the shapes that several kinds share. */
import { z } from 'zod';

export const caseHead = z.looseObject({
  name: z.string(),
  tags: z.array(z.string()).default([]),
  kind: z.string().optional(),
  mode: z.string().optional(),
});
export type CaseHead = z.infer<typeof caseHead>;

export const caseFile = z.looseObject({
  source: z.looseObject({ repository: z.string().optional() }).optional(),
  cases: z.array(z.unknown()),
});

/** A GPU of HAMi or vgpu-manager; memory in MiB, `cores` per cent of one GPU. */
export const gpuShape = z.looseObject({
  id: z.string().default(''),
  index: z.number().default(0),
  numa: z.number().nullish(),
  model: z.string().default(''),
  memMiB: z.number().default(0),
  cores: z.number().default(100),
  slots: z.number().nullish(),
  healthy: z.boolean().default(true),
  cordoned: z.boolean().default(false),
  mode: z.string().nullish(),
  usedMiB: z.number().default(0),
  usedCores: z.number().default(0),
  usedSlots: z.number().default(0),
  linkScores: z.record(z.string(), z.number()).nullish(),
});
export type Gpu = z.infer<typeof gpuShape>;

export const linksShape = z.array(z.tuple([z.number(), z.number(), z.array(z.string())]));
export type Links = z.infer<typeof linksShape>;

export const nodeShape = z.looseObject({
  name: z.string(),
  gpus: z.array(gpuShape),
  links: linksShape.default([]),
  candidate: z.boolean().default(true),
});
export type GpuNode = z.infer<typeof nodeShape>;

const takenShape = z.looseObject({
  gpu: z.string(),
  memMiB: z.number().default(0),
  cores: z.number().default(0),
});
/** Per container what it takes. */
export const allocShape = z.array(z.array(takenShape));
export type Alloc = z.infer<typeof allocShape>;

export const runningShape = z.looseObject({
  name: z.string(),
  node: z.string().nullish(),
  priority: z.number().nullish(),
  phase: z.string().default('Running'),
  owner: z.string().nullish(),
  gang: z.string().nullish(),
  terminating: z.boolean().default(false),
  ageSeconds: z.number().nullish(),
  alloc: allocShape.default([]),
});
export type RunningPod = z.infer<typeof runningShape>;

export const containerShape = z.looseObject({
  name: z.string().optional(),
  count: z.number().default(0),
  memMiB: z.number().nullish(),
  memPercent: z.number().nullish(),
  cores: z.number().nullish(),
  init: z.boolean().default(false),
  sidecar: z.boolean().default(false),
  type: z.string().nullish(),
});
export type AskingContainer = z.infer<typeof containerShape>;

export const policyShape = z.looseObject({
  gpu: z.string().nullish(),
  node: z.string().nullish(),
  topology: z.string().nullish(),
  numaBind: z.boolean().nullish(),
  crossPod: z.boolean().nullish(),
  weights: z.unknown().optional(),
});

export const podShape = z.looseObject({
  name: z.string().default('asking'),
  containers: z.array(containerShape).default([]),
  policy: policyShape.default({}),
  useTypes: z.array(z.string()).nullish(),
  nouseTypes: z.array(z.string()).nullish(),
  useGpus: z.array(z.string()).nullish(),
  nouseGpus: z.array(z.string()).nullish(),
  priority: z.number().nullish(),
  gang: z.string().nullish(),
  alignWith: z.unknown().optional(),
});
export type AskingPod = z.infer<typeof podShape>;

export const interchangeableShape = z.array(z.array(z.string())).default([]);
