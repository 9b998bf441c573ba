/** The extender as a user starts it, in a process of its own, before any API server on loopback. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../e2e/harness/loopback.ts';
import { Process } from '../e2e/harness/process.ts';
import { waitFor } from '../e2e/harness/wait.ts';
import { testAuthority } from './certificates.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts');

export type ExtenderProcess = {
  readonly process: Process;
  readonly port: number;
  readonly url: string;
  readonly webhookPort: number;
  /** whether filter decides */
  deciding(): Promise<boolean>;
  /** SIGTERM; true when it went by itself */
  stop(): Promise<boolean>;
};

/** Resolves when it answers /livez: perhaps not synced, perhaps not deciding. */
export async function startExtenderProcess(
  apiServer: string,
  settings: Record<string, unknown> = {},
): Promise<ExtenderProcess> {
  const directory = mkdtempSync(join(tmpdir(), 'muster-process-'));
  const [port, webhookPort] = (await freePorts(2)) as [number, number];
  const { issue } = await testAuthority();
  const { cert, key } = await issue('localhost');
  const files = { certFile: join(directory, 'tls.crt'), keyFile: join(directory, 'tls.key') };
  writeFileSync(files.certFile, cert);
  writeFileSync(files.keyFile, key);
  const kubeconfig = join(directory, 'kubeconfig.json');
  writeFileSync(kubeconfig, JSON.stringify(kubeconfigOf(apiServer)));
  const config = join(directory, 'extender.json');
  const webhook = { enabled: true, host: '127.0.0.1', port: webhookPort, certificates: { kind: 'files', ...files } };
  writeFileSync(
    config,
    JSON.stringify({
      listen: { port, bodyLimitMib: 8 },
      webhook,
      leadership: 'always',
      callDeadlineMs: 300,
      patienceMs: 100,
      kubeconfig,
      ...settings,
    }),
  );
  const child = new Process({
    name: 'extender',
    command: process.execPath,
    args: [MAIN, 'extender', '--config', config],
    directory,
    env: { NO_COLOR: '1' },
  });
  const url = `http://127.0.0.1:${port}`;
  const onTimeout = (): string => child.tail();
  await waitFor(
    async () => {
      if (child.ended !== null) throw new Error(`ended: ${child.ended}`);
      return (await fetch(`${url}/livez`)).status === 200;
    },
    { for: 'the extender to live', timeoutMs: 20_000, everyMs: 50, onTimeout },
  );
  return {
    process: child,
    port,
    url,
    webhookPort,
    async deciding() {
      const body = JSON.stringify({ Pod: { metadata: { name: 'p', namespace: 'n', uid: 'u' } }, NodeNames: [] });
      const answer = await fetch(`${url}/filter`, { method: 'POST', body });
      return ((await answer.json()) as { Error: string }).Error === '';
    },
    async stop() {
      const byItself = await child.stop(10_000);
      rmSync(directory, { recursive: true, force: true });
      return byItself;
    },
  };
}

function kubeconfigOf(server: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server } }],
    users: [{ name: 'u', user: { token: 'sesame-of-the-test' } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
}
