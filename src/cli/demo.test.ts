import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { connect } from '../kube/undici-adapter.ts';
import type { StartExtender } from './demo/extender-process.ts';
import { runDemo } from './demo/run.ts';

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url));

/** Gives every pod the whole first device of h100-0, however often it was given away. */
const startCheat: StartExtender = async ({ apiServer }) => {
  const transport = await connect({ server: apiServer, component: 'test' });
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, string> & { NodeNames?: string[] };
    if (request.url !== '/bind') {
      response.end(JSON.stringify({ NodeNames: body.NodeNames?.filter((name) => name === 'h100-0') }));
      return;
    }
    const device = { uuid: null, index: 0, mib: 81_559, milli: 1000 };
    const claim = JSON.stringify({ containers: [{ name: 'main', slot: 'c0', sidecar: false, devices: [device] }] });
    const annotations = { 'muster.dev/claim': claim, 'muster.dev/visible-devices.c0': '0' };
    const path = `/api/v1/namespaces/${body.PodNamespace}/pods/${body.PodName}/binding`;
    const binding = {
      metadata: { name: body.PodName, uid: body.PodUID, annotations },
      target: { kind: 'Node', name: body.Node },
    };
    await transport.request({ method: 'POST', path, body: binding, timeoutMs: 5000 });
    response.end('{"Error":""}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // webhooks ask for gpu-milli, which the real extender writes into the status of nodes
  const status = { capacity: { 'muster.dev/gpu-milli': '8000' }, allocatable: { 'muster.dev/gpu-milli': '8000' } };
  const patch = {
    method: 'PATCH',
    path: '/api/v1/nodes/h100-0/status',
    contentType: 'application/merge-patch+json',
    body: { status },
    timeoutMs: 5000,
  } as const;
  await transport.request(patch);
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    kill: () => false,
    async close() {
      await transport.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
};

const never = new Promise<void>(() => {});

describe('muster demo', () => {
  it('places pods with the real extender, ends by itself with one summary line, and succeeds', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [
      MAIN,
      'demo',
      '--for',
      '3',
      '--rate',
      '20',
      '--seed',
      '7',
    ]);
    const last = stdout.trimEnd().split('\n').at(-1);
    expect(last).toMatch(
      /^placed \d+ pods on \d+ devices \(.*\), \d+ waiting, max device \d+ %, none ever over 100 %$/,
    );
    expect(Number(/placed (\d+)/.exec(last!)?.[1])).toBeGreaterThan(20);
    expect(stdout).not.toContain('\u001b');
    const [, kubeconfig = ''] = /^export KUBECONFIG=(\S+); kubectl get pods -A$/m.exec(stdout) ?? [];
    expect(kubeconfig).toMatch(/muster-demo-\w+\/kubeconfig$/);
    expect(existsSync(kubeconfig)).toBe(false);
  });

  it('ends at once when the user wants to', async () => {
    let text = '';
    const output = { write: (piece: string) => (text += piece), terminal: null };
    const options = { forSeconds: null, seed: 1, nodes: 2, rate: 5 };
    expect(await runDemo(options, startCheat, output, Promise.resolve())).toBeLessThan(2);
    expect(text).toMatch(/placed \d+ pods/);
  });

  it('fails when a device was ever over 100 %, and names it', async () => {
    let text = '';
    const output = { write: (piece: string) => (text += piece), terminal: null };
    const options = { forSeconds: 1.5, seed: 1, nodes: 2, rate: 20 };
    expect(await runDemo(options, startCheat, output, never)).toBe(1);
    expect(text).toMatch(/FAULTS: GPU 0 of h100-0 is 200\.0 % full/);
  });

  it('refuses options that make no sense, naming what it expects', async () => {
    const failed = await promisify(execFile)(process.execPath, [MAIN, 'demo', '--nodes', '0']).catch(
      (error: { stderr: string }) => error,
    );
    expect(failed.stderr).toContain('expected a whole number from 1 to 500');
  });
});
