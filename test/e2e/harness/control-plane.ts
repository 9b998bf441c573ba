/**
 * One etcd and one kube-apiserver on loopback, and any number of kube-schedulers in front of them: unmodified binaries, RBAC
 * on, no kubelet and no controller-manager. Users are tokens: `admin`, the kube-scheduler's user, and service accounts.
 * Stopped front to back: an apiserver whose etcd is gone hangs in its own shutdown.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { parse, stringify } from 'yaml';
import { binary } from './binaries.ts';
import { Kube } from './kube.ts';
import { freePorts } from './loopback.ts';
import { Process } from './process.ts';
import { waitFor } from './wait.ts';

export type ControlPlaneOptions = {
  /** users beside admin: a name as RBAC sees it → its groups (system:authenticated is added) */
  users?: Record<string, readonly string[]>;
  /** service accounts as `namespace/name` that get a token of their own */
  serviceAccounts?: readonly string[];
  featureGates?: Record<string, boolean>;
  /** further kube-apiserver flags */
  apiserverArgs?: readonly string[];
};

export type SchedulerOptions = {
  name: string;
  /** a KubeSchedulerConfiguration, as text or parsed; clientConnection is rewritten, the rest kept but for the fields below */
  config: string | SchedulerConfiguration;
  /** replaces scheme, host and port of every extender's urlPrefix; its path stays */
  extenderUrl?: string;
  /** overrides of leaderElection, e.g. shorter timings or another lease */
  leaderElection?: Record<string, unknown>;
  /** whose token it runs with; default the built-in user system:kube-scheduler */
  user?: string;
  /** host name of its own, the first part of its lease's holderIdentity */
  hostname?: string;
  verbosity?: number;
  args?: readonly string[];
};

export type SchedulerConfiguration = {
  leaderElection?: Record<string, unknown>;
  extenders?: { urlPrefix: string; [field: string]: unknown }[];
  [field: string]: unknown;
};

export type Scheduler = { process: Process; url: string; config: SchedulerConfiguration };

export const schedulerUser = 'system:kube-scheduler';

export class ControlPlane {
  readonly directory: string;
  readonly url: string;
  /** PEM that signs the apiserver's certificate */
  readonly ca: string;
  readonly admin: Kube;
  readonly etcd: Process;
  apiserver: Process;
  readonly schedulers: Process[] = [];
  readonly #tokens: ReadonlyMap<string, string>;
  readonly #clients: Kube[] = [];
  readonly #startApiserver: () => Process;

  private constructor(parts: {
    directory: string;
    url: string;
    ca: string;
    etcd: Process;
    apiserver: Process;
    startApiserver: () => Process;
    tokens: ReadonlyMap<string, string>;
  }) {
    this.directory = parts.directory;
    this.url = parts.url;
    this.ca = parts.ca;
    this.etcd = parts.etcd;
    this.apiserver = parts.apiserver;
    this.#startApiserver = parts.startApiserver;
    this.#tokens = parts.tokens;
    this.admin = this.as('admin');
  }

  /** Resolves when /readyz is ok and the namespace `default` exists (about 4 s). On failure nothing is left running. */
  static async start(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
    const directory = mkdtempSync(join(process.env.MUSTER_E2E_LOGS ?? tmpdir(), 'control-plane-'));
    const tokens = writeTokens(directory, options);
    const started: Process[] = [];
    try {
      const [etcdPort, securePort] = (await freePorts(2)) as [number, number];
      const etcd = startEtcd(directory, etcdPort);
      started.push(etcd);
      const key = writeServiceAccountKey(directory);
      const again = (): Process => startApiserver(directory, etcdPort, securePort, key, options);
      const apiserver = again();
      started.push(apiserver);
      const url = `https://127.0.0.1:${securePort}`;
      const ca = await waitFor(
        () => {
          if (apiserver.ended !== null) throw new Error(`kube-apiserver ended: ${apiserver.ended}`);
          return readFileSync(join(directory, 'certs', 'apiserver.crt'), 'utf8');
        },
        { for: "kube-apiserver's certificate", timeoutMs: 20_000, onTimeout: () => tails(started) },
      );
      const plane = new ControlPlane({ directory, url, ca, etcd, apiserver, startApiserver: again, tokens });
      await plane.ready();
      return plane;
    } catch (error) {
      for (const each of started.reverse()) await each.killHard();
      throw error;
    }
  }

