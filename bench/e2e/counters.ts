/** What the processes count themselves: writes that reached the API server, and how busy our event loop was. */
import { Agent, request } from 'undici';
import type { Kube } from '../../test/e2e/harness/kube.ts';

/** `of`: labels that must be there, with one of these values; absent: any. Sum over all series of the name. */
function sumOf(text: string, name: string, of: Readonly<Record<string, readonly string[]>> = {}): number {
  let sum = 0;
  for (const line of text.split('\n')) {
    if (!line.startsWith(name) || (line[name.length] !== '{' && line[name.length] !== ' ')) continue;
    const labels = new Map([...line.matchAll(/(\w+)="([^"]*)"/g)].map((match) => [match[1]!, match[2]!]));
    if (Object.entries(of).every(([label, values]) => values.includes(labels.get(label) ?? '')))
      sum += Number(line.slice(line.lastIndexOf(' ') + 1));
  }
  return sum;
}

const WRITES = { verb: ['POST', 'PUT', 'PATCH', 'DELETE', 'APPLY'], resource: ['pods', 'events'] };

/** Creations, Bindings, patches of pods and events that kube-apiserver answered so far, whoever sent them. */
export async function writesAt(apiserver: Kube): Promise<number> {
  const { body } = await apiserver.call('GET', '/metrics');
  return sumOf(String(body), 'apiserver_request_total', WRITES);
}

/** Seconds that our event loop was at work so far. */
export async function busySeconds(url: string): Promise<number> {
  const agent = new Agent({ connect: { rejectUnauthorized: false } });
  try {
    const { body } = await request(`${url}/metrics`, { dispatcher: agent });
    return sumOf(await body.text(), 'muster_event_loop_busy_seconds_total');
  } finally {
    await agent.destroy();
  }
}
