/**
 * Where the API server is and how we prove who we are. Inside a pod the service account's three files are read directly;
 * everything else goes through KubeConfig of @kubernetes/client-node, loaded only then (its import costs 0.3 s and 85 MB).
 */
import { existsSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ConnectError } from './errors.ts';

export type TlsMaterial = {
  ca?: string | Buffer;
  cert?: string | Buffer;
  key?: string | Buffer;
  passphrase?: string;
  servername?: string;
  rejectUnauthorized?: boolean;
};

export type Credentials = { headers: Readonly<Record<string, string>>; tls: TlsMaterial };

export type Endpoint = {
  /** `https://host:port` */
  origin: string;
  /** '' or a path before every request's, without a slash at its end */
  prefix: string;
  proxy: string | null;
  /** Reads files and runs credential plugins anew; call again when older than half a minute. Throws ConnectError. */
  credentials(): Promise<Credentials>;
};

export type EndpointOptions = {
  /** a file; default: $KUBECONFIG, ~/.kube/config, the pod's service account */
  kubeconfig?: string;
  /** default: the file's current context */
  context?: string;
  /** an API server without a kubeconfig, plain http on this machine only: `http://127.0.0.1:8080` */
  server?: string;
  /** where the service account is mounted; for tests */
  serviceAccount?: string;
};

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/** Throws ConnectError. */
export async function findEndpoint(options: EndpointOptions, env: NodeJS.ProcessEnv = process.env): Promise<Endpoint> {
  if (options.server !== undefined) {
    return { ...address(options.server), proxy: null, credentials: async () => ({ headers: {}, tls: {} }) };
  }
  const serviceAccount = options.serviceAccount ?? SERVICE_ACCOUNT;
  const outside = options.kubeconfig !== undefined || env.KUBECONFIG || existsSync(join(homedir(), '.kube', 'config'));
  if (!outside && existsSync(join(serviceAccount, 'token'))) return inCluster(serviceAccount, env);
  if (!outside) {
    throw new ConnectError(
      'kubeconfig',
      'no cluster: name a kubeconfig (--kubeconfig or $KUBECONFIG), or run in a pod that has a service account token',
    );
  }
  return fromKubeconfig(options);
}

function inCluster(folder: string, env: NodeJS.ProcessEnv): Endpoint {
  const host = env.KUBERNETES_SERVICE_HOST ?? 'kubernetes.default.svc';
  const port = env.KUBERNETES_SERVICE_PORT ?? '443';
  return {
    origin: `https://${isIP(host) === 6 ? `[${host}]` : host}:${port}`,
    prefix: '',
    proxy: null,
    async credentials() {
      // kubelet replaces both files before they run out
      const token = readSecret(join(folder, 'token')).toString('utf8').trim();
      return { headers: { authorization: `Bearer ${token}` }, tls: { ca: readSecret(join(folder, 'ca.crt')) } };
    },
  };
}

async function fromKubeconfig(options: EndpointOptions): Promise<Endpoint> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  const named = options.kubeconfig ?? 'the default kubeconfig';
  try {
    if (options.kubeconfig === undefined) config.loadFromDefault();
    else config.loadFromFile(options.kubeconfig);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    throw new ConnectError('kubeconfig', `${named} cannot be read or is not valid YAML${code}`);
  }
  if (options.context !== undefined) config.setCurrentContext(options.context);
  const context = config.getCurrentContext();
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new ConnectError('kubeconfig', `${named} has no cluster for the context "${context}"`);
  const user = config.getCurrentUser();
  const where = address(cluster.server);
  if (where.origin.startsWith('http:')) {
    // KubeConfig gives no credentials for plain http unless told that TLS does not matter; address() let this machine pass
    config.clusters = config.clusters.map((each) =>
      each.name === cluster.name ? { ...each, skipTLSVerify: true } : each,
    );
  }
  return {
    ...where,
    proxy: cluster.proxyUrl ?? null,
    async credentials() {
      const applied: Parameters<typeof config.applyToHTTPSOptions>[0] & { headers: Record<string, string> } = {
        headers: {},
      };
      try {
        await config.applyToHTTPSOptions(applied);
      } catch {
        const plugin = user?.exec?.command ?? user?.authProvider?.name;
        const source = plugin === undefined ? 'its files' : `the credential plugin "${plugin}"`;
        throw new ConnectError('credentials', `no credentials for the context "${context}" from ${source}`);
      }
      const headers: Record<string, string> = {};
      for (const [name, value] of Object.entries(applied.headers)) headers[name.toLowerCase()] = String(value).trim();
      if (typeof applied.auth === 'string') {
        headers.authorization ??= `Basic ${Buffer.from(applied.auth).toString('base64')}`;
      }
      return { headers, tls: tlsMaterial(applied as TlsMaterial) };
    },
  };
}

function tlsMaterial({ ca, cert, key, passphrase, servername, rejectUnauthorized }: TlsMaterial): TlsMaterial {
  return {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(passphrase === undefined ? {} : { passphrase }),
    ...(servername === undefined ? {} : { servername }),
    ...(rejectUnauthorized === undefined ? {} : { rejectUnauthorized }),
  };
}

function address(server: string): { origin: string; prefix: string } {
  let url: URL;
  try {
    url = new URL(server);
  } catch {
    throw new ConnectError('kubeconfig', 'the server of the cluster is no URL');
  }
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const loopback = host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && loopback)) {
    throw new ConnectError('insecure', `${url.origin}: only https is spoken, plain http to this machine excepted`);
  }
  return { origin: url.origin, prefix: url.pathname.replace(/\/+$/, '') };
}

function readSecret(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    throw new ConnectError('credentials', `cannot read ${path}`);
  }
}