  /** Waits until /readyz is ok and the namespace `default` exists. */
  async ready(): Promise<void> {
    const options = { timeoutMs: 60_000, onTimeout: () => tails([this.etcd, this.apiserver]) };
    const isReady = async (): Promise<boolean> => (await this.admin.call('GET', '/readyz')).status === 200;
    await waitFor(isReady, { ...options, for: 'kube-apiserver to be ready' });
    const namespace = '/api/v1/namespaces/default';
    await waitFor(async () => await this.admin.find(namespace), { ...options, for: 'namespace default' });
  }

  /** kill -9 of the API server, then the same one again on the same port and data; ready when it resolves */
  async killAndRestartApiserver(): Promise<void> {
    await this.apiserver.killHard();
    this.apiserver = this.#startApiserver();
    await this.ready();
  }

  /** the token of `admin`, a user, or a service account as `namespace/name` or by its full user name */
  token(user: string): string {
    const token = this.#tokens.get(user.startsWith('system:') || !user.includes('/') ? user : serviceAccount(user));
    if (token === undefined) throw new Error(`no token for ${user}: name it in users or serviceAccounts`);
    return token;
  }

  as(user: string): Kube {
    const client = new Kube({ url: this.url, ca: this.ca, token: this.token(user) });
    this.#clients.push(client);
    return client;
  }

  /** Writes a kubeconfig file and gives its path. `server` may be a proxy in front of the apiserver. */
  kubeconfig(user: string, server = this.url): string {
    const file = join(
      this.directory,
      `kubeconfig-${user.replaceAll(/[^a-z0-9-]/g, '-')}-${randomBytes(3).toString('hex')}`,
    );
    const text = stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        {
          name: 'e2e',
          cluster: server.startsWith('https:')
            ? { server, 'certificate-authority-data': Buffer.from(this.ca).toString('base64') }
            : { server },
        },
      ],
      users: [{ name: 'user', user: { token: this.token(user) } }],
      contexts: [{ name: 'e2e', context: { cluster: 'e2e', user: 'user' } }],
      'current-context': 'e2e',
    });
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  }

  /** Resolves when the scheduler answers /healthz; it may still wait for its lease. */
  async startScheduler(options: SchedulerOptions): Promise<Scheduler> {
    const kubeconfig = this.kubeconfig(options.user ?? schedulerUser);
    const config = rewriteConfig(options, kubeconfig);
    const file = join(this.directory, `${options.name}.yaml`);
    writeFileSync(file, stringify(config));
    const [port] = (await freePorts(1)) as [number];
    const scheduler = new Process({
      name: options.name,
      command: binary('kube-scheduler'),
      directory: this.directory,
      args: [
        `--config=${file}`,
        '--bind-address=127.0.0.1',
        `--secure-port=${port}`,
        `--cert-dir=${join(this.directory, `${options.name}-certs`)}`,
        `--authentication-kubeconfig=${kubeconfig}`,
        `--authorization-kubeconfig=${kubeconfig}`,
        `-v=${options.verbosity ?? 2}`,
        ...(options.args ?? []),
      ],
      ...(options.hostname === undefined ? {} : { hostname: options.hostname }),
      // Loopback calls to extenders must not meet a proxy that the machine's environment names.
      env: { NO_PROXY: '127.0.0.1,localhost', no_proxy: '127.0.0.1,localhost' },
    });
    this.schedulers.push(scheduler);
    const url = `https://127.0.0.1:${port}`;
    const agent = new Agent({ connect: { rejectUnauthorized: false } });
    try {
      await waitFor(
        async () => {
          if (scheduler.ended !== null) return 'ended';
          const { statusCode, body } = await request(`${url}/healthz`, { dispatcher: agent });
          await body.dump();
          return statusCode === 200;
        },
        { for: `${options.name} to be healthy`, onTimeout: () => scheduler.tail() },
      );
    } finally {
      await agent.destroy();
    }
    if (scheduler.ended !== null) throw new Error(`${options.name} ended at its start\n${scheduler.tail()}`);
    return { process: scheduler, url, config };
  }

  /** ends of all logs, for failure messages */
  tails(lines?: number): string {
    return tails([this.etcd, this.apiserver, ...this.schedulers], lines);
  }

  /** Stops schedulers, then the apiserver, then etcd, and removes the data (logs stay where MUSTER_E2E_LOGS is set). */
  async stop(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
    await Promise.all(this.schedulers.map((scheduler) => scheduler.stop(3_000)));
    await this.apiserver.stop(3_000);
    await this.etcd.stop(3_000);
    rmSync(join(this.directory, 'etcd'), { recursive: true, force: true });
    if (process.env.MUSTER_E2E_LOGS === undefined) rmSync(this.directory, { recursive: true, force: true });
  }
}

