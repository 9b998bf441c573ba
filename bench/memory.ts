/**
 * What the extender with real informers costs at 5,000 nodes and 50,000 bound pods: memory, time until it is ready, and how long
 * its event loop is held while it syncs and, with 100 claims a second coming and going and filter calls, after.
 */
import { filterBodies } from './bodies.ts';
import { EXTENDER_FLAGS, start } from './child.ts';
import { atMost, type Measured } from './row.ts';

const NODES = 5_000;
const PODS = 50_000;
const CLAIMS_PER_SECOND = 100;
const CALLS = 1_000;
const PAUSE_MS = 8;

export async function memory(): Promise<Measured[]> {
  const api = await start('serve-api.ts', { nodes: NODES, boundPods: PODS });
  const extender = await start('serve-informed.ts', { api: await api.ask('url') }, EXTENDER_FLAGS);
  try {
    const { readySeconds, syncBlockMs } = await extender.ask<{ readySeconds: number; syncBlockMs: number }>('start');
    const synced = await extender.ask<{ rssMib: number; peakRssMib: number }>('since');
    await api.ask('churn', CLAIMS_PER_SECOND);
    const url = `${await extender.ask<string>('url')}/filter`;
    const names = Array.from({ length: NODES }, (_, at) => `h100-${at}.eu-west-1.compute.internal`);
    const bodies = filterBodies(names, 'shuffled');
    // the first calls build the index of their shapes
    for (const body of bodies.slice(0, 8)) await fetch(url, { method: 'POST', body: body as Uint8Array<ArrayBuffer> });
    const first = await extender.ask<{ blockMs: number }>('since');
    for (let at = 0; at < CALLS; at++) {
      const answer = await fetch(url, { method: 'POST', body: bodies[at % bodies.length]! as Uint8Array<ArrayBuffer> });
      const text = await answer.text();
      if (!text.includes('"Error":""') || text.includes('"NodeNames":[]'))
        throw new Error(`not a placement: ${text.slice(0, 200)}`);
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    const after = await extender.ask<{ blockMs: number; rssMib: number; peakRssMib: number }>('since');
    return [
      { name: 'memory, RSS', value: after.rssMib, unit: 'MiB', ...atMost('MiB', after.rssMib, 450) },
      { name: 'memory, highest RSS while syncing', value: synced.peakRssMib, unit: 'MiB' },
      {
        name: 'memory, highest RSS after',
        value: after.peakRssMib,
        unit: 'MiB',
        ...atMost('MiB', after.peakRssMib, 450),
      },
      { name: 'memory, ready after start', value: readySeconds, unit: 's', ...atMost('s', readySeconds, 5) },
      {
        name: 'memory, longest block while syncing',
        value: syncBlockMs,
        unit: 'ms',
        ...atMost('ms', syncBlockMs, 100),
      },
      { name: 'memory, longest block, first calls', value: first.blockMs, unit: 'ms' },
      { name: 'memory, longest block after', value: after.blockMs, unit: 'ms', ...atMost('ms', after.blockMs, 20) },
    ];
  } finally {
    await extender.close();
    await api.close();
  }
}
