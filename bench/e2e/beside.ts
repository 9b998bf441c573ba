/** What runs beside kube-scheduler: nothing, the stub, or Muster's extender as its image starts it. */
import { join } from 'node:path';
import type { ControlPlane } from '../../test/e2e/harness/control-plane.ts';
import { account } from '../../test/e2e/harness/installed.ts';
import { freePorts } from '../../test/e2e/harness/loopback.ts';
import { Muster } from '../../test/e2e/harness/muster.ts';
import { Process } from '../../test/e2e/harness/process.ts';
import { waitFor } from '../../test/e2e/harness/wait.ts';
import type { Mode } from './modes.ts';

export type Beside = {
  readonly url: string;
  readonly pid: number;
  readonly tail: () => string;
  stop(): Promise<unknown>;
};

/** Resolves when it answers (and decides). */
export async function startBeside(
  plane: ControlPlane,
  mode: Pick<Mode, 'name' | 'beside' | 'settings'>,
  run: string,
  profileInto: string | null,
): Promise<Beside | null> {
  if (mode.beside === 'nothing') return null;
  if (mode.beside === 'stub') {
    const [port] = (await freePorts(1)) as [number];
    const api = { port, url: plane.url, ca: plane.ca, token: plane.token(account) };
    const stub = new Process({
      name: `stub-${run}`,
      command: process.execPath,
      args: [join(import.meta.dirname, 'stub.ts'), JSON.stringify(api)],
      directory: plane.directory,
    });
    const url = `http://127.0.0.1:${port}`;
    await waitFor(async () => (await fetch(`${url}/prioritize`, { method: 'POST', body: '{}' })).ok, {
      for: 'the stub to answer',
      onTimeout: () => stub.tail(),
    });
    return { url, pid: stub.pid, tail: () => stub.tail(), stop: () => stub.stop() };
  }
  const muster = await Muster.start(plane, {
    name: `muster-${run}`,
    account,
    settings: { webhook: { enabled: false }, ...mode.settings },
    env: { NODE_OPTIONS: nodeOptions(profileInto, `extender-${mode.name}-${run}`) },
  });
  await muster.ready(180_000);
  return { url: muster.url, pid: muster.process.pid, tail: () => muster.process.tail(), stop: () => muster.stop() };
}

/** As the image starts it. */
const nodeOptions = (profileInto: string | null, name: string): string =>
  [
    '--max-semi-space-size=4',
    ...(profileInto === null
      ? []
      : ['--cpu-prof', `--cpu-prof-dir=${profileInto}`, `--cpu-prof-name=${name}.cpuprofile`]),
  ].join(' ');
