/** Binds a second against the embedded API on loopback, 16 at a time, and how many API calls each one makes. */
import { Pool } from 'undici';
import { start } from './child.ts';
import { podObject } from './pods.ts';
import { atLeast, type Measured } from './row.ts';
import { nodeNames } from './world.ts';

const NODES = 1_000;
const BINDS = 4_000;
const CALLERS = 16;

export async function bind(): Promise<Measured[]> {
  const api = await start('serve-api.ts', { nodes: 1, boundPods: 0 });
  const extender = await start('serve-extender.ts', {
    nodes: NODES,
    pods: NODES,
    api: await api.ask('url'),
    claims: 0,
  });
  const pool = new Pool(await extender.ask<string>('url'), { connections: CALLERS });
  const post = async (path: string, body: object): Promise<string> => {
    const answer = await pool.request({
      method: 'POST',
      path,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return await answer.body.text();
  };
  try {
    const names = nodeNames(NODES);
    const pods = await api.ask<{ name: string; uid: string }[]>('pending', BINDS);
    const chosen: { PodName: string; PodNamespace: string; PodUID: string; Node: string }[] = [];
    await each(pods, async ({ name, uid }, at) => {
      const pod = podObject(at, 2) as { metadata: object };
      Object.assign(pod.metadata, { name, uid, namespace: 'default' });
      const { NodeNames } = JSON.parse(
        await post('/filter', { Pod: pod, Nodes: null, NodeNames: names.slice(at % 500, (at % 500) + 500) }),
      ) as { NodeNames: string[] };
      if (NodeNames.length !== 1) throw new Error('filter found no node');
      chosen.push({ PodName: name, PodNamespace: 'default', PodUID: uid, Node: NodeNames[0]! });
    });
    const before = { ...(await extender.ask<Record<string, number>>('calls')) };
    const begun = performance.now();
    await each(chosen, async (request) => {
      const answer = await post('/bind', request);
      if (answer !== '{"Error":""}') throw new Error(`bind: ${answer}`);
    });
    const seconds = (performance.now() - begun) / 1000;
    const calls = await extender.ask<Record<string, number>>('calls');
    const made = Object.entries(calls).reduce((sum, [kind, count]) => sum + count - (before[kind] ?? 0), 0);
    const rate = BINDS / seconds;
    return [
      { name: 'bind', value: rate, unit: '/s', ...atLeast('/s', rate, 500) },
      {
        name: 'bind, API calls each',
        value: made / BINDS,
        unit: 'calls',
        target: 'exactly 1',
        met: made === BINDS && calls['POST binding'] === BINDS,
      },
    ];
  } finally {
    await pool.close();
    await extender.close();
    await api.close();
  }
}

async function each<T>(list: readonly T[], use: (item: T, at: number) => Promise<void>): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: CALLERS }, async () => {
      for (let at = next++; at < list.length; at = next++) await use(list[at]!, at);
    }),
  );
}