function startEtcd(directory: string, port: number): Process {
  const url = `http://127.0.0.1:${port}`;
  return new Process({
    name: 'etcd',
    command: binary('etcd'),
    directory,
    args: [
      `--data-dir=${join(directory, 'etcd')}`,
      `--listen-client-urls=${url}`,
      `--advertise-client-urls=${url}`,
      '--listen-peer-urls=http://127.0.0.1:0',
      '--unsafe-no-fsync',
      '--log-level=warn',
    ],
  });
}

function writeServiceAccountKey(directory: string): string {
  const { privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'sec1', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  const key = join(directory, 'service-accounts.key');
  writeFileSync(key, privateKey, { mode: 0o600 });
  return key;
}

function startApiserver(
  directory: string,
  etcd: number,
  port: number,
  key: string,
  options: ControlPlaneOptions,
): Process {
  const gates = Object.entries(options.featureGates ?? {}).map(([gate, on]) => `${gate}=${on}`);
  return new Process({
    name: 'kube-apiserver',
    command: binary('kube-apiserver'),
    directory,
    args: [
      `--etcd-servers=http://127.0.0.1:${etcd}`,
      '--bind-address=127.0.0.1',
      `--secure-port=${port}`,
      // A machine without a default route has no address to advertise; nothing here calls this one.
      '--advertise-address=198.51.100.1',
      `--cert-dir=${join(directory, 'certs')}`,
      '--service-cluster-ip-range=10.0.0.0/24',
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${key}`,
      `--service-account-signing-key-file=${key}`,
      `--token-auth-file=${join(directory, 'tokens.csv')}`,
      '--authorization-mode=RBAC',
      // Off because the controllers behind them do not run here. Priority, both webhook kinds and the policies stay on.
      '--disable-admission-plugins=ServiceAccount,TaintNodesByCondition,StorageObjectInUseProtection',
      // Ends at once at SIGTERM: no load balancer has to notice.
      '--shutdown-delay-duration=0s',
      ...(gates.length === 0 ? [] : [`--feature-gates=${gates.join(',')}`]),
      ...(options.apiserverArgs ?? []),
    ],
  });
}

function writeTokens(directory: string, options: ControlPlaneOptions): Map<string, string> {
  mkdirSync(directory, { recursive: true });
  const groups = new Map<string, readonly string[]>([
    ['admin', ['system:masters']],
    [schedulerUser, []],
    ...Object.entries(options.users ?? {}),
  ]);
  for (const account of options.serviceAccounts ?? []) {
    const [namespace] = account.split('/');
    groups.set(serviceAccount(account), ['system:serviceaccounts', `system:serviceaccounts:${namespace}`]);
  }
  const tokens = new Map([...groups.keys()].map((user) => [user, randomBytes(16).toString('hex')]));
  const lines = [...groups].map(
    ([user, its]) => `${tokens.get(user)},"${user}","${user}-uid","${[...its, 'system:authenticated'].join(',')}"`,
  );
  writeFileSync(join(directory, 'tokens.csv'), `${lines.join('\n')}\n`, { mode: 0o600 });
  return tokens;
}

function serviceAccount(account: string): string {
  const [namespace, name] = account.split('/');
  if (!namespace || !name) throw new Error(`${account} is not namespace/name`);
  return `system:serviceaccount:${namespace}:${name}`;
}

function rewriteConfig(options: SchedulerOptions, kubeconfig: string): SchedulerConfiguration {
  const given = typeof options.config === 'string' ? (parse(options.config) as SchedulerConfiguration) : options.config;
  const extenders = given.extenders?.map((extender) =>
    options.extenderUrl === undefined
      ? extender
      : { ...extender, urlPrefix: moved(extender.urlPrefix, options.extenderUrl) },
  );
  const connection = (given.clientConnection as Record<string, unknown> | undefined) ?? {};
  return {
    ...given,
    clientConnection: { ...connection, kubeconfig },
    leaderElection: { ...given.leaderElection, ...options.leaderElection },
    ...(extenders === undefined ? {} : { extenders }),
  };
}

function moved(urlPrefix: string, to: string): string {
  const url = new URL(urlPrefix);
  const target = new URL(to);
  url.protocol = target.protocol;
  url.hostname = target.hostname;
  url.port = target.port;
  return url.toString().replace(/\/$/, '');
}

function tails(processes: readonly Process[], lines?: number): string {
  return processes.map((each) => each.tail(lines)).join('\n');
}
