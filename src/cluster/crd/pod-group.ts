/** `PodGroup` of muster.dev: pods that start together. Pods name it with the label `muster.dev/pod-group`. */
import { z } from 'zod';
import { type CustomKind, keyedBy, rules } from './definition.ts';

export const POD_GROUP_VERSION = 'v1alpha1';
const MOST_MEMBERS = 100_000;
/** CEL looks at every pair of them */
const MOST_SUB_GROUPS = 64;
/** status is for people; a gang may be on thousands of nodes */
export const MOST_PLAN_NODES = 256;

const nodeLabel = z
  .string()
  .min(1)
  .max(317)
  .regex(/^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/);
const dnsLabel = z
  .string()
  .min(1)
  .max(63)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/);
const count = z.int().min(1).max(MOST_MEMBERS);

const topology = z
  .object({
    required: nodeLabel
      .optional()
      .describe('Node label key: all members in one domain of it (nodes with the same value), or they wait.'),
    preferred: nodeLabel
      .optional()
      .describe('Node label key: in one domain of it if possible, else in as few as it takes.'),
  })
  .describe('How near to each other the members must be.');

const subGroupCount = z.int().min(1).max(MOST_SUB_GROUPS);

const subGroup = z.object({
  name: dnsLabel.describe('Pods name it with the label muster.dev/sub-group.'),
  parent: dnsLabel.optional().describe('Another sub-group that this one is part of.'),
  minMember: z
    .int()
    .min(0)
    .max(MOST_MEMBERS)
    .describe(
      'How many of its own members, those of its children not counted, start with the gang. 0: it only holds others.',
    ),
  minSubGroup: subGroupCount
    .optional()
    .describe('How many of the sub-groups that name this one as their parent are needed. Default: all.'),
  topology: topology.optional(),
});

export const podGroupSpec = z
  .object({
    minMember: count.describe(
      'How many members start together, those of sub-groups included. Further ones are placed one by one.',
    ),
    scheduleTimeoutSeconds: z
      .int()
      .min(1)
      .max(86_400)
      .optional()
      .describe(
        'How long a plan is kept for members on their way to their nodes, and members that arrived first wait for the others (at most 50 s of it at bind). Then the whole plan is given up, and the gang is planned again after some seconds. Default: holdSeconds of the configuration.',
      ),
    queue: z
      .string()
      .max(253)
      .optional()
      .describe('The queue that it is charged to. Shown in the status; nothing is decided by it yet.'),
    priorityClassName: z
      .string()
      .max(253)
      .optional()
      .describe(
        'A PriorityClass, whose value is the place of the gang in the line of the placer, whatever its pods say. Not there: the gang waits and says so. Preemption by kube-scheduler goes by the priority of the pods.',
      ),
    topology: topology.optional(),
    subGroups: z
      .array(subGroup)
      .max(MOST_SUB_GROUPS)
      .meta(keyedBy('name'))
      .optional()
      .describe('Parts with a minimum and a place of their own.'),
    minSubGroup: subGroupCount
      .optional()
      .describe('How many of the sub-groups without a parent start with the gang, whichever find room. Default: all.'),
    onMemberLoss: z
      .enum(['keep', 'restart', 'evict'])
      .optional()
      .describe(
        'What happens when fewer than minMember are alive for longer than the grace. keep: only the status says so. restart: all members are evicted, waiting ones too, and come again when their controller makes them. evict: those that run are evicted. Default: keep.',
      ),
  })
  .meta(
    rules(
      {
        rule: '!has(self.subGroups) || has(self.minSubGroup) || self.subGroups.exists(s, has(s.minSubGroup)) || self.subGroups.map(s, s.minMember).sum() <= self.minMember',
        message: 'minMember must be at least the sum of minMember of all sub-groups',
      },
      {
        rule: '!has(self.minSubGroup) || (has(self.subGroups) && self.minSubGroup <= self.subGroups.filter(s, !has(s.parent)).size())',
        message: 'minSubGroup must be at most the number of sub-groups without a parent',
      },
      {
        rule: '!has(self.subGroups) || self.subGroups.all(s, !has(s.parent) || self.subGroups.exists(p, p.name == s.parent))',
        message: 'parent must be the name of another sub-group',
      },
      {
        rule: '!has(self.subGroups) || self.subGroups.all(s, !has(s.parent) || (s.parent != s.name && !self.subGroups.exists(p, p.name == s.parent && has(p.parent) && p.parent == s.name)))',
        message: 'a sub-group may not be its own ancestor',
      },
    ),
  );

const condition = z.object({
  type: z.string().max(316),
  status: z.enum(['True', 'False', 'Unknown']),
  reason: z.string().max(1024),
  message: z.string().max(32_768),
  lastTransitionTime: z.string().meta({ format: 'date-time' }),
  observedGeneration: z.int().min(0).optional(),
});

export const POD_GROUP_PHASES = ['Pending', 'Planned', 'Running', 'Degraded', 'Finished', 'Failed'] as const;
export type PodGroupPhase = (typeof POD_GROUP_PHASES)[number];

export const podGroupStatus = z.object({
  phase: z
    .string()
    .max(32)
    .optional()
    .describe(
      'Pending: waits, reason says why. Planned: every member of the minimum has its place kept. Running: the minimum runs or has succeeded. Degraded: it ran, and fewer are alive now. Finished: all have succeeded. Failed: all have ended and too few succeeded.',
    ),
  reason: z.string().max(64).optional().describe('The one reason why it waits or is Degraded, from a fixed list.'),
  message: z.string().max(1024).optional().describe('The same for people: what is missing, where it comes closest.'),
  members: z
    .object({
      needed: z.int().min(0),
      waiting: z.int().min(0),
      planned: z.int().min(0),
      bound: z.int().min(0).describe('Alive on a node, or succeeded.'),
    })
    .optional(),
  queue: z.string().optional().describe('As spec.queue says.'),
  priority: z.int().optional().describe('The priority by which the gang has its place in the line.'),
  plan: z.array(z.string()).max(MOST_PLAN_NODES).optional().describe('Nodes where places are kept, by name.'),
  observedGeneration: z.int().min(0).optional(),
  conditions: z.array(condition).max(16).meta(keyedBy('type')).optional(),
});
export type PodGroupStatus = z.output<typeof podGroupStatus>;

export const POD_GROUP: CustomKind = {
  kind: 'PodGroup',
  plural: 'podgroups',
  singular: 'podgroup',
  shortNames: ['mpg'],
  version: POD_GROUP_VERSION,
  description: 'Pods that start together or not at all.',
  spec: podGroupSpec,
  status: podGroupStatus,
  columns: [
    { name: 'Phase', type: 'string', jsonPath: '.status.phase' },
    { name: 'Min', type: 'integer', jsonPath: '.spec.minMember', description: 'members that start together' },
    { name: 'Bound', type: 'integer', jsonPath: '.status.members.bound', description: 'members on their nodes' },
    { name: 'Reason', type: 'string', jsonPath: '.status.reason' },
    { name: 'Queue', type: 'string', jsonPath: '.status.queue', priority: 1 },
    { name: 'Priority', type: 'integer', jsonPath: '.status.priority', priority: 1 },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
    { name: 'Message', type: 'string', jsonPath: '.status.message', priority: 1 },
  ],
};
