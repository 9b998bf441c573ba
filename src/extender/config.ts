/** The extender's configuration file (YAML or JSON): every key, its default, and errors that name the key and the remedy. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { DEVICE_POLICIES, NODE_POLICIES } from '../core/gpu/request.ts';
import { ExtenderError } from './errors.ts';

const port = z.int().min(0).max(65_535);
const name = z.string().min(1).max(253);
const file = z.string().min(1);
const host = z.string().min(1);

const listen = z.strictObject({
  host: host.default('127.0.0.1').describe('address to listen on; plain HTTP is allowed on loopback only'),
  port: port.default(8888).describe('0: any free port'),
  tls: z
    .strictObject({
      certFile: file.describe('PEM, read again when it changes'),
      keyFile: file,
      clientCaFile: file.optional().describe('mTLS: only clients with a certificate of this CA are served'),
    })
    .optional(),
  bodyLimitMib: z
    .int()
    .min(1)
    .max(1024)
    .default(32)
    .describe(
      'a pod and 100,000 names fit, or some 2,000 whole nodes (a scheduler that is not nodeCacheCapable sends those)',
    ),
});

const health = z.strictObject({
  enabled: z
    .boolean()
    .default(false)
    .describe('also serve /livez, /readyz and /metrics here, for kubelet and Prometheus'),
  host: host.default('0.0.0.0'),
  port: port.default(8086),
});

const webhook = z.strictObject({
  enabled: z.boolean().default(false),
  host: host.default('::'),
  port: port.default(9443),
  certificates: z
    .discriminatedUnion('kind', [
      z.strictObject({
        kind: z.literal('self-made').describe('kept in a Secret, renewed, caBundle patched by the deciding extender'),
        namespace: name.default('muster-system'),
        secret: name.default('muster-webhook-certs'),
        service: name.default('muster-webhook'),
        configuration: name.default('muster-webhook'),
      }),
      z.strictObject({
        kind: z.literal('files').describe('mounted, e.g. by cert-manager'),
        certFile: file,
        keyFile: file,
      }),
    ])
    .prefault({ kind: 'self-made' }),
});

const record = z.strictObject({
  maxMib: z.number().positive().max(4096).default(64).describe('of inputs; the state they begin with comes on top'),
  file: file
    .optional()
    .describe('written at SIGUSR2 and at the end; .gz and .zst are compressed. Any time: GET /debug/recording'),
});

const placer = z.strictObject({
  enabled: z
    .boolean()
    .default(false)
    .describe(
      'decide ahead of kube-scheduler: gangs and pods that wait behind our gate, backlogs of large clusters; kube-scheduler may then sample nodes',
    ),
  concurrency: z.int().min(1).max(1024).default(64).describe('writes under way at a time'),
  nominateSeconds: z
    .number()
    .positive()
    .max(60)
    .default(3)
    .describe('how many seconds of binds, at the rate of the last ones, are decided ahead'),
  nominateLeast: z
    .int()
    .min(1)
    .max(100_000)
    .default(256)
    .describe('… and never fewer pods than this: what keeps kube-scheduler busy while the rate is not known'),
  minNodes: z
    .int()
    .min(0)
    .default(200)
    .describe(
      'from so many nodes on, where kube-scheduler offers a part of them, pods without our gate are nominated, too',
    ),
  minBacklog: z
    .int()
    .min(0)
    .default(20)
    .describe('… while so many of them wait, and what is offered would often miss the best node'),
  exposeHead: z
    .int()
    .min(0)
    .max(1_000)
    .default(4)
    .describe(
      'pods at the head of the line that fit nowhere and are let through to kube-scheduler, so that autoscalers and preemption see them; 0: none',
    ),
});

const schema = z
  .strictObject({
    listen: listen.prefault({}),
    health: health.prefault({}),
    webhook: webhook.prefault({}),
    schedulerName: name.default('muster-scheduler').describe('profile whose pods are ours'),
    extraProfiles: z.array(name).default([]).describe('further scheduler names whose pods are ours'),
    leadership: z
      .enum(['lease', 'always'])
      .default('lease')
      .describe('lease: decide while our kube-scheduler leads; always: one scheduler without leader election'),
    schedulerIdentity: name.optional().describe('host name of our kube-scheduler; default: environment POD_NAME'),
    lease: z
      .strictObject({ namespace: name.default('muster-system'), name: name.default('muster-scheduler') })
      .prefault({})
      .describe('leaderElection.resourceNamespace and resourceName of kube-scheduler'),
    renewDeadlineSeconds: z.number().positive().default(10).describe('as in leaderElection of kube-scheduler'),
    leaseDurationSeconds: z.number().positive().default(15).describe('as in leaderElection of kube-scheduler'),
    callDeadlineMs: z.int().min(100).max(30_000).default(4_000).describe('one Binding, all attempts together'),
    patienceMs: z
      .int()
      .min(0)
      .max(30_000)
      .default(2_000)
      .describe(
        'how long filter and preempt wait for this extender to decide (start, takeover) before they fail; below httpTimeout; 0 where the scheduler has other profiles',
      ),
    shortList: z.int().min(1).max(100).default(1).describe('nodes that filter answers; 1: ours alone decides'),
    nodePolicy: z.enum(NODE_POLICIES).default('muster'),
    devicePolicy: z.enum(DEVICE_POLICIES).default('pack'),
    holdSeconds: z.number().min(1).max(600).default(30).describe('how long a hold made by filter waits for its bind'),
    gangGraceSeconds: z
      .number()
      .min(1)
      .max(86_400)
      .default(60)
      .describe(
        'how long fewer than minMember members may be alive before a gang is Degraded and its onMemberLoss counts',
      ),
    runtimeClassName: z
      .string()
      .default('nvidia')
      .describe("set by the webhook where that RuntimeClass exists; '' never"),
    largestDeviceMib: z.int().positive().default(81_559).describe('turns memory-only requests into a least gpu-milli'),
    aliyunUnit: z.enum(['GiB', 'MiB']).default('GiB').describe('what one aliyun.com/gpu-mem is'),
    envGuard: z.boolean().default(true).describe('refuse pods on managed nodes that the webhook did not prepare'),
    placer: placer.prefault({}),
    record: record.optional().describe('keep what was told and answered, for muster replay; absent: off'),
    kubeconfig: file.optional().describe('default: $KUBECONFIG, ~/.kube/config, the service account'),
    logLevel: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  })
  .superRefine((config, context) => {
    const complain = (path: string[], message: string): void => {
      context.addIssue({ code: 'custom', path, message });
    };
    if (config.renewDeadlineSeconds >= config.leaseDurationSeconds) {
      complain(['renewDeadlineSeconds'], 'must be less than leaseDurationSeconds; use the values of kube-scheduler');
    }
    const margin = (config.leaseDurationSeconds - config.renewDeadlineSeconds) * 1000;
    if (config.leadership === 'lease' && config.callDeadlineMs > margin) {
      complain(
        ['callDeadlineMs'],
        `must be at most leaseDurationSeconds − renewDeadlineSeconds (${margin} ms): a Binding may not outlive the lease it was sent under`,
      );
    }
    if (config.leadership === 'lease' && config.schedulerIdentity === undefined) {
      complain(
        ['schedulerIdentity'],
        'is missing; set it or the environment POD_NAME to the host name of kube-scheduler, or leadership to always',
      );
    }
    if (config.listen.tls === undefined && !isLoopback(config.listen.host)) {
      complain(
        ['listen', 'host'],
        `plain HTTP is served on loopback only; set listen.tls, or listen.host to 127.0.0.1`,
      );
    }
  });

export type ExtenderConfig = Readonly<z.output<typeof schema>>;

/** Throws ExtenderError('config') with one line per wrong key. The environment gives `schedulerIdentity` (POD_NAME) only. */
export function readConfig(value: unknown, env: NodeJS.ProcessEnv = {}): ExtenderConfig {
  const given = typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : (value ?? {});
  if (env.POD_NAME && typeof given === 'object') Object.assign(given, { schedulerIdentity: env.POD_NAME, ...given });
  const result = schema.safeParse(given);
  if (result.success) return result.data;
  const lines = result.error.issues.map(({ path, message, code, ...issue }) => {
    const key = path.join('.') || 'the file';
    return code === 'unrecognized_keys'
      ? `${[...path, (issue as { keys?: string[] }).keys?.join(', ')].join('.')}: no such key; remove it or correct its spelling`
      : `${key}: ${message}`;
  });
  throw new ExtenderError('config', `configuration cannot be used:\n  ${lines.join('\n  ')}`);
}

/** Throws ExtenderError('config'). */
export function readConfigFile(path: string, env: NodeJS.ProcessEnv = {}): ExtenderConfig {
  let value: unknown;
  try {
    value = parse(readFileSync(path, 'utf8'), { maxAliasCount: 100 });
  } catch (error) {
    const what = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw new ExtenderError('config', `configuration file ${path} cannot be read: ${what}`);
  }
  return readConfig(value, env);
}

/** The names of pods' schedulers that are ours. */
export const schedulerNames = (config: ExtenderConfig): readonly string[] => [
  ...new Set([config.schedulerName, ...config.extraProfiles]),
];

const isLoopback = (address: string): boolean =>
  address === 'localhost' || address === '::1' || /^127\.\d+\.\d+\.\d+$/.test(address);
